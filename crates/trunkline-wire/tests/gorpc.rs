//! gorpc: bytes as Go writes them, and the layer under them.

#[path = "support/random.rs"]
mod random;

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress};
use trunkline_gob::{Named, Raw, to_vec};
use trunkline_wire::gorpc::{ANY, Gorpc};
use trunkline_wire::{
    Code, Decoded, Dialect, EncodeError, Fault, Id, Input, Layer, Limits, Message, Output, Route, Side,
    WireError,
};

fn string(text: &str) -> Bytes {
    Raw::named("string", text).expect("a string").into_bytes().into()
}

fn layer(dialect: Gorpc, side: Side) -> Box<dyn Layer> {
    dialect.start(side, &Limits::default()).layer.expect("gorpc has a layer")
}

/// What one side makes of the messages.
fn say(side: Side, messages: &[Message]) -> Vec<u8> {
    let mut encoder = Gorpc::new().start(side, &Limits::default()).encoder;
    let mut output = Output::new();
    messages.iter().for_each(|message| encoder.encode(message, &mut output).expect("sayable"));
    output.to_vec()
}

fn hear(side: Side, stream: &[u8]) -> Vec<Message> {
    let mut decoder = Gorpc::new().start(side, &Limits::default()).decoder;
    let (mut input, mut heard) = (Input::new(stream.to_vec()), Vec::new());
    while let Decoded::Message(message) = decoder.decode(&mut input).expect("well-formed") {
        heard.push(message);
    }
    decoder.finish(input.remaining()).expect("whole");
    heard
}

/// Everything that a layer makes of bytes that come in these pieces.
fn unwrap(layer: &mut dyn Layer, pieces: &[&[u8]], max: usize) -> Result<Vec<u8>, WireError> {
    let mut plain = Vec::new();
    for mut wrapped in pieces.iter().copied() {
        loop {
            let (before, had) = (wrapped.len(), plain.len());
            layer.unwrap(&mut wrapped, &mut plain, max)?;
            assert!(plain.len() - had <= max, "more than was asked for");
            if (wrapped.len(), plain.len()) == (before, had) {
                break;
            }
        }
    }
    Ok(plain)
}

#[test]
fn the_first_call_has_the_bytes_that_go_writes() {
    let call = Message::request(Id(1), ANY, string("foobar"));
    let definition = b"\x2b\x7f\x03\x01\x01\x0bwireRequest\x01\xff\x80\x00\x01\x02\x01\x02ID\x01\x06\x00\x01\x07Request\x01\x10\x00\x00\x00";
    let value = b"\x17\xff\x80\x01\x01\x01\x06string\x0c\x08\x00\x06foobar\x00";
    assert_eq!(say(Side::Dialling, &[call]), [&definition[..], &value[..]].concat());
}

#[test]
fn every_verb_arrives_as_it_was_said() {
    let div = Route::from(".Div");
    let asked = [
        Message::request(Id(1), ANY, string("a")),
        Message::request(Id(2), div.clone(), string("b")),
        Message::request(Id(3), ANY, Bytes::new()),
        Message::notify(div.clone(), Bytes::new()),
        Message::notify(ANY, string("c")),
    ];
    assert_eq!(hear(Side::Accepting, &say(Side::Dialling, &asked)), asked);
    let dispatched = Route::from(".");
    let answered = [
        (
            Message::reply(Id(2), div.clone(), string("b")),
            Message::reply(Id(2), dispatched.clone(), string("b")),
        ),
        (Message::reply(Id(1), ANY, Bytes::new()), Message::reply(Id(1), ANY, Bytes::new())),
        (
            Message::fault(Id(9), div.clone(), Fault::new(Code::NotFound, "none")),
            Message::fault(Id(9), dispatched, Fault::new(Code::Unknown, "none")),
        ),
        (
            Message::fault(Id(8), div, Fault::new(Code::Internal, "internal error")),
            Message::fault(Id(8), ANY, Fault::new(Code::Internal, "internal error")),
        ),
    ];
    let (said, heard): (Vec<_>, Vec<_>) = answered.into_iter().unzip();
    assert_eq!(hear(Side::Dialling, &say(Side::Accepting, &said)), heard);
}

/// Defects 12 to 16: one value that cannot be sent leaves nothing behind.
#[test]
fn a_body_that_is_no_gob_value_fails_alone() {
    #[derive(serde::Serialize)]
    struct Nameless {
        x: i64,
    }
    let mut encoder = Gorpc::new().start(Side::Dialling, &Limits::default()).encoder;
    let mut output = Output::new();
    let nameless = Bytes::from(to_vec(&Nameless { x: 1 }).expect("a struct"));
    for body in [Bytes::from_static(b"plain text"), nameless] {
        let error = encoder.encode(&Message::request(Id(1), ANY, body), &mut output).expect_err("refused");
        assert!(matches!(error, EncodeError::Body { .. }), "{error}");
        assert!(output.is_empty());
    }
    let good = Message::request(Id(2), ANY, string("good"));
    encoder.encode(&good, &mut output).expect("sayable");
    assert_eq!(hear(Side::Accepting, &output.to_vec()), [good]);
}

