//! Bodies: one self-contained gob value, or nothing for nil.
//!
//! In: the body of a message. Out: the value as it stands in an interface, under its registered name. A value that
//! has no such name yet is given the one its type has in every Go process; a struct is given the name in its
//! definition, if that is a Go type's (`main.Args`, `*main.Args`).

use bytes::Bytes;
use trunkline_gob::{Error, Kind, Limit, Raw, TypeId, Types};

use super::{Bounds, PROFILE};
use crate::EncodeError;

/// Levels of lists and maps that a name is spelled out for.
const SPELLED: usize = 4;

/// The value of a body.
pub(super) fn of(body: &Bytes, bounds: &Bounds) -> Result<Raw, EncodeError> {
    if body.is_empty() {
        return Ok(Raw::default());
    }
    bounds.body.leaving::<usize>(body.len())?;
    let raw = Raw::from_bytes(body, bounds.gob).map_err(refused)?;
    if raw.name().is_some() || raw.is_nil() {
        return Ok(raw);
    }
    let name = raw.with_message(|message| Ok(name(message.types(), raw.root(), SPELLED)));
    match name.map_err(refused)? {
        Some(name) => raw.registered_as(&name).map_err(refused),
        None => Err(body_error(
            "its Go type has no name to register it by: give a struct one such as `*main.Args` with \
             #[serde(rename)], or send a `gob::Named`",
        )),
    }
}

/// The body of a value.
pub(super) fn body(raw: Raw) -> Bytes {
    if raw.is_nil() { Bytes::new() } else { Bytes::from(raw.into_bytes()) }
}

/// The name under which Go knows a type, as far as it can be told from its definition.
fn name(types: &Types, id: TypeId, depth: usize) -> Option<String> {
    let basic = match id {
        TypeId::BOOL => "bool",
        TypeId::INT => "int",
        TypeId::UINT => "uint",
        TypeId::FLOAT => "float64",
        TypeId::BYTES => "[]uint8",
        TypeId::STRING => "string",
        TypeId::COMPLEX => "complex128",
        TypeId::INTERFACE => "interface {}",
        _ => "",
    };
    if !basic.is_empty() {
        return Some(basic.to_owned());
    }
    let depth = depth.checked_sub(1)?;
    let definition = types.get(id)?;
    match &definition.kind {
        Kind::Slice { elem } => Some(format!("[]{}", name(types, *elem, depth)?)),
        Kind::Array { elem, len } => Some(format!("[{len}]{}", name(types, *elem, depth)?)),
        Kind::Map { key, elem } => {
            Some(format!("map[{}]{}", name(types, *key, depth)?, name(types, *elem, depth)?))
        }
        Kind::Struct { .. } => definition.name.contains('.').then(|| definition.name.to_string()),
        Kind::Opaque(_) => None,
    }
}

/// What gob refused to write.
pub(super) fn refused(error: Error) -> EncodeError {
    match error {
        Error::Limit { limit: Limit::Message, value, max } => {
            let what = "message with its envelope";
            EncodeError::TooLarge { what, value, limit: max, setting: "max_message" }
        }
        error => body_error(error),
    }
}

fn body_error(what: impl ToString) -> EncodeError {
    EncodeError::Body { dialect: PROFILE.name, what: what.to_string() }
}
