//! Whatever is written is read back the same: Rust types, trees, self-contained values, in both orders.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use trunkline_gob::{
    ByteBuf, Complex, Decoder, Encoder, GoType, Interface, Limits, Named, Opaque, OpaqueKind, Order, Raw,
    Time, Value, from_slice, to_vec,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Shape {
    Point,
    Circle(f64),
    Path(Vec<Pair>),
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pair {
    left: i16,
    right: u8,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Everything {
    flag: bool,
    small: i8,
    wide: i64,
    count: u64,
    ratio: f64,
    narrow: f32,
    letter: char,
    text: String,
    bytes: Vec<u8>,
    buffer: ByteBuf,
    fixed: [u8; 3],
    numbers: Vec<i32>,
    names: Vec<String>,
    grid: Vec<Vec<u16>>,
    map: BTreeMap<String, Pair>,
    keys: BTreeMap<i32, bool>,
    maybe: Option<u32>,
    pair: Pair,
    boxed: Option<Box<Self>>,
    time: Time,
    complex: Complex,
    any: Option<Raw>,
    named: Option<Named<Pair>>,
    list: Vec<Option<Raw>>,
    shape: Option<Shape>,
    opaque: Option<Opaque>,
}

fn raw() -> impl Strategy<Value = Raw> {
    prop_oneof![
        any::<i64>().prop_map(|n| Raw::named("int", &n).unwrap()),
        any::<String>().prop_map(|s| Raw::named("string", &s).unwrap()),
        pair().prop_map(|p| Raw::named("*main.Pair", &p).unwrap()),
        vec(pair(), 1..4).prop_map(|p| Raw::named("main.Pairs", &p).unwrap()),
        vec(any::<String>(), 0..3).prop_map(|p| Raw::named("[]string", &p).unwrap()),
        (any::<i64>(), pair()).prop_map(|(n, p)| {
            let inner =
                vec![Some(Raw::named("int", &n).unwrap()), None, Some(Raw::named("*main.Pair", &p).unwrap())];
            Raw::named("[]interface {}", &inner).unwrap()
        }),
    ]
}

fn pair() -> impl Strategy<Value = Pair> {
    (any::<i16>(), any::<u8>()).prop_map(|(left, right)| Pair { left, right })
}

fn time() -> impl Strategy<Value = Time> {
    (-1_000_000_000_000i64..1_000_000_000_000, 0u32..1_000_000_000, proptest::option::of(0..50_000)).prop_map(
        |(unix_seconds, nanoseconds, offset_seconds)| Time { unix_seconds, nanoseconds, offset_seconds },
    )
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Point),
        (-1e9..1e9).prop_map(Shape::Circle),
        vec(pair(), 1..3).prop_map(Shape::Path)
    ]
}

/// A nil and an absent interface are one thing in gob.
fn absent(value: Option<Raw>) -> Option<Raw> {
    value.filter(|raw| !raw.is_nil())
}

