//! simple: only the dialling side asks, and the end of a stream travels on its last item.

use bytes::Bytes;
use proptest::prelude::*;
use trunkline_wire::simple::{Flags, Frame, PUSH, Simple};
use trunkline_wire::{
    Code, Dialect, EncodeError, Fault, Id, Limits, Message, Output, Route, Side, WireError,
};

use crate::{Saying, admits, around_a_limit, body, hear, hears, say};

fn route() -> impl Strategy<Value = Route> {
    "[ -~åß→]{0,40}".prop_map(Route::from)
}

fn id() -> impl Strategy<Value = Id> {
    (1..PUSH).prop_map(Id)
}

/// What a client says.
fn question() -> impl Strategy<Value = Saying> {
    prop_oneof![
        (id(), route(), body())
            .prop_map(|(id, route, body)| Saying::plain(Message::request(id, route, body))),
        (route(), body()).prop_map(|(route, body)| Saying::plain(Message::notify(route, body))),
    ]
}

/// What a server says: the code of a fault does not travel.
fn answer() -> impl Strategy<Value = Saying> {
    prop_oneof![
        (id(), route(), body()).prop_map(|(id, route, body)| Saying::plain(Message::reply(id, route, body))),
        (route(), body()).prop_map(|(route, body)| Saying::plain(Message::notify(route, body))),
        (id(), route(), "[ -~]{1,40}").prop_map(|(id, route, text)| Saying {
            said: Message::fault(id, route.clone(), Fault::new(Code::NotFound, text.clone())),
            heard: vec![Message::fault(id, route, Fault::new(Code::Unknown, text))],
        }),
    ]
}

/// A stream: its items, and whether it ends well.
fn stream() -> impl Strategy<Value = (Vec<Bytes>, bool)> {
    (prop::collection::vec(body(), 0..6), any::<bool>())
}

proptest! {
    #![proptest_config(crate::config())]

    #[test]
    fn is_heard_as_it_was_said(
        questions in prop::collection::vec(question(), 0..8),
        answers in prop::collection::vec(answer(), 0..8),
        seed: u64,
    ) {
        hears(&Simple::new(), Side::Dialling, &Limits::default(), &questions, seed);
        hears(&Simple::new(), Side::Accepting, &Limits::default(), &answers, seed);
    }

    #[test]
    fn a_limit_admits_what_it_names((limit, len) in around_a_limit()) {
        admits(&Simple::new(), limit, len, 16, |body| Message::request(Id(1), Route::from("/echo"), body));
    }

    /// Streams at once, their items in turn: each is heard in order, with as many elements as it had items.
    #[test]
    fn streams_are_heard_item_by_item(streams in prop::collection::vec(stream(), 1..4)) {
        let name = |stream: usize| Route::from(format!("/stream/{stream}"));
        let (mut said, mut expected) = (Vec::new(), vec![Vec::new(); streams.len()]);
        for turn in 0..6 {
            for (stream, (items, ends_well)) in streams.iter().enumerate() {
                let (id, route) = (Id(stream as u64 + 1), name(stream));
                let heard = &mut expected[stream];
                if let Some(body) = items.get(turn) {
                    said.push(Message::Item { id, route, body: body.clone() });
                    heard.extend(said.last().cloned());
                } else if turn == items.len() && *ends_well {
                    if items.is_empty() {
                        heard.push(Message::Item { id, route: route.clone(), body: Bytes::new() });
                    }
                    said.push(Message::End { id, route });
                    heard.extend(said.last().cloned());
                } else if turn == items.len() {
                    said.push(Message::fault(id, route, Fault::new(Code::Unknown, "broken")));
                    heard.extend(said.last().cloned());
                }
            }
        }
        let bytes = say::say(&Simple::new(), Side::Accepting, &Limits::default(), &said).expect("sayable");
        let heard = hear::hear(&Simple::new(), Side::Dialling, &Limits::default(), [&bytes[..]]).messages;
        for (stream, expected) in expected.iter().enumerate() {
            let of = |message: &&Message| match message {
                Message::Item { id, .. } | Message::End { id, .. } | Message::Fault { id, .. } => {
                    *id == Id(stream as u64 + 1)
                }
                other => panic!("{other:?}"),
            };
            let heard: Vec<_> = heard.iter().filter(of).cloned().collect();
            // A stream of six items has not ended yet, and its newest item is kept back.
            let whole = if streams[stream].0.len() < 6 { expected.len() } else { 5 };
            prop_assert_eq!(&heard, &expected[..whole]);
        }
    }
}

/// The flags of the frames that come out for these messages.
fn flags(messages: &[Message]) -> Vec<u8> {
    let bytes = say::say(&Simple::new(), Side::Accepting, &Limits::default(), messages).expect("sayable");
    let mut stream = bytes[..].into();
    std::iter::from_fn(|| Frame::decode(&mut stream, &Limits::default()).expect("ours"))
        .map(|frame| frame.flags.0)
        .collect()
}

fn item(body: &'static str) -> Message {
    Message::Item { id: Id(1), route: Route::from("/s"), body: body.into() }
}

fn end() -> Message {
    Message::End { id: Id(1), route: Route::from("/s") }
}

#[test]
fn the_end_rides_on_the_last_item() {
    assert_eq!(flags(&[item("a")]), [0u8; 0], "kept back");
    assert_eq!(flags(&[item("a"), item("b")]), [0x06]);
    assert_eq!(flags(&[item("a"), item("b"), end()]), [0x06, 0x0e]);
    assert_eq!(flags(&[end()]), [0x0e], "none is one empty element");
    assert_eq!(flags(&[item("a"), end(), item("b"), end()]), [0x0e, 0x0e], "an ended stream is forgotten");
}

