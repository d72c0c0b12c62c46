//! Where an encoder appends: one buffer of copied bytes, with large bodies in between by reference.
//!
//! In: `put` and `put_body` from encoders. Out: slices in order for one vectored write.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;

/// Bodies from this size on go by reference: below it, copying costs less than another slice to write.
pub const REFERENCE_FROM: usize = 16 << 10;

/// Encoded bytes on their way out.
#[derive(Debug, Default)]
pub struct Output {
    /// Everything that was copied, in order.
    copied: Vec<u8>,
    /// Bodies by reference, each with the offset in `copied` before which it stands; offsets never decrease.
    bodies: VecDeque<(usize, Bytes)>,
    /// Bytes of `copied` already written.
    position: usize,
    /// Bytes that remain, copied and referenced.
    len: usize,
}

impl Output {
    /// An empty output; allocates nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends a copy of `bytes`.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        self.copied.extend_from_slice(bytes);
        self.len = self.len.saturating_add(bytes.len());
    }

    /// Appends a body: a copy when it is small, a reference from [`REFERENCE_FROM`] on.
    #[inline]
    pub fn put_body(&mut self, body: &Bytes) {
        if body.len() < REFERENCE_FROM {
            self.put(body);
        } else {
            self.bodies.push_back((self.copied.len(), body.clone()));
            self.len = self.len.saturating_add(body.len());
        }
    }

    /// Moves everything of `other` behind what is here; `other` is empty afterwards and keeps its buffer.
    pub fn append(&mut self, other: &mut Self) {
        if self.is_empty() {
            self.clear();
            std::mem::swap(self, other);
            return;
        }
        let base = self.copied.len();
        let skip = other.position;
        self.copied.extend_from_slice(other.copied.get(skip..).unwrap_or_default());
        for (at, body) in other.bodies.drain(..) {
            self.bodies.push_back((base.saturating_add(at.saturating_sub(skip)), body));
        }
        self.len = self.len.saturating_add(other.len);
        other.clear();
    }

    /// The slices that wait, in order; at most `slices.len()` of them. Returns how many were filled.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        let mut from = self.position;
        let ends = self.bodies.iter().map(|(at, body)| (*at, Some(body)));
        for (at, body) in ends.chain([(self.copied.len(), None)]) {
            for part in [self.copied.get(from..at).unwrap_or_default(), body.map_or(&[][..], |body| body)] {
                if part.is_empty() {
                    continue;
                }
                let Some(slot) = slices.get_mut(filled) else { return filled };
                *slot = IoSlice::new(part);
                filled = filled.saturating_add(1);
            }
            from = at;
        }
        filled
    }

    /// Marks `n` bytes as written. More than [`len`](Self::len) empties the output.
    pub fn advance(&mut self, mut n: usize) {
        if n >= self.len {
            return self.clear();
        }
        self.len = self.len.saturating_sub(n);
        while n > 0 {
            let until = self.bodies.front().map_or(self.copied.len(), |(at, _)| *at);
            let copied = until.saturating_sub(self.position).min(n);
            self.position = self.position.saturating_add(copied);
            n = n.saturating_sub(copied);
            if n == 0 {
                return;
            }
            let Some((_, body)) = self.bodies.front_mut() else { return };
            if n < body.len() {
                bytes::Buf::advance(body, n);
                return;
            }
            n = n.saturating_sub(body.len());
            self.bodies.pop_front();
        }
    }

    /// Forgets everything and keeps the buffer, unless it grew beyond 256 KiB.
    pub fn clear(&mut self) {
        if self.copied.capacity() > 256 << 10 {
            self.copied = Vec::new();
        } else {
            self.copied.clear();
        }
        self.bodies.clear();
        self.position = 0;
        self.len = 0;
    }

    /// Gives the memory back; for a connection that falls idle.
    pub fn release(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Cuts back to `len` bytes; for an encoder that appended a part and then failed.
    pub fn truncate(&mut self, len: usize) {
        while self.len > len {
            let excess = self.len.saturating_sub(len);
            let behind = self.bodies.back().map_or(self.position, |(at, _)| *at);
            let copied = self.copied.len().saturating_sub(behind);
            if copied > 0 {
                let cut = copied.min(excess);
                self.copied.truncate(self.copied.len().saturating_sub(cut));
                self.len = self.len.saturating_sub(cut);
            } else if let Some((at, body)) = self.bodies.pop_back() {
                let keep = body.len().saturating_sub(excess);
                self.len = self.len.saturating_sub(body.len().saturating_sub(keep));
                if keep > 0 {
                    self.bodies.push_back((at, body.slice(..keep)));
                }
            } else {
                return;
            }
        }
    }

    /// Everything that waits, as one vector. For tests, layers and people who want bytes.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut slices = vec![IoSlice::new(&[]); self.bodies.len().saturating_mul(2).saturating_add(1)];
        let filled = self.slices(&mut slices);
        slices.iter().take(filled).flat_map(|slice| slice.iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filled(parts: &[(bool, usize)]) -> (Output, Vec<u8>) {
        let mut output = Output::new();
        let mut plain = Vec::new();
        for (n, (body, len)) in parts.iter().enumerate() {
            let bytes = Bytes::from(vec![n as u8; if *body { REFERENCE_FROM + len } else { *len }]);
            if *body {
                output.put_body(&bytes);
            } else {
                output.put(&bytes);
            }
            plain.extend_from_slice(&bytes);
        }
        (output, plain)
    }

    proptest! {
        #[test]
        fn any_way_of_writing_gives_the_same_bytes(
            parts in prop::collection::vec((any::<bool>(), 0usize..50), 0..8),
            steps in prop::collection::vec(1usize..20_000, 1..20),
        ) {
            let (mut output, plain) = filled(&parts);
            prop_assert_eq!(output.len(), plain.len());
            let mut written = Vec::new();
            for step in steps.iter().cycle().take(400) {
                let now = output.to_vec();
                prop_assert_eq!(now.len(), output.len());
                let n = (*step).min(now.len());
                written.extend_from_slice(&now[..n]);
                output.advance(n);
            }
            written.extend(output.to_vec());
            prop_assert_eq!(written, plain);
        }

        #[test]
        fn appending_and_cutting_back_are_exact(
            a in prop::collection::vec((any::<bool>(), 0usize..50), 0..6),
            b in prop::collection::vec((any::<bool>(), 0usize..50), 0..6),
            skip in 0usize..40_000, keep in 0usize..60_000,
        ) {
            let (mut first, mut plain) = filled(&a);
            let (mut second, more) = filled(&b);
            let skip = skip.min(more.len());
            second.advance(skip);
            first.append(&mut second);
            plain.extend_from_slice(&more[skip..]);
            prop_assert_eq!(first.to_vec(), plain.clone());
            prop_assert!(second.is_empty());
            first.truncate(keep);
            plain.truncate(keep);
            prop_assert_eq!(first.to_vec(), plain);
        }
    }
}