fn everything() -> impl Strategy<Value = Everything> {
    let scalars = (
        any::<bool>(),
        any::<i8>(),
        any::<i64>(),
        any::<u64>(),
        -1e300..1e300,
        -1e30f32..1e30,
        any::<char>(),
    );
    let texts = (any::<String>(), vec(any::<u8>(), 0..5), vec(any::<u8>(), 0..200), any::<[u8; 3]>());
    let lists = (vec(any::<i32>(), 0..200), vec(any::<String>(), 0..3), vec(vec(any::<u16>(), 1..3), 0..3));
    let maps = (btree_map(any::<String>(), pair(), 0..3), btree_map(any::<i32>(), any::<bool>(), 0..3));
    // Zero behind a pointer is not told from nil by Go, so options hold no zeros here.
    let options = (proptest::option::of(1..u32::MAX), pair(), time(), (-1e9..1e9, -1e9..1e9));
    let any_of =
        (proptest::option::of(raw()), proptest::option::of(pair()), vec(proptest::option::of(raw()), 0..4));
    let others = (proptest::option::of(shape()), proptest::option::of(vec(any::<u8>(), 0..4)));
    let flat = (scalars, texts, lists, maps, options, any_of, others)
        .prop_map(|(s, t, l, m, o, a, x)| Everything {
            flag: s.0,
            small: s.1,
            wide: s.2,
            count: s.3,
            ratio: s.4,
            narrow: s.5,
            letter: s.6,
            text: t.0,
            bytes: t.1,
            buffer: ByteBuf(t.2),
            fixed: t.3,
            numbers: l.0,
            names: l.1,
            grid: l.2,
            map: m.0,
            keys: m.1,
            maybe: o.0,
            pair: o.1,
            boxed: None,
            time: o.2,
            complex: Complex { re: o.3.0, im: o.3.1 },
            any: absent(a.0),
            named: a.1.map(|pair| Named::new("*main.Pair", pair)),
            // A list of nothing but nil does not tell that its elements are interfaces.
            list: if a.2.iter().any(Option::is_some) { a.2 } else { Vec::new() },
            // One enum is one Go type: text, or a struct with a field for each variant.
            shape: x.0.filter(|shape| *shape != Shape::Point),
            opaque: x.1.map(|bytes| Opaque { kind: OpaqueKind::Gob, bytes }),
        })
        .boxed();
    (flat.clone(), proptest::option::of(flat)).prop_map(|(mut outer, inner)| {
        outer.boxed = inner.map(Box::new);
        outer
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rust_types(values in vec(everything(), 1..4)) {
        for order in [Order::Ahead, Order::Go] {
            let (mut encoder, mut out) = (Encoder::new(order), Vec::new());
            for value in &values {
                encoder.encode(value, &mut out).unwrap();
            }
            let mut decoder = Decoder::new(Limits::default());
            for piece in out.chunks(1 + out.len() / 7) {
                decoder.push(piece);
            }
            for value in &values {
                let message = decoder.next_message().unwrap().unwrap();
                prop_assert_eq!(&message.decode::<Everything>().unwrap(), value);
                let raw = message.to_raw().unwrap();
                prop_assert_eq!(&raw.decode::<Everything>().unwrap(), value);
                prop_assert_eq!(&from_slice::<Everything>(raw.as_bytes()).unwrap(), value);
            }
            prop_assert!(decoder.is_at_border());
        }
    }

    #[test]
    fn self_contained_values(values in vec(raw(), 1..8)) {
        for order in [Order::Ahead, Order::Go] {
            let (mut encoder, mut out) = (Encoder::new(order), Vec::new());
            for value in &values {
                encoder.encode_raw(value, &mut out).unwrap();
            }
            let mut decoder = Decoder::new(Limits::default());
            decoder.push(&out);
            for value in &values {
                let raw = decoder.next_raw().unwrap().unwrap();
                prop_assert_eq!(raw.name(), value.name());
                prop_assert_eq!(&raw, value);
                prop_assert_eq!(&Raw::from_bytes(raw.as_bytes(), Limits::default()).unwrap(), value);
            }
        }
    }
}

#[test]
fn a_field_gets_its_type_with_its_first_value() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Late {
        a: Vec<String>,
        b: u8,
        c: Option<Vec<Pair>>,
    }
    let first = Late { a: vec![], b: 1, c: None };
    let second = Late { a: vec!["x".into()], b: 0, c: Some(vec![Pair::default()]) };
    let (mut encoder, mut out) = (Encoder::default(), Vec::new());
    for value in [&first, &second, &first, &second] {
        encoder.encode(value, &mut out).unwrap();
    }
    let mut decoder = Decoder::new(Limits::default());
    decoder.push(&out);
    for value in [&first, &second, &first, &second] {
        assert_eq!(&decoder.next_message().unwrap().unwrap().decode::<Late>().unwrap(), value);
    }
    assert_eq!(decoder.types().len(), 2 + 3, "Late twice, and what the second refers to");
}

#[test]
fn one_struct_name_for_two_types_is_no_obstacle() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Wrapper<T> {
        value: T,
    }
    let value = Wrapper { value: Wrapper { value: vec![Wrapper { value: 1u16 }] } };
    let read: Wrapper<Wrapper<Vec<Wrapper<u16>>>> = from_slice(&to_vec(&value).unwrap()).unwrap();
    assert_eq!(read, value);
}

#[test]
fn an_empty_list_alone_needs_a_declaration() {
    let empty = Vec::<i64>::new();
    let error = to_vec(&empty).unwrap_err().to_string();
    assert!(error.contains("declare"), "{error}");
    let (mut encoder, mut out) = (Encoder::default(), Vec::new());
    encoder.declare::<Vec<i64>>(&"[]int".parse::<GoType>().unwrap());
    encoder.encode(&empty, &mut out).unwrap();
    // As Go writes a nil []int, but for the order of nothing.
    assert_eq!(out, [0x0b, 0x7f, 2, 1, 2, 0xff, 0x80, 0, 1, 4, 0, 0, 4, 0xff, 0x80, 0, 0]);
    assert_eq!(from_slice::<Vec<i64>>(&out).unwrap(), empty);
}

