//! Plain form to a tree.
//!
//! In: bytes that passed the walk. Out: [`Value`]. Recursion is bounded by the depth the walk allowed.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::number::Cursor;
use crate::types::{Kind, TypeId, Types};
use crate::value::{Interface, Value};

/// Reads one value of type `id`.
pub(crate) fn value(types: &Types, id: TypeId, input: &mut Cursor<'_>) -> Result<Value> {
    Ok(match id {
        TypeId::BOOL => Value::Bool(input.uint()? != 0),
        TypeId::INT => Value::Int(input.int()?),
        TypeId::UINT => Value::Uint(input.uint()?),
        TypeId::FLOAT => Value::Float(input.float()?),
        TypeId::COMPLEX => Value::Complex(input.float()?, input.float()?),
        TypeId::STRING => Value::String(input.bytes()?.to_vec()),
        TypeId::BYTES => Value::Bytes(input.bytes()?.to_vec()),
        TypeId::INTERFACE => Value::Interface(match head(types, input)? {
            None => None,
            Some(head) => {
                let inside = value(types, head.id, input)?;
                Some(Box::new(Interface::with_type(head.name, head.id, inside)))
            }
        }),
        id => defined(types, id, input)?,
    })
}

fn defined(types: &Types, id: TypeId, input: &mut Cursor<'_>) -> Result<Value> {
    let definition = definition(types, id)?;
    Ok(match &definition.kind {
        Kind::Opaque(kind) => Value::Opaque(*kind, input.bytes()?.to_vec()),
        Kind::Slice { elem } => {
            let count = input.uint()?;
            Value::Slice((0..count).map(|_| value(types, *elem, input)).collect::<Result<_>>()?)
        }
        Kind::Array { elem, .. } => {
            let count = input.uint()?;
            Value::Array((0..count).map(|_| value(types, *elem, input)).collect::<Result<_>>()?)
        }
        Kind::Map { key, elem } => {
            let count = input.uint()?;
            let entry = |_| Ok((value(types, *key, input)?, value(types, *elem, input)?));
            Value::Map((0..count).map(entry).collect::<Result<_>>()?)
        }
        Kind::Struct { fields } => {
            let mut present = Vec::new();
            let mut next = 0;
            while let Some(field) = next_field(fields.len(), &mut next, input)? {
                present.push((Arc::clone(&fields[field].name), value(types, fields[field].ty, input)?));
            }
            Value::Struct(present.into())
        }
    })
}

/// The beginning of an interface value that is not nil.
pub(crate) struct Head<'a> {
    pub(crate) name: &'a str,
    pub(crate) id: TypeId,
    /// Bytes of the value, its zero byte not counted.
    pub(crate) len: u64,
}

/// Reads up to the value inside an interface; `None` is nil.
pub(crate) fn head<'a>(types: &Types, input: &mut Cursor<'a>) -> Result<Option<Head<'a>>> {
    let name = input.bytes()?;
    if name.is_empty() {
        return Ok(None);
    }
    let name =
        std::str::from_utf8(name).map_err(|_| Error::malformed("a registered name that is not UTF-8"))?;
    let id = TypeId::from_wire(input.int()?)?;
    let mut len = input.uint()?;
    if !types.is_struct(id) {
        input.singleton()?;
        len = len.saturating_sub(1);
    }
    Ok(Some(Head { name, id, len }))
}

/// The number of the next field present in a struct of `of` fields; `next` is one past the last one read.
#[inline]
pub(crate) fn next_field(of: usize, next: &mut usize, input: &mut Cursor<'_>) -> Result<Option<usize>> {
    let delta = input.uint()?;
    if delta == 0 {
        return Ok(None);
    }
    if delta > (of - *next) as u64 {
        return Err(Error::malformed("field number beyond the last field"));
    }
    *next += delta as usize;
    Ok(Some(*next - 1))
}

pub(crate) fn definition(types: &Types, id: TypeId) -> Result<&Arc<crate::types::Definition>> {
    types.get(id).ok_or_else(|| Error::malformed(format!("type id {} is used but not defined", id.get())))
}

/// Steps over one value of type `id`. Interfaces are stepped over by their count, which plain form
/// guarantees.
pub(crate) fn skip(types: &Types, id: TypeId, input: &mut Cursor<'_>) -> Result<()> {
    match id {
        TypeId::BOOL | TypeId::INT | TypeId::UINT | TypeId::FLOAT => {
            input.uint()?;
        }
        TypeId::COMPLEX => {
            input.uint()?;
            input.uint()?;
        }
        TypeId::STRING | TypeId::BYTES => {
            input.bytes()?;
        }
        TypeId::INTERFACE => {
            if let Some(head) = head(types, input)? {
                input.take(head.len)?;
            }
        }
        id => match &definition(types, id)?.kind {
            Kind::Opaque(_) => {
                input.bytes()?;
            }
            Kind::Slice { elem } | Kind::Array { elem, .. } => {
                for _ in 0..input.uint()? {
                    skip(types, *elem, input)?;
                }
            }
            Kind::Map { key, elem } => {
                for _ in 0..input.uint()? {
                    skip(types, *key, input)?;
                    skip(types, *elem, input)?;
                }
            }
            Kind::Struct { fields } => {
                let mut next = 0;
                while let Some(field) = next_field(fields.len(), &mut next, input)? {
                    skip(types, fields[field].ty, input)?;
                }
            }
        },
    }
    Ok(())
}
