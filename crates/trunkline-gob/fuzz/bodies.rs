//! What every input must satisfy, as plain functions: a fuzzer calls them with its own bytes, and
//! `tests/fuzz.rs` with seeded ones at every run.

use trunkline_gob::{Decoder, Encoder, Error, Limits, Order, Raw, Registry, Value};

/// The trees a stream holds, and how it ends.
fn trees(bytes: &[u8], chunk: usize) -> (Vec<Value>, Option<Error>) {
    let mut decoder = Decoder::new(Limits::default());
    let mut values = Vec::new();
    for piece in bytes.chunks(chunk.max(1)) {
        decoder.push(piece);
        loop {
            match decoder.next_message() {
                Ok(Some(message)) => values.push(message.to_value().expect("plain form is readable")),
                Ok(None) => break,
                // The one error that is survived: go on behind the empty message.
                Err(Error::Truncated(_)) => {}
                Err(error) => return (values, Some(error)),
            }
        }
    }
    (values, None)
}

/// Reading never panics, does not depend on how bytes arrive, and every value read can travel on.
pub(crate) fn decode(bytes: &[u8]) {
    let (whole, end) = trees(bytes, usize::MAX);
    let (pieces, other) = trees(bytes, 1 + bytes.len() % 7);
    assert_eq!(format!("{whole:?}"), format!("{pieces:?}"), "pieces change the values");
    assert_eq!(end, other, "pieces change the end");

    let registry = Registry::new();
    let ty = "struct{ID uint64; Request interface{}}".parse().expect("a Go type");
    let mut decoder = Decoder::new(Limits::default());
    let mut encoders = [Encoder::new(Order::Ahead), Encoder::new(Order::Go)];
    decoder.push(bytes);
    while let Ok(Some(message)) = decoder.next_message() {
        let _ = registry.check(&message, &ty);
        message.decode::<serde::de::IgnoredAny>().expect("anything can be ignored");
        let tree = format!("{:?}", message.to_value().expect("plain form is readable"));
        let raw = message.to_raw().expect("any value can be taken out");
        let alone = Raw::from_bytes(raw.as_bytes(), Limits::default()).expect("it stands alone");
        assert_eq!(alone, raw, "taken out twice it is the same");
        for encoder in &mut encoders {
            let mut out = Vec::new();
            encoder.encode_raw(&raw, &mut out).expect("any value can be put in");
            let mut again = Vec::new();
            encoder.encode_raw(&raw, &mut again).expect("and once more");
            assert!(again.len() <= out.len(), "the second time nothing is defined");
        }
        let mut out = Vec::new();
        Encoder::new(Order::Go).encode_raw(&raw, &mut out).expect("a stream of its own");
        let mut reader = Decoder::new(Limits::default());
        reader.push(&out);
        let message = reader.next_message().expect("own bytes").expect("complete");
        assert_eq!(format!("{:?}", message.to_value().expect("readable")), tree, "the way changes the value");
    }
}

/// Type texts never panic.
pub(crate) fn go_type(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = text.parse::<trunkline_gob::GoType>();
    }
}