#[test]
fn a_failed_value_leaves_the_stream_as_it_was() {
    let (mut encoder, mut out) = (Encoder::new(Order::Go), Vec::new());
    encoder.encode(&Pair { left: 1, right: 2 }, &mut out).unwrap();
    let before = out.clone();
    encoder.encode(&(Pair::default(), "two types"), &mut out).unwrap_err();
    encoder.encode(&vec![None::<u8>], &mut out).unwrap_err();
    assert_eq!(out, before);
    encoder.encode(&Pair { left: 3, right: 4 }, &mut out).unwrap();
    let mut decoder = Decoder::new(Limits::default());
    decoder.push(&out);
    decoder.next_message().unwrap().unwrap();
    assert_eq!(
        decoder.next_message().unwrap().unwrap().decode::<Pair>().unwrap(),
        Pair { left: 3, right: 4 }
    );
    assert!(decoder.is_at_border());
}

#[test]
fn integers_that_do_not_fit_and_other_kinds_are_refused() {
    let int = to_vec(&300i64).unwrap();
    assert_eq!(from_slice::<i16>(&int).unwrap(), 300);
    assert!(from_slice::<i8>(&int).is_err(), "300 is no i8");
    assert!(from_slice::<u16>(&int).is_err(), "signed is not unsigned");
    assert!(from_slice::<f64>(&int).is_err(), "int is not float");
    assert!(from_slice::<String>(&int).is_err(), "int is not string");
    assert!(from_slice::<f32>(&to_vec(&1e39f64).unwrap()).is_err(), "too large for float32");
}

#[test]
fn trees_are_json_for_people_and_gob_for_streams() {
    let list = Value::Slice(vec![Value::from("a"), Value::from("b")].into());
    let tree = Value::Interface(Some(Box::new(Interface::new("[]string", list))));
    assert_eq!(serde_json::to_string(&tree).unwrap(), r#"{"[]string":["a","b"]}"#);
    let raw = Raw::of(&tree).unwrap();
    assert_eq!(raw.name(), Some("[]string"));
    assert_eq!(raw.decode::<Vec<String>>().unwrap(), ["a", "b"]);
    assert_eq!(raw, Raw::named("[]string", &["a", "b"][..]).unwrap());
    let point = to_vec(&Pair { left: -1, right: 2 }).unwrap();
    let tree = Raw::from_bytes(&point, Limits::default()).unwrap().to_value().unwrap();
    assert_eq!(serde_json::to_string(&tree).unwrap(), r#"{"Left":-1,"Right":2}"#);
    assert!(to_vec(&tree).is_err(), "without its type a struct cannot be written");
}

#[test]
fn values_alone_are_the_same_whatever_came_before() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        a: Option<Raw>,
        b: Vec<Pair>,
    }
    let pair = || Raw::named("*main.Pair", &Pair { left: 1, right: 1 }).unwrap();
    let list = || Raw::named("[]string", &["x"][..]).unwrap();
    let values = [
        Holder { a: None, b: vec![] },
        Holder { a: Some(list()), b: vec![Pair::default()] },
        Holder { a: Some(pair()), b: vec![] },
        Holder { a: Some(list()), b: vec![] },
        Holder { a: None, b: vec![Pair::default()] },
        Holder { a: None, b: vec![] },
    ];
    for at in (0..values.len()).chain((0..values.len()).rev()) {
        let bytes = to_vec(&values[at]).unwrap();
        assert_eq!(from_slice::<Holder>(&bytes).unwrap(), values[at], "value {at}");
        let canonical = Raw::from_bytes(&bytes, Limits::default()).unwrap();
        assert_eq!(canonical.as_bytes(), bytes, "value {at}: numbered from 64, nothing superfluous");
    }
}

#[test]
fn an_enum_may_be_a_string_and_a_struct_by_turns() {
    let (mut encoder, mut out) = (Encoder::default(), Vec::new());
    let shapes =
        [Shape::Point, Shape::Circle(0.0), Shape::Point, Shape::Path(vec![Pair { left: 1, right: 0 }])];
    for shape in &shapes {
        encoder.encode(shape, &mut out).unwrap();
        assert_eq!(&from_slice::<Shape>(&to_vec(shape).unwrap()).unwrap(), shape);
    }
    let mut decoder = Decoder::new(Limits::default());
    decoder.push(&out);
    for shape in &shapes {
        assert_eq!(&decoder.next_message().unwrap().unwrap().decode::<Shape>().unwrap(), shape);
    }
}
