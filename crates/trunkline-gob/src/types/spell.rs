//! How a definition is spelled: a struct value of the type `wireType`, with exactly one member set.
//!
//! In: the bytes after a negative type id, or a [`Definition`]. Out: the other one.

use super::{Definition, Field, Kind, OpaqueKind, TypeId};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::number::{Cursor, put_int, put_uint};

/// Members of `wireType`, by field number.
const ARRAY: usize = 0;
const SLICE: usize = 1;
const STRUCT: usize = 2;
const MAP: usize = 3;
const GOB_ENCODER: usize = 4;
const BINARY_MARSHALER: usize = 5;
const TEXT_MARSHALER: usize = 6;

/// Steps through the fields of a struct value.
struct Fields {
    number: usize,
    of: usize,
}

impl Fields {
    const fn new(of: usize) -> Self {
        Self { number: usize::MAX, of }
    }

    /// The number of the next field that is present; `None` at the end of the struct.
    fn next(&mut self, input: &mut Cursor<'_>) -> Result<Option<usize>> {
        match input.uint()? {
            0 => Ok(None),
            delta => {
                let number = (self.number as u64).wrapping_add(delta);
                if delta > self.of as u64 || number >= self.of as u64 {
                    return Err(Error::malformed("field number beyond the last field of a type description"));
                }
                self.number = number as usize;
                Ok(Some(self.number))
            }
        }
    }
}

impl Definition {
    /// Reads a description; `fields_left` bounds the fields of a struct before they are stored.
    pub(crate) fn read(input: &mut Cursor<'_>, limits: &Limits) -> Result<Self> {
        let mut member = Fields::new(TEXT_MARSHALER + 1);
        let Some(which) = member.next(input)? else {
            return Err(Error::malformed("a type description without a kind"));
        };
        let mut description = Description::default();
        let of = match which {
            ARRAY | MAP => 3,
            SLICE | STRUCT => 2,
            _ => 1,
        };
        let mut part = Fields::new(of);
        while let Some(number) = part.next(input)? {
            match (which, number) {
                (_, 0) => description.common(input)?,
                (STRUCT, _) => description.fields = read_fields(input, limits)?,
                (_, number) => description.numbers[number - 1] = input.int()?,
            }
        }
        if member.next(input)?.is_some() {
            return Err(Error::malformed("a type description of more than one kind"));
        }
        description.finish(which)
    }

    /// Appends the message contents that define `id`: the negative id and the description.
    pub(crate) fn write(&self, id: TypeId, out: &mut Vec<u8>) {
        put_int(out, -i64::from(id.0));
        let member = match &self.kind {
            Kind::Array { .. } => ARRAY,
            Kind::Slice { .. } => SLICE,
            Kind::Struct { .. } => STRUCT,
            Kind::Map { .. } => MAP,
            Kind::Opaque(OpaqueKind::Gob) => GOB_ENCODER,
            Kind::Opaque(OpaqueKind::Binary) => BINARY_MARSHALER,
            Kind::Opaque(OpaqueKind::Text) => TEXT_MARSHALER,
        };
        out.push(member as u8 + 1);
        out.push(1);
        self.write_common(out);
        match &self.kind {
            Kind::Array { elem, len } => write_numbers(out, &[i64::from(elem.0), *len as i64]),
            Kind::Slice { elem } => write_numbers(out, &[i64::from(elem.0)]),
            Kind::Map { key, elem } => write_numbers(out, &[i64::from(key.0), i64::from(elem.0)]),
            Kind::Struct { fields } => write_fields(out, fields),
            Kind::Opaque(_) => {}
        }
        out.extend([0, 0]);
    }

    /// `CommonType`: the name unless empty, and the id.
    fn write_common(&self, out: &mut Vec<u8>) {
        if self.name.is_empty() {
            out.push(2);
        } else {
            out.push(1);
            put_uint(out, self.name.len() as u64);
            out.extend_from_slice(self.name.as_bytes());
            out.push(1);
        }
        put_int(out, i64::from(self.inner_id));
        out.push(0);
    }
}

/// Signed numbers in consecutive fields; a zero is left out, as every zero field is.
fn write_numbers(out: &mut Vec<u8>, numbers: &[i64]) {
    let mut delta = 1;
    for &n in numbers {
        if n == 0 {
            delta += 1;
        } else {
            out.push(delta);
            put_int(out, n);
            delta = 1;
        }
    }
}

fn write_fields(out: &mut Vec<u8>, fields: &[Field]) {
    if fields.is_empty() {
        return;
    }
    out.push(1);
    put_uint(out, fields.len() as u64);
    for field in fields {
        out.push(1);
        put_uint(out, field.name.len() as u64);
        out.extend_from_slice(field.name.as_bytes());
        out.push(1);
        put_int(out, i64::from(field.ty.0));
        out.push(0);
    }
}

#[derive(Default)]
struct Description {
    name: String,
    inner_id: u32,
    numbers: [i64; 2],
    fields: Vec<Field>,
}

impl Description {
    fn common(&mut self, input: &mut Cursor<'_>) -> Result<()> {
        let mut part = Fields::new(2);
        while let Some(number) = part.next(input)? {
            match number {
                0 => self.name = text(input)?,
                // Only a label: it may differ from the id in front, and nothing depends on it.
                _ => self.inner_id = u32::try_from(input.int()?).unwrap_or(0),
            }
        }
        Ok(())
    }

    fn finish(self, which: usize) -> Result<Definition> {
        let [first, second] = self.numbers;
        let kind = match which {
            ARRAY => Kind::Array {
                elem: TypeId::from_wire(first)?,
                len: u64::try_from(second).map_err(|_| Error::malformed("an array of negative length"))?,
            },
            SLICE => Kind::Slice { elem: TypeId::from_wire(first)? },
            STRUCT => Kind::Struct { fields: self.fields },
            MAP => Kind::Map { key: TypeId::from_wire(first)?, elem: TypeId::from_wire(second)? },
            GOB_ENCODER => Kind::Opaque(OpaqueKind::Gob),
            BINARY_MARSHALER => Kind::Opaque(OpaqueKind::Binary),
            _ => Kind::Opaque(OpaqueKind::Text),
        };
        Ok(Definition { name: self.name, inner_id: self.inner_id, kind })
    }
}

fn read_fields(input: &mut Cursor<'_>, limits: &Limits) -> Result<Vec<Field>> {
    let count = input.uint()?;
    if count > input.left() as u64 {
        return Err(Error::malformed(format!("{count} fields announced, {} bytes left", input.left())));
    }
    limits.check_fields(count as usize)?;
    let mut fields = Vec::new();
    for _ in 0..count {
        let (mut name, mut ty) = (String::new(), 0);
        let mut part = Fields::new(2);
        while let Some(number) = part.next(input)? {
            match number {
                0 => name = text(input)?,
                _ => ty = input.int()?,
            }
        }
        fields.push(Field { name: name.into(), ty: TypeId::from_wire(ty)? });
    }
    Ok(fields)
}

/// A name: Go identifiers are UTF-8, and nothing else can match one.
fn text(input: &mut Cursor<'_>) -> Result<String> {
    String::from_utf8(input.bytes()?.to_vec()).map_err(|_| Error::malformed("a name that is not UTF-8"))
}
