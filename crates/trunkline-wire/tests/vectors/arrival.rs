//! The ways in which one stream can arrive, which must not matter.

use trunkline_wire::{Dialect, Limits, Side};

use crate::{hear, random};

/// Decodes a stream in many ways of arriving and requires the same of all: whole, one byte at a time, in two
/// pieces at every border, in random chunks. Of streams above 2 KiB the borders at both ends are tried.
pub(crate) fn hear(dialect: &dyn Dialect, side: Side, limits: &Limits, stream: &[u8]) -> hear::Heard {
    let whole = hear::hear(dialect, side, limits, [stream]);
    let small = stream.len() <= 2 << 10;
    if small {
        assert_eq!(hear::hear(dialect, side, limits, stream.chunks(1)), whole, "one byte at a time");
    }
    let borders = (0..=stream.len()).filter(|at| small || *at < 40 || stream.len() - at < 40);
    for at in borders {
        let (head, tail) = stream.split_at(at);
        assert_eq!(hear::hear(dialect, side, limits, [head, tail]), whole, "cut at {at}");
    }
    for seed in 1..=8 {
        let pieces = random::chunks(stream, seed);
        assert_eq!(hear::hear(dialect, side, limits, pieces), whole, "random chunks of seed {seed}");
    }
    whole
}
