//! Any bytes at all, to the layer of gorpc: what a fuzzer calls, and a seeded test.

use trunkline_wire::gorpc::Gorpc;
use trunkline_wire::{Dialect, Limits, Side, WireError};

use crate::random;

/// Feeds `data` to the layer of one side and returns how many bytes came out.
///
/// The first byte chooses the side and how much is asked for at once, the second how the rest arrives.
///
/// # Panics
/// When the layer panics or gives more than was asked for; when the way of arriving changes what comes out.
pub(crate) fn any_wrapped(data: &[u8]) -> usize {
    let [choice, arrival, stream @ ..] = data else { return 0 };
    let side = if choice & 1 == 0 { Side::Dialling } else { Side::Accepting };
    let max = usize::from(choice >> 1) * 64 + 1;
    let (plain, end) = unwrap(side, max, &[stream]);
    let (pieces, other) = unwrap(side, max, &random::chunks(stream, u64::from(*arrival)));
    // What is wrong is noticed sooner or later, but nothing else differs.
    assert_eq!(end.is_ok(), other.is_ok(), "{end:?} {other:?}");
    assert!(plain.starts_with(&pieces) || pieces.starts_with(&plain), "pieces change the bytes");
    assert!(end.is_err() || plain == pieces);
    plain.len()
}

fn unwrap(side: Side, max: usize, pieces: &[&[u8]]) -> (Vec<u8>, Result<(), WireError>) {
    let mut layer = Gorpc::new().start(side, &Limits::default()).layer.expect("gorpc has a layer");
    let mut plain = Vec::new();
    for mut wrapped in pieces.iter().copied() {
        loop {
            let before = (wrapped.len(), plain.len());
            if let Err(error) = layer.unwrap(&mut wrapped, &mut plain, max) {
                return (plain, Err(error));
            }
            assert!(plain.len() - before.1 <= max, "more than was asked for");
            if (wrapped.len(), plain.len()) == before {
                assert!(wrapped.is_empty(), "it takes nothing and gives nothing");
                break;
            }
        }
    }
    (plain, Ok(()))
}
