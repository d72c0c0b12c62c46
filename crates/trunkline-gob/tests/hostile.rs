//! Input made to hurt: the attacks recorded against Go's decoder and another crate's, on a small stack, with
//! a clock and a count of bytes.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::{Duration, Instant};

use trunkline_gob::{
    Decoder, Definition, Encoder, Error, Field, Interface, Items, Kind, Limit, Limits, Order, Raw, TypeId,
    Types, Value,
};

/// Far more than any of this takes, far less than an attack that works.
const QUICK: Duration = Duration::from_secs(2);

fn number(out: &mut Vec<u8>, n: u64) {
    if n < 128 {
        out.push(n as u8);
    } else {
        out.push(0xf8);
        out.extend(n.to_be_bytes());
    }
}

fn message(out: &mut Vec<u8>, content: &[u8]) {
    number(out, content.len() as u64);
    out.extend(content);
}

/// What a decoder says to these bytes, and how long it took, on a thread with 128 KiB of stack.
fn decode(bytes: Vec<u8>) -> (Option<Error>, Duration) {
    let run = move || {
        let started = Instant::now();
        let mut decoder = Decoder::new(Limits::default());
        decoder.push(&bytes);
        let error = loop {
            match decoder.next_message() {
                Ok(Some(message)) => {
                    message.to_value().unwrap();
                    message.decode::<serde::de::IgnoredAny>().unwrap();
                    message.to_raw().unwrap();
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        (error, started.elapsed())
    };
    std::thread::Builder::new().stack_size(128 << 10).spawn(run).unwrap().join().unwrap()
}

/// Definitions: Outer{ID uint, R Rec} and Rec{R Rec}, then a value nested `depth` deep.
fn nested_structs(depth: usize) -> Vec<u8> {
    let mut types = Types::new(Limits::default());
    let field = |name: &str, ty| Field { name: name.into(), ty };
    let (outer, rec) = (TypeId::FIRST_USER, TypeId::new(65).unwrap());
    let fields = vec![field("ID", TypeId::UINT), field("R", rec)];
    types
        .define(outer, Definition { name: "Outer".into(), inner_id: 64, kind: Kind::Struct { fields } })
        .unwrap();
    let fields = vec![field("R", rec)];
    types
        .define(rec, Definition { name: "Rec".into(), inner_id: 65, kind: Kind::Struct { fields } })
        .unwrap();
    let mut bytes = Vec::new();
    Encoder::new(Order::Ahead)
        .encode_value(&types, outer, &Value::Struct(Vec::new().into()), &mut bytes)
        .unwrap();
    bytes.truncate(bytes.len() - 4); // the empty value: 03 ff80 00
    let mut content = vec![0xff, 0x80, 2];
    content.extend(vec![1; depth.saturating_sub(2)]);
    content.extend(vec![0; depth]);
    message(&mut bytes, &content);
    bytes
}

/// Slices of themselves.
fn nested_slices(depth: usize) -> Vec<u8> {
    let mut bytes = vec![0x0b, 0x7f, 2, 1, 2, 0xff, 0x80, 0, 1, 0xff, 0x80, 0];
    bytes[0] = 12;
    bytes.push(0);
    let mut content = vec![0xff, 0x80, 0];
    content.extend(vec![1; depth - 1]);
    content.push(0);
    message(&mut bytes, &content);
    bytes
}

/// Interfaces in slices of interfaces.
fn nested_interfaces(depth: usize) -> Vec<u8> {
    let mut bytes = vec![0x0b, 0x7f, 2, 1, 2, 0xff, 0x80, 0, 1, 0x10, 0, 0];
    let mut content = vec![0xff, 0x80, 0];
    for level in 0..depth / 2 {
        content.extend([1, 1, b'x', 0xff, 0x80]);
        number(&mut content, 15 * (depth / 2 - level) as u64);
        content.push(0);
    }
    content.push(0);
    content.extend(vec![0; depth]);
    message(&mut bytes, &content);
    bytes
}

#[test]
fn the_65th_level_is_refused_and_so_is_the_millionth() {
    for make in [nested_structs, nested_slices] {
        let (error, _) = decode(make(64));
        assert_eq!(error, None, "64 levels are allowed");
        for depth in [65, 1000, 1_000_000] {
            let (error, took) = decode(make(depth));
            let expected = Error::Limit { limit: Limit::Depth, value: 65, max: 64 };
            assert_eq!(error, Some(expected), "{depth} levels");
            assert!(took < QUICK, "{depth} levels took {took:?}");
        }
    }
    for depth in [66, 1000, 100_000] {
        let (error, took) = decode(nested_interfaces(depth));
        assert!(error.is_some() && took < QUICK, "{depth} interfaces: {error:?} in {took:?}");
    }
}

#[test]
fn an_unread_field_is_no_way_around_the_depth() {
    // Skipping is the same walk: the field R is unknown to the target, and never looked at.
    #[derive(serde::Deserialize)]
    struct OnlyId {
        #[serde(rename = "ID")]
        id: u64,
    }
    let mut decoder = Decoder::new(Limits::default());
    decoder.push(&nested_structs(64));
    let message = decoder.next_message().unwrap().unwrap();
    assert_eq!(message.decode::<OnlyId>().unwrap().id, 0);
    let mut decoder = Decoder::new(Limits::default());
    decoder.push(&nested_structs(65));
    assert!(decoder.next_message().is_err());
}

#[test]
fn a_deep_tree_is_printed_and_dropped_on_a_small_stack() {
    let deep = |wrap: fn(Value) -> Value| {
        let mut value = Value::Int(1);
        for _ in 0..1_000_000 {
            value = wrap(value);
        }
        value
    };
    let wraps: [fn(Value) -> Value; 4] = [
        |v| Value::Slice(vec![v].into()),
        |v| Value::Map(vec![(Value::Int(0), v)].into()),
        |v| Value::Struct(vec![("A".into(), v)].into()),
        |v| Value::Interface(Some(Box::new(Interface::new("a", v)))),
    ];
    let run = move || {
        for wrap in wraps {
            let value = deep(wrap);
            let shown = format!("{value:?}");
            assert!(shown.len() < 10_000, "{} bytes", shown.len());
            let mut out = Vec::new();
            let mut encoder = Encoder::new(Order::Ahead);
            assert!(encoder.encode_value(&Types::default(), TypeId::INT, &value, &mut out).is_err());
            drop(value);
        }
        let items: Items<Value> = vec![deep(wraps[0])].into();
        drop(items.into_vec());
    };
    std::thread::Builder::new().stack_size(128 << 10).spawn(run).unwrap().join().unwrap();
}

#[test]
fn types_that_mention_each_other_twice_cost_their_bytes() {
    // Another crate expands these to 2^n; here a definition is visited once.
    let mut types = Types::new(Limits::default());
    for n in 0..4000u32 {
        let ty = if n == 3999 { TypeId::INT } else { TypeId::new(65 + n).unwrap() };
        let fields = vec![Field { name: "A".into(), ty }, Field { name: "B".into(), ty }];
        let definition = Definition { name: String::new(), inner_id: 0, kind: Kind::Struct { fields } };
        types.define(TypeId::new(64 + n).unwrap(), definition).unwrap();
    }
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(Order::Ahead);
    let started = Instant::now();
    encoder.encode_value(&types, TypeId::FIRST_USER, &Value::Struct(Vec::new().into()), &mut bytes).unwrap();
    let (error, took) = decode(bytes.clone());
    assert_eq!(error, None);
    let raw = Raw::from_bytes(&bytes, Limits::default()).unwrap();
    let mut other = Encoder::new(Order::Go);
    for _ in 0..3 {
        other.encode_raw(&raw, &mut Vec::new()).unwrap();
    }
    assert!(took < QUICK && started.elapsed() < 2 * QUICK, "{:?}", started.elapsed());
}

#[test]
fn a_hundred_thousand_nested_definitions_are_refused_by_number() {
    let mut bytes = Vec::new();
    for n in 0..100_000i64 {
        let mut content = Vec::new();
        number(&mut content, ((64 + n) * 2 - 1) as u64);
        content.extend([2, 1, 0, 1]);
        number(&mut content, ((65 + n) * 2) as u64);
        content.extend([0, 0]);
        message(&mut bytes, &content);
    }
    let (error, took) = decode(bytes);
    assert_eq!(error, Some(Error::Limit { limit: Limit::Types, value: 4097, max: 4096 }));
    assert!(took < QUICK, "{took:?}");
}

#[test]
fn a_value_in_thousands_of_pieces_is_read_once() {
    // []interface{} whose every element ends its message after the name: 60 000 messages for one value.
    let mut bytes = vec![0x0b, 0x7f, 2, 1, 2, 0xff, 0x80, 0, 1, 0x10, 0, 0];
    let count = 60_000u64;
    let mut content = vec![0xff, 0x80, 0];
    number(&mut content, count);
    for _ in 0..count {
        content.extend([3, b'i', b'n', b't']);
        message(&mut bytes, &content);
        content = vec![4, 2, 0, 2];
    }
    message(&mut bytes, &content);
    let (error, took) = decode(bytes.clone());
    assert_eq!(error, None);
    assert!(took < QUICK, "{took:?}");
    let mut limits = Limits::default();
    limits.message = 100_000;
    let mut decoder = Decoder::new(limits);
    decoder.push(&bytes);
    let error = decoder.next_message().unwrap_err();
    assert!(
        matches!(error, Error::Limit { limit: Limit::Message, .. }),
        "the pieces count together: {error}"
    );
}

#[test]
fn counts_and_lengths_without_data_cost_nothing() {
    let list = [0x0b, 0x7f, 2, 1, 2, 0xff, 0x80, 0, 1, 4, 0, 0];
    let map = [0x0d, 0x7f, 4, 1, 2, 0xff, 0x80, 0, 1, 0x0c, 1, 4, 0, 0];
    for definition in [&list[..], &map[..]] {
        for count in [1u64 << 20, 1 << 25, 1 << 32, 1 << 40, 1 << 62, 1 << 63, u64::MAX] {
            let mut bytes = definition.to_vec();
            let mut content = vec![0xff, 0x80, 0];
            number(&mut content, count);
            content.extend([1, b'a', 2]);
            message(&mut bytes, &content);
            let before = resident();
            let (error, took) = decode(bytes);
            assert!(error.is_some() && took < QUICK, "{count}: {error:?} in {took:?}");
            assert!(resident().saturating_sub(before) < 64 << 20, "{count}");
        }
    }
    for len in [1u64 << 33, 17 << 20, u64::MAX] {
        let mut bytes = Vec::new();
        number(&mut bytes, len);
        let (error, _) = decode(bytes);
        assert!(matches!(error, Some(Error::Limit { limit: Limit::Message, .. })), "{len}: {error:?}");
    }
}

#[test]
fn the_number_of_values_is_bounded() {
    let mut bytes = vec![0x0b, 0x7f, 2, 1, 2, 0xff, 0x80, 0, 1, 2, 0, 0];
    let count = 2u64 << 20;
    let mut content = vec![0xff, 0x80, 0];
    number(&mut content, count);
    content.extend(vec![0; count as usize]);
    message(&mut bytes, &content);
    let (error, _) = decode(bytes);
    assert!(matches!(error, Some(Error::Limit { limit: Limit::Values, .. })), "{error:?}");
}

#[test]
fn a_lost_stream_stays_lost() {
    let mut decoder = Decoder::new(Limits::default());
    decoder.push(&[3, 4, 1, 6, 3, 4, 0, 6]);
    let error = decoder.next_message().unwrap_err();
    assert_eq!(decoder.next_message().unwrap_err(), error);
}

/// Bytes this process has in memory, by the kernel's count.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|n| n.parse::<usize>().ok()).unwrap_or(0) * 4096
}
