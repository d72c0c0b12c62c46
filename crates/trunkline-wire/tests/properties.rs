//! What holds for every dialect, whatever is said: it is heard as it was said, however the bytes arrive, and a
//! limit admits exactly what it names.

#[path = "support/hear.rs"]
mod hear;
#[path = "properties/iproto.rs"]
mod iproto;
#[path = "properties/packet.rs"]
mod packet;
#[path = "support/random.rs"]
mod random;
#[path = "support/say.rs"]
mod say;
#[path = "properties/simple.rs"]
mod simple;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use trunkline_wire::{Dialect, EncodeError, Limits, Message, Side, WireError};

/// Something that can be said, and how the other side hears it.
#[derive(Clone, Debug)]
struct Saying {
    said: Message,
    heard: Vec<Message>,
}

impl Saying {
    /// Heard as it was said.
    fn plain(said: Message) -> Self {
        Self { heard: vec![said.clone()], said }
    }
}

/// Says everything on one side and requires that the other hears it, in any chunks.
fn hears(dialect: &dyn Dialect, side: Side, limits: &Limits, sayings: &[Saying], seed: u64) {
    let said: Vec<_> = sayings.iter().map(|saying| saying.said.clone()).collect();
    let heard: Vec<_> = sayings.iter().flat_map(|saying| saying.heard.clone()).collect();
    let stream = say::say(dialect, side, limits, &said).expect("sayable");
    for chunks in [vec![&stream[..]], stream.chunks(1).collect(), random::chunks(&stream, seed)] {
        let decoding = hear::hear(dialect, side.other(), limits, chunks);
        assert_eq!(decoding.messages, heard);
        assert_eq!(decoding.end, Ok(()));
    }
}

/// Requires that a body of `len` bytes passes if and only if `limit` admits it, on both ways, and that the reader
/// refuses it on the strength of the first `head` bytes.
fn admits(dialect: &dyn Dialect, limit: usize, len: usize, head: usize, say: impl Fn(Bytes) -> Message) {
    let message = [say(Bytes::from(vec![7; len]))];
    let limits = Limits { max_message: limit, ..Limits::default() };
    let said = say::say(dialect, Side::Dialling, &limits, &message);
    let stream = say::say(dialect, Side::Dialling, &Limits::default(), &message).expect("far from any limit");
    let arrives = if len > limit { &stream[..head] } else { &stream[..] };
    let end = hear::hear(dialect, Side::Accepting, &limits, [arrives]).end;
    if len <= limit {
        assert_eq!(said, Ok(stream));
        assert_eq!(end, Ok(()));
        return;
    }
    let (is_value, is_limit) = (len as u64, limit as u64);
    match said {
        Err(EncodeError::TooLarge { value, limit, .. }) => assert_eq!((value, limit), (is_value, is_limit)),
        other => panic!("sent {len} bytes over a limit of {limit}: {other:?}"),
    }
    match end {
        Err(WireError::TooLarge { value, limit, .. }) => assert_eq!((value, limit), (is_value, is_limit)),
        other => panic!("read {len} bytes over a limit of {limit}: {other:?}"),
    }
}

/// Failing cases are remembered beside the test that found them.
fn config() -> ProptestConfig {
    let beside = FileFailurePersistence::WithSource("regressions");
    ProptestConfig { failure_persistence: Some(Box::new(beside)), ..ProptestConfig::default() }
}

/// Limits up to 600 bytes, and lengths on both sides of them.
fn around_a_limit() -> impl Strategy<Value = (usize, usize)> {
    (0usize..600, -2i64..=2).prop_map(|(limit, by)| (limit, (limit as i64 + by).max(0) as usize))
}

/// Bodies, most of them short, some beyond every size at which something changes.
fn body() -> impl Strategy<Value = Bytes> {
    let short = prop::collection::vec(any::<u8>(), 0..64).prop_map(Bytes::from);
    let long = (3000usize..20_000, any::<u8>()).prop_map(|(len, byte)| Bytes::from(vec![byte; len]));
    prop_oneof![20 => short, 1 => long]
}