#[test]
fn a_no_ends_what_the_caller_waits_for() {
    let fault = Message::fault(Id(1), Route::from("/s"), Fault::new(Code::Aborted, "why"));
    let reset = Message::Reset { id: Id(1), code: Code::Aborted };
    // A call must not be answered with the stream bit: simple-rpc's client would hang.
    assert_eq!(flags(std::slice::from_ref(&fault)), [0x12]);
    assert_eq!(flags(std::slice::from_ref(&reset)), [0x12]);
    assert_eq!(flags(&[item("a"), fault.clone()]), [0x06, 0x1e], "what was sent before a fault arrives");
    assert_eq!(flags(&[item("a"), reset.clone()]), [0x1e], "a reset drops what is kept back");
    assert_eq!(flags(&[item("a"), fault, end()]), [0x06, 0x1e, 0x0e], "and forgets the stream");
    assert_eq!(flags(&[item("a"), reset, end()]), [0x1e, 0x0e]);
}

#[test]
fn an_item_that_cannot_be_sent_is_refused_at_once() {
    let limits = Limits { max_message: 3, ..Limits::default() };
    let mut encoder = Simple::new().start(Side::Accepting, &limits).encoder;
    let mut output = Output::new();
    encoder.encode(&item("abc"), &mut output).expect("of exactly the limit");
    assert!(matches!(
        encoder.encode(&item("abcd"), &mut output),
        Err(EncodeError::TooLarge { value: 4, .. })
    ));
    let fault = Message::fault(Id(1), Route::from("/s"), Fault::new(Code::Aborted, "too long"));
    assert!(matches!(encoder.encode(&fault, &mut output), Err(EncodeError::TooLarge { value: 8, .. })));
    assert!(output.is_empty(), "nothing of the fault, and the stream is as it was");
    encoder.encode(&end(), &mut output).expect("the first item");
    assert_eq!(output.to_vec(), b"\x01\x0e\0\0\0\0\0\0\0\x01\0\x02\0\0\0\x03/sabc");
}

#[test]
fn only_the_dialling_side_asks() {
    let (id, route) = (Id(1), Route::from("/echo"));
    let request = |id, route| Message::request(id, route, "".into());
    let refused = |side, message: Message, why: &str| {
        let said = say::say(&Simple::new(), side, &Limits::default(), &[message]);
        let Err(EncodeError::Unsayable(refused)) = said else { panic!("{said:?}") };
        assert!(refused.to_string().contains(why), "{refused}");
    };
    refused(Side::Accepting, request(id, route.clone()), "take it for an answer");
    refused(Side::Dialling, request(Id(PUSH), route.clone()), "top bit");
    refused(Side::Dialling, request(id, Route::from(1)), "no name");
    refused(Side::Dialling, Message::reply(id, route.clone(), "".into()), "ignores answers");
    refused(Side::Dialling, item("a"), "ignores answers");
    for side in [Side::Dialling, Side::Accepting] {
        refused(side, Message::Cancel { id }, "simple cannot say `cancel`");
        refused(side, Message::Pong { id }, "simple cannot say `pong`");
    }
    assert!(!Simple::new().profile().ids.can_call(Side::Accepting));
    assert!(Simple::new().profile().ids.can_call(Side::Dialling));
}

#[test]
fn pushes_of_a_server_can_be_shared_and_messages_of_a_client_are_numbered() {
    let start = |side| Simple::new().start(side, &Limits::default()).encoder;
    assert_eq!(start(Side::Accepting).shared_key(), start(Side::Accepting).shared_key());
    assert!(start(Side::Accepting).shared_key().is_some());
    assert_eq!(start(Side::Dialling).shared_key(), None);
    let notify = Message::notify(Route::from("/chat"), "hi".into());
    let said = say::say(&Simple::new(), Side::Dialling, &Limits::default(), &[notify.clone(), notify]);
    let mut stream = said.expect("sayable")[..].into();
    for number in 1..=2 {
        let frame = Frame::decode(&mut stream, &Limits::default()).expect("ours");
        assert_eq!(frame, Some(Frame::new(Flags::STREAM, PUSH | number, "/chat", "hi")));
    }
}

#[test]
fn a_wrong_first_byte_is_enough() {
    let heard = hear::hear(&Simple::new(), Side::Accepting, &Limits::default(), [&b"G"[..]]);
    let Err(error @ WireError::Malformed { .. }) = heard.end else { panic!("{:?}", heard.end) };
    assert_eq!(
        error.to_string(),
        "malformed simple message: its first byte is 0x47, and every frame starts with 0x01"
    );
}

/// S1: the header alone is enough to refuse a length, and a length within the limits reserves nothing.
#[test]
fn a_route_over_the_limit_is_refused_by_its_header() {
    let limits = Limits { max_route: 4, ..Limits::default() };
    let header = b"\x01\x01\0\0\0\0\0\0\0\x01\0\x05\0\0\0\0";
    let heard = hear::hear(&Simple::new(), Side::Accepting, &limits, [&header[..]]);
    assert_eq!(
        heard.end.map_err(|error| error.to_string()),
        Err(String::from("route of 5 bytes is over the limit of 4 (setting `max_route`)"))
    );
}
