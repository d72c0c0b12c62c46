//! The bytes a decoder reads: one block at a time.
//!
//! In: a block that was read from a transport. Out: bodies. Small bodies are copied out, so that a body which is
//! kept pins only itself; large ones become slices of the block, which is then no longer reusable.

use bytes::Bytes;

/// Bodies below this size are copied out of the block: a kept small body must not pin 64 KiB.
pub const COPY_BELOW: usize = 4 << 10;

/// Bytes that arrived and were not decoded yet.
#[derive(Debug)]
pub struct Input {
    block: Block,
    position: usize,
}

#[derive(Debug)]
enum Block {
    /// Nobody else holds a part of it: it can be reused.
    Own(Vec<u8>),
    /// Bodies were sliced from it.
    Shared(Bytes),
}

impl Input {
    /// Starts at the front of a block.
    #[must_use]
    pub const fn new(block: Vec<u8>) -> Self {
        Self { block: Block::Own(block), position: 0 }
    }

    /// What was not taken yet.
    #[inline]
    #[must_use]
    pub fn remaining(&self) -> &[u8] {
        let all: &[u8] = match &self.block {
            Block::Own(block) => block,
            Block::Shared(block) => block,
        };
        all.get(self.position..).unwrap_or_default()
    }

    /// The next `N` bytes, not taken; `None` while fewer have arrived.
    #[inline]
    #[must_use]
    pub fn peek<const N: usize>(&self) -> Option<&[u8; N]> {
        self.remaining().first_chunk()
    }

    /// Skips `n` bytes; stops at the end.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        self.position = self.position.saturating_add(n.min(self.remaining().len()));
    }

    /// Takes the next `n` bytes as a body. Returns fewer only when fewer have arrived.
    #[inline]
    pub fn take(&mut self, n: usize) -> Bytes {
        let n = n.min(self.remaining().len());
        let end = self.position.saturating_add(n);
        if n < COPY_BELOW {
            let body = Bytes::copy_from_slice(self.remaining().get(..n).unwrap_or_default());
            self.position = end;
            return body;
        }
        if let Block::Own(block) = &mut self.block {
            self.block = Block::Shared(Bytes::from(std::mem::take(block)));
        }
        let body = match &self.block {
            Block::Shared(block) => block.slice(self.position..end),
            Block::Own(_) => Bytes::new(),
        };
        self.position = end;
        body
    }

    /// Whether anything was taken yet.
    #[must_use]
    pub const fn is_untouched(&self) -> bool {
        self.position == 0
    }

    /// Ends the decoding: the block, if nobody holds a part of it. What [`remaining`](Self::remaining) showed is still
    /// in it.
    #[must_use]
    pub fn into_block(self) -> Option<Vec<u8>> {
        match self.block {
            Block::Own(block) => Some(block),
            Block::Shared(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_bodies_are_copied_and_leave_the_block_reusable() {
        let mut input = Input::new(vec![7; 100]);
        assert_eq!(input.take(40), vec![7; 40]);
        assert_eq!(input.remaining().len(), 60);
        assert_eq!(input.into_block().map(|block| block.len()), Some(100));
    }

    #[test]
    fn large_bodies_are_slices() {
        let mut input = Input::new(vec![7; 3 * COPY_BELOW]);
        let at = input.remaining().as_ptr();
        let body = input.take(COPY_BELOW);
        assert_eq!(body.as_ptr(), at);
        assert_eq!(input.take(10).len(), 10);
        assert!(input.into_block().is_none(), "the body still holds the block");
    }

    #[test]
    fn taking_too_much_takes_what_is_there() {
        let mut input = Input::new(vec![1, 2]);
        input.advance(1);
        assert_eq!(input.take(9), vec![2]);
        input.advance(9);
        assert!(input.remaining().is_empty());
    }
}
