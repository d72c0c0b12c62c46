//! The bytes of go-iproto, recorded: every vector through the dynamic types, and through Rust types where
//! one of the same shape is in `vectors/shapes.rs`.
//!
//! Where a vector pins a flaw of the original, a rule below says what we do instead and names the defect.

#[cfg(test)]
mod vectors {
    pub(super) mod file;
    pub(super) mod shapes;
}

use trunkline_pack::dynamic::{Schema, Type, Value};
use trunkline_pack::{Input, Mode, UnpackErrorKind};
use vectors::file::{self, Vector};
use vectors::shapes;

#[test]
fn iproto_pack() {
    let mut typed = 0;
    file::run("iproto_pack.json", |vector| {
        typed += usize::from(pack(vector)?);
        Ok(())
    });
    assert!(typed > 0 || file::is_overridden(), "no vector matched a Rust type");
    println!("vectors: {typed} of iproto_pack.json also ran through Rust types and the derive");
}

#[test]
fn iproto_unpack() {
    file::run("iproto_unpack.json", |vector| match vector.kind.as_str() {
        "unpack" => unpack(vector),
        "pack-error" => pack_error(vector),
        kind => Err(format!("unknown kind {kind}")),
    });
}

/// Gives whether a Rust type of the same shape ran too.
fn pack(vector: &Vector) -> Result<bool, String> {
    let schema = vector.schema()?;
    let bytes = vector.bytes()?;
    let decoded = vector.decoded_values(&schema)?;

    match vector.values(&schema)? {
        Some(values) => {
            let packed = schema.pack(&values).map_err(|error| error.to_string())?;
            equal("packed", &packed, &bytes)?;
        }
        // I37: Go cuts an int to 32 bits; here it does not exist outside its range.
        None if vector.has_int_outside_32_bits() => {}
        None => return Err("the values do not fit their types".to_owned()),
    }

    let lenient = schema.decode(Input::new(&bytes).lenient()).map_err(|error| error.to_string())?;
    equal("leniently unpacked", &lenient, &decoded)?;
    let strict = schema.decode(&bytes);
    if decoded.iter().zip(&schema.fields).any(|(value, field)| lists_nothing(&field.ty, value)) {
        // I9: items without bytes cost the sender nothing; strict decoding refuses them.
        let error = strict.err().ok_or("items without bytes were accepted")?;
        let refused =
            matches!(error.kind(), UnpackErrorKind::Count { .. } | UnpackErrorKind::EmptyItem { .. });
        return if refused { Ok(false) } else { Err(error.to_string()) };
    }
    equal("unpacked", &strict.map_err(|error| error.to_string())?, &decoded)?;
    shapes::check(&schema, &bytes, &decoded)
}

fn unpack(vector: &Vector) -> Result<(), String> {
    let schema = vector.schema()?;
    let bytes = vector.bytes()?;
    let strict = schema.unpack(&bytes);
    let lenient = schema.unpack(Input::new(&bytes).lenient());

    match vector.outcome.as_str() {
        "ok" => {
            let values = vector.decoded_values(&schema)?;
            let rest = file::hex(&vector.rest_hex)?;
            let (found, found_rest) = lenient.map_err(|error| error.to_string())?;
            equal("leniently unpacked", &found, &values)?;
            equal("leniently left over", found_rest, &rest[..])?;
            if vector.strict == "reject" {
                return strict.err().map(drop).ok_or_else(|| "strict decoding accepted it".to_owned());
            }
            let (found, found_rest) = strict.map_err(|error| error.to_string())?;
            equal("unpacked", &found, &values)?;
            equal("left over", found_rest, &rest[..])
        }
        "error" => {
            let lenient = lenient.err().ok_or("lenient decoding accepted it")?;
            let strict = strict.err().ok_or("strict decoding accepted it")?;
            let mut errors = vec![lenient];
            if vector.strict != "reject" {
                // Where strict decoding stops earlier, it does so for a reason of its own.
                errors.push(strict);
            }
            match errors.iter().find(|error| !is_of_class(error.kind(), &vector.error_class)) {
                None => Ok(()),
                Some(error) => Err(format!("class {}, but: {error}", vector.error_class)),
            }
        }
        outcome => Err(format!("unknown outcome {outcome}")),
    }
}

/// What Go cannot pack must not exist here either, or be refused.
fn pack_error(vector: &Vector) -> Result<(), String> {
    let Ok(schema) = vector.go_type.parse::<Schema>() else { return Ok(()) };
    let value: i128 = vector.value.parse().map_err(|_| "the type exists, but no value is given")?;
    let value = match (schema.fields[0].ty.clone(), u64::try_from(value), i64::try_from(value)) {
        (Type::U8 | Type::U16 | Type::U32 | Type::U64, Ok(value), _) => Value::Unsigned(value),
        (_, _, Ok(value)) => Value::Signed(value),
        _ => return Ok(()),
    };
    schema.pack(&[value]).err().map(drop).ok_or_else(|| "it was packed".to_owned())
}

/// Go's classes, merged where we compare lengths with what is left at once (I39) and split where we tell
/// an integer that is cut from one that is too long (I38).
fn is_of_class(kind: &UnpackErrorKind, class: &str) -> bool {
    use UnpackErrorKind::{BerEnd, BerNotShortest, BerOverflow, BerTooLong, Count, End, Length};
    match class {
        "eof" | "unexpected_eof" | "length_exceeds_input" => {
            matches!(kind, End { .. } | Length { .. } | Count { .. })
        }
        "bad_ber" => matches!(kind, BerEnd | BerTooLong { .. } | BerNotShortest),
        "overflow" => matches!(kind, BerOverflow { .. }),
        _ => false,
    }
}

/// Whether the value holds list items of a type that takes no bytes.
fn lists_nothing(ty: &Type, value: &Value) -> bool {
    match (ty, value) {
        (Type::List(item), Value::List(items)) => {
            (!items.is_empty() && takes_nothing(item)) || items.iter().any(|value| lists_nothing(item, value))
        }
        (Type::Struct(schema), Value::Struct(values)) => {
            schema.fields.iter().zip(values).any(|(field, value)| lists_nothing(&field.ty, value))
        }
        _ => false,
    }
}

fn takes_nothing(ty: &Type) -> bool {
    matches!(ty, Type::Struct(schema) if schema.fields.iter().all(|field| takes_nothing(&field.ty)))
}

fn equal<T: PartialEq + std::fmt::Debug + ?Sized>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?}, expected {expected:?}")) }
}

#[test]
fn a_mode_reaches_the_top_only() {
    let schema: Schema = "ber.[u16]".parse().unwrap();
    assert_eq!(schema.fields[0].mode, Mode::Ber);
    assert_eq!(schema.pack(&[Value::List(vec![Value::Unsigned(300)])]).unwrap(), [1, 44, 1]);
}