#[test]
fn values_without_a_name_get_the_one_that_go_knows() {
    #[derive(serde::Serialize)]
    #[serde(rename = "*main.Args")]
    struct Args {
        #[serde(rename = "A")]
        a: i64,
    }
    let named = |body: Vec<u8>| {
        let said = say(Side::Dialling, &[Message::request(Id(1), ANY, body.into())]);
        let heard = hear(Side::Accepting, &said);
        let body = heard[0].body().expect("a request").to_vec();
        Raw::from_bytes(&body, trunkline_gob::Limits::default()).expect("gob").name().map(str::to_owned)
    };
    let map = std::collections::BTreeMap::from([("a", 1i64)]);
    assert_eq!(named(to_vec(&7i64).expect("int")).as_deref(), Some("int"));
    assert_eq!(named(to_vec(&vec![1.5f64]).expect("floats")).as_deref(), Some("[]float64"));
    assert_eq!(named(to_vec(&map).expect("map")).as_deref(), Some("map[string]int"));
    assert_eq!(named(to_vec(&Args { a: 1 }).expect("struct")).as_deref(), Some("*main.Args"));
    assert_eq!(named(to_vec(&Named::new("int8", 1i64)).expect("named")).as_deref(), Some("int8"));
}

#[test]
fn a_server_cannot_push() {
    let mut encoder = Gorpc::new().start(Side::Accepting, &Limits::default()).encoder;
    let mut output = Output::new();
    for message in [Message::notify(ANY, string("x")), Message::request(Id(1), ANY, string("x"))] {
        let error = encoder.encode(&message, &mut output).expect_err("refused");
        assert!(matches!(error, EncodeError::Unsayable(_)), "{error}");
    }
}

#[test]
fn turns_arrive_whole_whatever_their_pieces() {
    for compress in [false, true] {
        let dialect = Gorpc::new().compress(compress);
        let (mut from, mut to) = (layer(dialect, Side::Dialling), layer(dialect, Side::Accepting));
        let mut random = random::Random(7);
        let mut greeting = Vec::new();
        from.flush(&mut greeting).expect("greets");
        assert_eq!(greeting, [u8::from(compress)], "the handshake byte needs no message");
        unwrap(&mut *to, &[&greeting], 1).expect("greeted");
        for _ in 0..50 {
            let (bits, kinds) = (random.below(18), 1 + random.below(4));
            let size = random.below(1 << bits) as usize;
            let plain: Vec<u8> = (0..size).map(|_| random.below(kinds) as u8).collect();
            let mut wrapped = Vec::new();
            from.wrap(&plain, &mut wrapped).expect("wraps");
            from.flush(&mut wrapped).expect("flushes");
            if compress && size > 0 {
                assert!(wrapped.ends_with(&[0, 0, 0xff, 0xff]), "Go waits for an empty stored block");
            }
            let pieces = random::chunks(&wrapped, random.next());
            let max = 1 + random.below(70_000) as usize;
            assert!(unwrap(&mut *to, &pieces, max).expect("unwraps") == plain);
        }
        let mut nothing = Vec::new();
        to.flush(&mut nothing).expect("nothing to say");
        assert!(nothing.is_empty(), "the side that accepts does not greet");
    }
}

/// The window goes on: what was said before is not said again.
#[test]
fn repeats_cost_little() {
    let mut from = layer(Gorpc::new(), Side::Dialling);
    let call =
        |id| Message::request(Id(id), Route::from("Calc.Add"), string("a customer with a name and a street"));
    let said = say(Side::Dialling, &(1..=20).map(call).collect::<Vec<_>>());
    let mut wrapped = Vec::new();
    for turn in said.chunks(said.len() / 20) {
        from.wrap(turn, &mut wrapped).expect("wraps");
        from.flush(&mut wrapped).expect("flushes");
    }
    assert!(wrapped.len() * 2 < said.len(), "{} bytes of {}", wrapped.len(), said.len());
}

/// Defect 4: the ratio is bounded, and a listener can refuse compression.
#[test]
fn bombs_are_refused() {
    let mut bomb = vec![1];
    let mut deflate = Compress::new(Compression::best(), false);
    bomb.reserve(1 << 20);
    deflate.compress_vec(&vec![0; 64 << 20], &mut bomb, FlushCompress::Sync).expect("deflates");
    assert!(bomb.len() < 100 << 10, "64 MiB in {} bytes", bomb.len());
    let mut to = layer(Gorpc::new().max_ratio(256), Side::Accepting);
    let (mut rest, mut most) = (&bomb[..], 0);
    let error = loop {
        assert!(!rest.is_empty(), "the whole bomb went off");
        let mut plain = Vec::new();
        if let Err(error) = to.unwrap(&mut rest, &mut plain, 64 << 10) {
            break error;
        }
        most += plain.len();
    };
    assert!(matches!(error, WireError::TooLarge { setting: "Gorpc::max_ratio", .. }), "{error}");
    assert!(most <= 17 << 20, "{most} bytes were inflated");

    let mut plain_only = layer(Gorpc::new().compress(false), Side::Accepting);
    let error = unwrap(&mut *plain_only, &[&[7, 1, 2]], 10).expect_err("refused");
    assert!(error.to_string().contains("switched off"), "{error}");
}

#[test]
fn a_stranger_is_named() {
    let error = unwrap(&mut *layer(Gorpc::new(), Side::Accepting), &[b"GET / HTTP/1.1\r\n\r\n"], 1024);
    assert!(matches!(error, Err(WireError::Foreign { what: "an HTTP request", .. })), "{error:?}");
}
