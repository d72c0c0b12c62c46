//! Seeded randomness: the same seed gives the same run everywhere.

/// Cuts a stream into chunks whose lengths follow from the seed.
pub(crate) fn chunks(mut stream: &[u8], seed: u64) -> Vec<&[u8]> {
    let mut random = Random(seed);
    let mut chunks = Vec::new();
    // Sizes from single bytes to a quarter of the stream, so that a large one ends in few chunks.
    let largest = (stream.len() as u64 / 4).max(1);
    while !stream.is_empty() {
        let bound = 1 + random.below(largest);
        let len = 1 + random.below(bound);
        let (head, tail) = stream.split_at((len as usize).min(stream.len()));
        chunks.push(head);
        stream = tail;
    }
    chunks
}

/// A seeded generator (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Any number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }
}
