//! One direction of a transport, as bad as the script says.
//!
//! In: bytes, of which it takes as many as its window has room for. Out: the same bytes, in order, each piece when its
//! time has come, unless the direction is stalled; then the end, or nothing at all once it was cut. Never: what the
//! bytes mean.

use std::collections::VecDeque;

/// What a reader gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Bytes(Vec<u8>),
    /// The writer has closed, and everything before it was read.
    End,
}

#[derive(Debug)]
pub(crate) struct Pipe {
    /// When each piece arrives, and its bytes; an empty one is the end.
    pieces: VecDeque<(u64, Vec<u8>)>,
    in_flight: usize,
    window: usize,
    last: u64,
    stalled: bool,
    /// Bytes ever taken from the writer.
    taken: u64,
    /// The connection dies with this byte.
    cut_at: Option<u64>,
    /// Nothing gets through any more: what is written falls into a hole.
    dead: bool,
    /// The reader is gone: what is written is taken and dropped.
    discards: bool,
}

impl Pipe {
    pub(crate) const fn new(window: usize, cut_at: Option<u64>) -> Self {
        Self {
            pieces: VecDeque::new(),
            in_flight: 0,
            window,
            last: 0,
            stalled: false,
            taken: 0,
            cut_at,
            dead: false,
            discards: false,
        }
    }

    /// How many bytes the transport would take now.
    pub(crate) const fn room(&self) -> usize {
        if self.discards { self.window } else { self.window.saturating_sub(self.in_flight) }
    }

    /// Takes bytes that arrive at `at`, or later if something else does. `true` when the cut is reached.
    pub(crate) fn write(&mut self, mut bytes: Vec<u8>, at: u64) -> bool {
        let before = self.taken;
        self.taken += bytes.len() as u64;
        if self.discards {
            return false;
        }
        self.in_flight += bytes.len();
        if self.dead {
            return false;
        }
        let cut = self.cut_at.is_some_and(|cut| self.taken >= cut);
        if cut {
            bytes.truncate(self.cut_at.unwrap_or_default().saturating_sub(before) as usize);
        }
        self.last = self.last.max(at);
        if !bytes.is_empty() {
            self.pieces.push_back((self.last, bytes));
        }
        cut
    }

    /// The writer has closed.
    pub(crate) fn end(&mut self, at: u64) {
        if !self.dead && !self.discards {
            self.last = self.last.max(at);
            self.pieces.push_back((self.last, Vec::new()));
        }
    }

    /// What the reader can have now, at most `max` bytes.
    pub(crate) fn read(&mut self, now: u64, max: usize) -> Option<Read> {
        if self.stalled || self.pieces.front().is_none_or(|(at, _)| *at > now) {
            return None;
        }
        let (at, mut bytes) = self.pieces.pop_front()?;
        if bytes.is_empty() {
            return Some(Read::End);
        }
        if bytes.len() > max {
            let rest = bytes.split_off(max);
            self.pieces.push_front((at, rest));
        }
        self.in_flight -= bytes.len();
        Some(Read::Bytes(bytes))
    }

    /// When the next piece arrives, if that is later than now.
    pub(crate) fn next(&self, now: u64) -> Option<u64> {
        let at = self.pieces.front().map(|(at, _)| *at)?;
        (!self.stalled && at > now).then_some(at)
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(crate) const fn stall(&mut self, stalled: bool) {
        self.stalled = stalled;
    }

    /// The connection died. What is on its way is lost too, unless it is `kept`.
    pub(crate) fn die(&mut self, kept: bool) {
        self.dead = true;
        self.stalled = false;
        if !kept {
            self.pieces.clear();
        }
    }

    /// The reader of a dead connection is told that it ended.
    pub(crate) fn revive_for_end(&mut self, at: u64) {
        self.last = self.last.max(at);
        self.pieces.push_back((self.last, Vec::new()));
    }

    /// The reader is gone.
    pub(crate) fn discard(&mut self) {
        self.discards = true;
        self.pieces.clear();
        self.in_flight = 0;
    }
}
