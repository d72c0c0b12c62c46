//! The shared lane: broadcasts that wait, and what happens when too many do.
//!
//! In: bytes that were encoded once for many peers. Out: the same, in order, less what gave way.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::config::Config;

/// A message for many peers: encoded once, held by reference in each.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The message, spelled for every peer whose encoder has the same shared key.
    pub bytes: Bytes,
    /// With [`Overflow::Coalesce`]: a newer message with the same key takes the place of an older one.
    pub key: Option<u64>,
}

/// What happens when more broadcasts wait for a peer than may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The peer is closed: at once at four times the limit, else when it is over the limit for
    /// [`Config::shared_patience`].
    #[default]
    Close,
    /// The message that waited longest gives way.
    DropOldest,
    /// The new message is not queued.
    DropNewest,
    /// A waiting message with the same key gives way, whatever waits; without one, the oldest does when there is no room.
    Coalesce,
}

/// What became of a broadcast to one peer.
#[derive(Debug)]
pub enum Queued {
    /// It waits to be sent.
    Queued,
    /// It waits to be sent, and these gave way to it.
    Displaced(Vec<Shared>),
    /// It was not queued.
    Dropped,
    /// The peer takes too little: close it.
    Overflowed {
        /// Bytes that wait.
        waiting: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

#[derive(Debug)]
pub(super) struct SharedLane {
    /// Each with its number, which grow along the queue.
    queue: VecDeque<(u64, Shared)>,
    /// Messages that ever joined.
    joined: u64,
    bytes: usize,
    /// Since when more waits than may.
    crowded: Option<Instant>,
    max_messages: usize,
    max_bytes: usize,
    patience: Duration,
}

impl SharedLane {
    pub(super) const fn new(config: &Config) -> Self {
        Self {
            queue: VecDeque::new(),
            joined: 0,
            bytes: 0,
            crowded: None,
            max_messages: config.shared_messages,
            max_bytes: config.shared_bytes,
            patience: config.shared_patience,
        }
    }

    pub(super) fn push(&mut self, shared: Shared, overflow: Overflow, now: Instant) -> Queued {
        let mut displaced = Vec::new();
        if overflow == Overflow::Coalesce
            && shared.key.is_some()
            && let Some(at) = self.queue.iter().position(|(_, waiting)| waiting.key == shared.key)
        {
            displaced.extend(self.remove(at));
        }
        let len = shared.bytes.len();
        if self.is_full(len, 1) {
            match overflow {
                Overflow::DropNewest => return Queued::Dropped,
                Overflow::Close => {
                    let since = *self.crowded.get_or_insert(now);
                    if self.is_full(len, 4) || now.saturating_duration_since(since) >= self.patience {
                        return Queued::Overflowed { waiting: self.bytes, limit: self.max_bytes };
                    }
                }
                Overflow::DropOldest | Overflow::Coalesce => {
                    while self.is_full(len, 1) {
                        displaced.extend(self.remove(0));
                    }
                }
            }
        }
        self.bytes = self.bytes.saturating_add(len);
        self.queue.push_back((self.joined, shared));
        self.joined = self.joined.saturating_add(1);
        if displaced.is_empty() { Queued::Queued } else { Queued::Displaced(displaced) }
    }

    /// Whether `len` more bytes would be over `times` the limits. One message of any size may wait.
    fn is_full(&self, len: usize, times: usize) -> bool {
        let bytes = self.bytes.saturating_add(len) > self.max_bytes.saturating_mul(times);
        !self.queue.is_empty() && (bytes || self.queue.len() >= self.max_messages.saturating_mul(times))
    }

    fn remove(&mut self, at: usize) -> Option<Shared> {
        let (_, shared) = self.queue.remove(at)?;
        self.bytes = self.bytes.saturating_sub(shared.bytes.len());
        Some(shared)
    }

    pub(super) fn pop(&mut self) -> Option<Bytes> {
        let shared = self.remove(0)?;
        if self.queue.is_empty() {
            self.crowded = None;
        }
        Some(shared.bytes)
    }

    /// Messages that joined so far.
    pub(super) const fn joined(&self) -> u64 {
        self.joined
    }

    /// Whether those who joined before that many have left.
    pub(super) fn has_passed(&self, joined: u64) -> bool {
        self.queue.front().is_none_or(|(number, _)| *number >= joined)
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Everything, for dropping elsewhere.
    pub(super) fn take(&mut self) -> VecDeque<(u64, Shared)> {
        self.bytes = 0;
        std::mem::take(&mut self.queue)
    }

    pub(super) fn release(&mut self) {
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_wire::iproto;

    fn lane() -> (SharedLane, Instant) {
        let defaults = Config::for_dialect(&iproto::PROFILE);
        let config = Config { shared_messages: 3, shared_bytes: 100, ..defaults };
        #[expect(clippy::disallowed_methods, reason = "a test needs some instant to count from")]
        let now = Instant::now();
        (SharedLane::new(&config), now)
    }

    fn message(n: u8, len: usize) -> Shared {
        Shared { bytes: Bytes::from(vec![n; len]), key: Some(u64::from(n)) }
    }

    fn order(lane: &mut SharedLane) -> Vec<u8> {
        std::iter::from_fn(|| lane.pop()).filter_map(|bytes| bytes.first().copied()).collect()
    }

    #[test]
    fn each_policy_does_what_it_says() {
        let (mut lane, now) = lane();
        for n in 1..=3 {
            assert!(matches!(lane.push(message(n, 1), Overflow::DropNewest, now), Queued::Queued));
        }
        assert!(matches!(lane.push(message(4, 1), Overflow::DropNewest, now), Queued::Dropped));
        assert!(
            matches!(lane.push(message(5, 1), Overflow::DropOldest, now), Queued::Displaced(gone) if gone.len() == 1)
        );
        assert!(matches!(lane.push(message(3, 1), Overflow::Coalesce, now), Queued::Displaced(_)));
        assert_eq!(order(&mut lane), [2, 5, 3]);
        assert_eq!(lane.bytes(), 0);
    }

    #[test]
    fn close_has_patience_and_a_hard_limit() {
        let (mut lane, now) = lane();
        for n in 0..12 {
            assert!(matches!(lane.push(message(n, 1), Overflow::Close, now), Queued::Queued), "{n}");
        }
        assert!(matches!(lane.push(message(12, 1), Overflow::Close, now), Queued::Overflowed { .. }));
        lane.pop();
        let later = now + Duration::from_secs(10);
        assert!(matches!(lane.push(message(13, 1), Overflow::Close, later), Queued::Overflowed { .. }));
    }

    #[test]
    fn one_message_of_any_size_may_wait() {
        let (mut lane, now) = lane();
        assert!(matches!(lane.push(message(1, 5000), Overflow::Close, now), Queued::Queued));
        assert!(matches!(lane.push(message(2, 1), Overflow::DropNewest, now), Queued::Dropped));
    }
}
