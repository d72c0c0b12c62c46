//! Drives a decoder as an engine would: chunks in, messages and the end of the stream out.

use trunkline_wire::{Decoded, Dialect, Input, Limits, Message, Side, WireError};

/// What a decoder made of a whole stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// The messages, in order.
    pub(crate) messages: Vec<Message>,
    /// How the stream ended.
    pub(crate) end: Result<(), WireError>,
}

/// Decodes a stream that arrives in these chunks.
///
/// # Panics
/// When the decoder breaks its contract: it asks for fewer bytes than it already has.
pub(crate) fn hear<'a>(
    dialect: &dyn Dialect,
    side: Side,
    limits: &Limits,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Heard {
    let mut decoder = dialect.start(side, limits).decoder;
    let (mut messages, mut rest) = (Vec::new(), Vec::new());
    let mut enough = 0;
    for chunk in chunks {
        rest.extend_from_slice(chunk);
        if rest.len() < enough {
            continue;
        }
        let mut input = Input::new(std::mem::take(&mut rest));
        loop {
            match decoder.decode(&mut input) {
                Ok(Decoded::Message(message)) => messages.push(message),
                Ok(Decoded::More(want)) => {
                    let have = input.remaining().len();
                    assert!(want > have, "wants {want} bytes and has {have}: nothing would ever happen");
                    enough = want;
                    break;
                }
                Err(error) => return Heard { messages, end: Err(error) },
            }
        }
        rest = input.remaining().to_vec();
    }
    Heard { messages, end: decoder.finish(&rest) }
}
