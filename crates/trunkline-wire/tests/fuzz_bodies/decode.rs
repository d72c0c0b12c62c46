//! Any bytes at all, to every dialect: what a fuzzer calls, and a seeded test.

use std::sync::Arc;

use trunkline_wire::gorpc::Gorpc;
use trunkline_wire::iproto::Iproto;
use trunkline_wire::packet::{Head, Packet};
use trunkline_wire::simple::Simple;
use trunkline_wire::{Dialect, Limits, Message, Output, Side};

use crate::{hear, random};

/// The dialects that hear the bytes.
pub(crate) fn dialects() -> Vec<Arc<dyn Dialect>> {
    let packets = Head::ALL.map(|head| Arc::new(Packet::new(head)) as Arc<dyn Dialect>);
    packets
        .into_iter()
        .chain([Arc::new(Iproto::new()) as _, Arc::new(Simple::new()) as _, Arc::new(Gorpc::new()) as _])
        .collect()
}

/// Feeds `data` to one dialect and returns how many messages came out.
///
/// The first byte chooses dialect and side, the second the limit, the third how the rest arrives.
///
/// # Panics
/// When the decoder panics; when the way of arriving changes what is heard; when a message is over a limit; when
/// what was heard cannot be said again so that it is heard alike.
pub(crate) fn any_bytes(data: &[u8]) -> usize {
    let [choice, limit, arrival, stream @ ..] = data else { return 0 };
    let dialects = dialects();
    let dialect = &*dialects[usize::from(choice >> 1) % dialects.len()];
    let side = if choice & 1 == 0 { Side::Dialling } else { Side::Accepting };
    let limits = Limits { max_message: usize::from(*limit), max_route: 32, ..Limits::default() };

    let whole = hear::hear(dialect, side, &limits, [stream]);
    let chunks = random::chunks(stream, u64::from(*arrival));
    assert_eq!(hear::hear(dialect, side, &limits, chunks), whole);
    assert_eq!(hear::hear(dialect, side, &limits, stream.chunks(1)), whole);
    for message in &whole.messages {
        assert!(message.body().is_none_or(|body| body.len() <= limits.max_message), "{message:?}");
    }
    repeats(dialect, side, &limits, &whole.messages);
    whole.messages.len()
}

/// What was heard is said again by the other side; heard and said once more it gives the same bytes.
///
/// Once, because a control packet loses data that nobody reads; streams are left out, because an encoder may hold
/// an item back until it knows whether it is the last.
fn repeats(dialect: &dyn Dialect, side: Side, limits: &Limits, heard: &[Message]) {
    let said = say(dialect, side.other(), limits, heard);
    let again = hear::hear(dialect, side, limits, [&said[..]]);
    assert_eq!(again.end, Ok(()), "we said something broken");
    assert_eq!(say(dialect, side.other(), limits, &again.messages), said);
}

fn say(dialect: &dyn Dialect, side: Side, limits: &Limits, messages: &[Message]) -> Vec<u8> {
    let mut encoder = dialect.start(side, limits).encoder;
    let mut output = Output::new();
    for message in
        messages.iter().filter(|message| !matches!(message, Message::Item { .. } | Message::End { .. }))
    {
        // Some of what one side hears it could not say itself; the refusal must leave nothing behind.
        let before = output.len();
        if encoder.encode(message, &mut output).is_err() {
            assert_eq!(output.len(), before);
        }
    }
    output.to_vec()
}
