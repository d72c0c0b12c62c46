//! A wiretap on what one side hands to its transport.
//!
//! In: the bytes that the transport took, and what was left of a turn when the connection died. Out: which packets
//! have begun to leave. It reads twelve bytes of header itself, so that it shares no code with what it checks.

use std::collections::HashSet;

#[derive(Debug, Default)]
pub(crate) struct Tap {
    head: Vec<u8>,
    /// Bytes of the current body that are still to come.
    body: usize,
    /// Code and sync of each packet of which at least one byte was taken.
    begun: HashSet<(u32, u32)>,
    /// Code and sync of the last of them, and whether it was taken whole.
    last: Option<(u32, u32)>,
    /// Not even the header of the last was taken whole.
    cut: bool,
}

impl Tap {
    pub(crate) fn took(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let skip = self.body.min(bytes.len());
            self.body -= skip;
            bytes = &bytes[skip..];
            let want = (12 - self.head.len()).min(bytes.len());
            self.head.extend_from_slice(&bytes[..want]);
            bytes = &bytes[want..];
            if self.head.len() == 12 {
                let word = |at: usize| u32::from_le_bytes(self.head[at..at + 4].try_into().expect("four"));
                self.last = Some((word(0), word(8)));
                self.begun.extend(self.last);
                self.body = word(4) as usize;
                self.head.clear();
            }
        }
    }

    /// The connection is over: `rest` is what the transport did not take, of which one packet may have begun.
    pub(crate) fn over(&mut self, rest: &[u8]) {
        if !self.head.is_empty() {
            self.cut = true;
            let want = (12 - self.head.len()).min(rest.len());
            self.took(&rest[..want]);
        }
    }

    /// Whether no packet was taken in part only.
    pub(crate) fn is_whole(&self) -> bool {
        self.body == 0 && self.head.is_empty() && !self.cut
    }

    /// Whether every byte of a packet was taken.
    pub(crate) fn has_left(&self, code: u32, id: u64) -> bool {
        let is_last = self.last == Some((code, id as u32));
        self.has_begun(code, id) && !(is_last && (self.body > 0 || self.cut))
    }

    pub(crate) fn has_begun(&self, code: u32, id: u64) -> bool {
        self.begun.contains(&(code, id as u32))
    }
}
