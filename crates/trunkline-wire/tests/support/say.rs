//! Drives an encoder as an engine would: messages in, bytes out.

use trunkline_wire::{Dialect, EncodeError, Limits, Message, Output, Side};

/// Encodes messages in order; what the dialect refuses is an error.
pub(crate) fn say(
    dialect: &dyn Dialect,
    side: Side,
    limits: &Limits,
    messages: &[Message],
) -> Result<Vec<u8>, EncodeError> {
    let mut encoder = dialect.start(side, limits).encoder;
    let mut output = Output::new();
    for message in messages {
        let before = output.len();
        encoder.encode(message, &mut output).inspect_err(|error| {
            assert_eq!(output.len(), before, "{error}, but something of the message stays appended");
        })?;
    }
    Ok(output.to_vec())
}
