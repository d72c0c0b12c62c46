//! Bodies for fuzzers: what must hold for any bytes. Run by a seeded test always; not for users.
//!
//! Each takes arbitrary bytes and panics when a promise is broken.

use crate::dynamic::{Field, Record, Schema, Type};
use crate::{Input, Mode};

/// The types a fuzzer builds nest this deep at most: deeper ones find nothing new.
const MAX_TYPE_DEPTH: u32 = 4;

/// Reads a schema from the front of `data` and unpacks the rest by it.
///
/// What strict decoding accepts, lenient decoding must accept alike, and packing must give the same bytes
/// again: there is one spelling of a value.
pub fn unpack(data: &[u8]) {
    let mut data = data;
    let schema = schema(&mut data, 0);
    let strict = schema.unpack(data);
    let lenient = schema.unpack(Input::new(data).lenient());
    if let Ok((_, rest)) = &lenient {
        assert!(data.ends_with(rest));
    }
    match strict {
        Ok((values, rest)) => {
            let packed = schema.pack(&values).expect("what was unpacked can be packed");
            assert_eq!(packed, data[..data.len() - rest.len()], "{schema}");
            assert_eq!(lenient, Ok((values, rest)), "{schema}");
        }
        Err(error) => {
            assert!(error.offset() <= data.len(), "{error}");
            assert!(error.to_string().len() < 4096, "{error}");
        }
    }
}

/// Reads `data` as text of the little language; what it means must survive being shown and read again.
pub fn language(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(schema) = text.parse::<Schema>() {
        assert_eq!(schema.to_string().parse(), Ok(schema));
    }
    match text.parse::<Record>() {
        Ok(record) => {
            let bytes = record.pack().expect("a record has values of its types");
            assert_eq!(record.to_string().parse(), Ok(record), "{text}");
            drop(bytes);
        }
        Err(error) => assert!(text.is_char_boundary(error.at()), "{error}"),
    }
}

/// Any bytes make a schema; `data` is left behind them.
pub fn schema(data: &mut &[u8], depth: u32) -> Schema {
    let fields = next(data) % 4;
    let field = |_| {
        let mode = if next(data).is_multiple_of(2) { Mode::Fixed } else { Mode::Ber };
        Field::new(ty(data, depth), mode)
    };
    Schema { fields: (0..fields).map(field).collect() }
}

fn ty(data: &mut &[u8], depth: u32) -> Type {
    let kinds = if depth < MAX_TYPE_DEPTH { 12 } else { 10 };
    match next(data) % kinds {
        0 => Type::U8,
        1 => Type::U16,
        2 => Type::U32,
        3 => Type::U64,
        4 => Type::I8,
        5 => Type::I16,
        6 => Type::I32,
        7 => Type::I64,
        8 => Type::Str,
        9 => Type::Bytes,
        10 => Type::List(Box::new(ty(data, depth + 1))),
        _ => Type::Struct(schema(data, depth + 1)),
    }
}

fn next(data: &mut &[u8]) -> u8 {
    match data.split_first() {
        Some((first, rest)) => {
            *data = rest;
            *first
        }
        None => 0,
    }
}
