//! Values to plain form: trees against their types, and plain form under other ids.
//!
//! In: a [`Value`] or bytes in plain form. Out: bytes in plain form.

use crate::error::{Error, Limit, Result};
use crate::limits::MAX_DEPTH;
use crate::number::{Cursor, patch_len, put_float, put_int, put_uint};
use crate::read::{definition, next_field};
use crate::types::{Kind, TypeId, Types};
use crate::value::Value;

/// Appends a tree of type `id`. Fields present in the tree are written even if zero. `concrete` is told the
/// type of every value inside an interface before the value.
pub(crate) fn write(
    types: &Types,
    id: TypeId,
    value: &Value,
    out: &mut Vec<u8>,
    concrete: &mut dyn FnMut(TypeId) -> Result<()>,
) -> Result<()> {
    Tree { types, concrete }.value(id, value, out, MAX_DEPTH)
}

struct Tree<'a> {
    types: &'a Types,
    concrete: &'a mut dyn FnMut(TypeId) -> Result<()>,
}

impl Tree<'_> {
    fn value(&mut self, id: TypeId, value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<()> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Error::limit(Limit::Depth, MAX_DEPTH as u64 + 1, MAX_DEPTH as u64));
        };
        match (id, value) {
            (TypeId::BOOL, Value::Bool(b)) => out.push(u8::from(*b)),
            (TypeId::INT, Value::Int(n)) => put_int(out, *n),
            (TypeId::UINT, Value::Uint(n)) => put_uint(out, *n),
            (TypeId::FLOAT, Value::Float(n)) => put_float(out, *n),
            (TypeId::COMPLEX, Value::Complex(re, im)) => {
                put_float(out, *re);
                put_float(out, *im);
            }
            (TypeId::STRING, Value::String(bytes)) | (TypeId::BYTES, Value::Bytes(bytes)) => {
                put_bytes(out, bytes)
            }
            (TypeId::INTERFACE, Value::Interface(None)) => out.push(0),
            (TypeId::INTERFACE, Value::Interface(Some(inside))) => {
                let Some(id) = inside.type_id() else {
                    return Err(Error::Unsupported(format!(
                        "no type id for the value of {:?}",
                        inside.name()
                    )));
                };
                (self.concrete)(id)?;
                put_bytes(out, inside.name().as_bytes());
                put_int(out, i64::from(id.get()));
                out.push(0);
                let at = out.len();
                if !self.types.is_struct(id) {
                    out.push(0);
                }
                self.value(id, inside.value(), out, depth)?;
                patch_len(out, at);
            }
            (id, value) => self.defined(id, value, out, depth)?,
        }
        Ok(())
    }

    fn defined(&mut self, id: TypeId, value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<()> {
        let types = self.types;
        match (types.get(id).map(|definition| &definition.kind), value) {
            (Some(Kind::Opaque(kind)), Value::Opaque(of, bytes)) if kind == of => put_bytes(out, bytes),
            (Some(Kind::Slice { elem }), Value::Slice(items)) => {
                put_uint(out, items.len() as u64);
                items.iter().try_for_each(|item| self.value(*elem, item, out, depth))?;
            }
            (Some(Kind::Array { elem, len }), Value::Array(items)) if *len == items.len() as u64 => {
                put_uint(out, *len);
                items.iter().try_for_each(|item| self.value(*elem, item, out, depth))?;
            }
            (Some(Kind::Map { key, elem }), Value::Map(entries)) => {
                put_uint(out, entries.len() as u64);
                for (k, v) in entries.iter() {
                    self.value(*key, k, out, depth)?;
                    self.value(*elem, v, out, depth)?;
                }
            }
            (Some(Kind::Struct { fields }), Value::Struct(present)) => {
                let mut next = 0;
                for (name, value) in present.iter() {
                    let Some(ahead) = fields[next..].iter().position(|field| field.name == *name) else {
                        return Err(Error::Unsupported(format!(
                            "field {name:?} is not in the type, or not in order"
                        )));
                    };
                    put_uint(out, ahead as u64 + 1);
                    next += ahead + 1;
                    self.value(fields[next - 1].ty, value, out, depth)?;
                }
                out.push(0);
            }
            _ => return Err(Error::Unsupported(format!("the value is not of type {}", id.get()))),
        }
        Ok(())
    }
}

/// A length and bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_uint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Copies a value in plain form. `to` says for an id that stands inside an interface under which id `types`
/// knows it, and which to write.
pub(crate) fn copy(
    types: &Types,
    id: TypeId,
    input: &mut Cursor<'_>,
    out: &mut Vec<u8>,
    to: &mut dyn FnMut(TypeId) -> (TypeId, TypeId),
) -> Result<()> {
    let from = input.position();
    match id {
        TypeId::INTERFACE => {
            let name = input.bytes()?;
            put_bytes(out, name);
            if name.is_empty() {
                return Ok(());
            }
            let (id, own) = to(TypeId::from_wire(input.int()?)?);
            input.uint()?;
            put_int(out, i64::from(own.get()));
            out.push(0);
            let at = out.len();
            if !types.is_struct(id) {
                input.singleton()?;
                out.push(0);
            }
            copy(types, id, input, out, to)?;
            patch_len(out, at);
            return Ok(());
        }
        id if id.is_user() => match &definition(types, id)?.kind {
            Kind::Opaque(_) => {
                input.bytes()?;
            }
            Kind::Slice { elem } | Kind::Array { elem, .. } => {
                let count = input.uint()?;
                out.extend_from_slice(input.since(from));
                return (0..count).try_for_each(|_| copy(types, *elem, input, out, to));
            }
            Kind::Map { key, elem } => {
                let count = input.uint()?;
                out.extend_from_slice(input.since(from));
                return (0..count).try_for_each(|_| {
                    copy(types, *key, input, out, to)?;
                    copy(types, *elem, input, out, to)
                });
            }
            Kind::Struct { fields } => {
                let mut next = 0;
                loop {
                    let from = input.position();
                    let field = next_field(fields.len(), &mut next, input)?;
                    out.extend_from_slice(input.since(from));
                    let Some(field) = field else { return Ok(()) };
                    copy(types, fields[field].ty, input, out, to)?;
                }
            }
        },
        id => crate::read::skip(types, id, input)?,
    }
    out.extend_from_slice(input.since(from));
    Ok(())
}
