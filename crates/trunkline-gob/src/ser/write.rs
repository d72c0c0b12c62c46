//! Writing a value by known definitions.
//!
//! In: a value and [`Compiled`]. Out: plain form with the ids of the stream. What the definitions have no
//! room for is [`Error::Stale`]. Zero fields are left out by Go's rules; an empty map is left out too, since
//! Rust has no nil map to tell it from.

use serde::ser::{self, Serialize, Serializer};

use super::learn::Compiled;
use super::narrow::{Absent, Name};
use super::token::Token;
use crate::encoder::plain::put_bytes;
use crate::encoder::{Outgoing, mapped};
use crate::error::{Error, Result};
use crate::number::{patch_len, patch_uint, put_float, put_int, put_uint};
use crate::raw::Raw;
use crate::types::{Field, Kind, OpaqueKind, TypeId};

impl Compiled {
    /// Appends `value` and returns its type on the stream.
    pub(super) fn write<T: Serialize + ?Sized>(
        &self,
        value: &T,
        stream: &mut Outgoing,
        out: &mut Vec<u8>,
    ) -> Result<TypeId> {
        let mut writer = Writer { by: self, stream, out, depth: 0 };
        value.serialize(writer.slot(self.root, Place::Element))?;
        Ok(mapped(&self.mapping, self.root))
    }
}

struct Writer<'a> {
    by: &'a Compiled,
    stream: &'a mut Outgoing,
    out: &'a mut Vec<u8>,
    depth: usize,
}

/// Where a value goes.
#[derive(Clone, Copy)]
enum Place {
    /// Root, list or map: it is always written.
    Element,
    /// A struct field this far behind the last one: not written if zero.
    Field(u64),
    /// An element of a byte slice: no number, a byte.
    Byte,
}

/// A place, its type, and what a newtype said of the value.
struct Slot<'w, 'a> {
    writer: &'w mut Writer<'a>,
    id: TypeId,
    place: Place,
    token: Token,
}

impl<'a> Writer<'a> {
    fn slot(&mut self, id: TypeId, place: Place) -> Slot<'_, 'a> {
        Slot { writer: self, id, place, token: Token::Plain }
    }

    fn deeper(&mut self) -> Result<()> {
        self.depth += 1;
        self.stream.limits.check_depth(self.depth)
    }

    fn kind(&self, id: TypeId) -> Option<&'a Kind> {
        let by: &'a Compiled = self.by;
        by.types.get(id).map(|definition| &definition.kind)
    }
}

impl<'w, 'a> Slot<'w, 'a> {
    /// Writes the field delta, unless the value is a zero that is left out; says whether to go on.
    #[inline]
    fn begin(&mut self, zero: bool) -> bool {
        if let Place::Field(delta) = self.place {
            if zero {
                return false;
            }
            put_uint(self.writer.out, delta);
        }
        true
    }

    #[inline]
    fn expect(&self, id: TypeId) -> Result<()> {
        if self.id == id { Ok(()) } else { Err(self.stale("a basic type")) }
    }

    #[cold]
    fn stale(&self, what: &str) -> Error {
        Error::Stale(format!("{what} where another type was learned"))
    }

    #[inline]
    fn int(mut self, n: i64) -> Result<()> {
        self.expect(TypeId::INT)?;
        if self.begin(n == 0) {
            put_int(self.writer.out, n);
        }
        Ok(())
    }

    #[inline]
    fn uint(mut self, n: u64) -> Result<()> {
        self.expect(TypeId::UINT)?;
        if matches!(self.place, Place::Byte) {
            let byte = u8::try_from(n).map_err(|_| self.stale("a number above 255 in a byte slice"))?;
            self.writer.out.push(byte);
        } else if self.begin(n == 0) {
            put_uint(self.writer.out, n);
        }
        Ok(())
    }

    fn float(mut self, n: f64) -> Result<()> {
        self.expect(TypeId::FLOAT)?;
        if self.begin(n == 0.0) {
            put_float(self.writer.out, n);
        }
        Ok(())
    }

    fn text(mut self, text: &str) -> Result<()> {
        self.expect(TypeId::STRING)?;
        if self.begin(text.is_empty()) {
            put_bytes(self.writer.out, text.as_bytes());
        }
        Ok(())
    }

    fn opaque(mut self, kind: OpaqueKind, bytes: &[u8], zero: bool) -> Result<()> {
        match self.writer.kind(self.id) {
            Some(Kind::Opaque(known)) if *known == kind => {
                if self.begin(zero) {
                    put_bytes(self.writer.out, bytes);
                }
                Ok(())
            }
            _ => Err(self.stale("an opaque value")),
        }
    }

    /// A self-contained value into an interface.
    fn embed(mut self, bytes: &[u8]) -> Result<()> {
        self.expect(TypeId::INTERFACE)?;
        let raw = Raw::scan(bytes.to_vec())?;
        if raw.type_id() != TypeId::INTERFACE {
            let text = "a concrete Raw inside an interface: it needs the registered name (Raw::named)";
            return Err(Error::Unsupported(text.to_owned()));
        }
        if self.begin(raw.is_nil()) {
            self.writer.stream.embed(&raw, self.writer.out)?;
        }
        Ok(())
    }

    /// The beginning of a list, map or array; `len` is `None` when it is not known yet.
    fn list(mut self, len: Option<usize>, key: TypeId, elem: TypeId) -> Result<List<'w, 'a>> {
        let start = self.writer.out.len();
        self.begin(false);
        match len {
            Some(len) => put_uint(self.writer.out, len as u64),
            None => self.writer.out.push(0),
        }
        self.writer.deeper()?;
        let place = if self.id == TypeId::BYTES { Place::Byte } else { Place::Element };
        let optional = matches!(self.place, Place::Field(_)) && !self.is_array();
        let first = self.writer.out.len();
        Ok(List { writer: self.writer, key, elem, place, start, first, announced: len, count: 0, optional })
    }

    fn is_array(&self) -> bool {
        matches!(self.writer.kind(self.id), Some(Kind::Array { .. }))
    }

    fn sequence(self, len: Option<usize>) -> Result<List<'w, 'a>> {
        if self.id == TypeId::BYTES {
            return self.list(len, TypeId::UINT, TypeId::UINT);
        }
        match self.writer.kind(self.id) {
            Some(Kind::Slice { elem }) => self.list(len, *elem, *elem),
            _ => Err(self.stale("a slice")),
        }
    }

    fn array(self, len: usize) -> Result<List<'w, 'a>> {
        match self.writer.kind(self.id) {
            Some(Kind::Array { elem, len: known }) if *known == len as u64 => {
                self.list(Some(len), *elem, *elem)
            }
            _ => Err(self.stale("an array")),
        }
    }

    fn fields(mut self) -> Result<Fields<'w, 'a>> {
        let Some(Kind::Struct { fields }) = self.writer.kind(self.id) else {
            return Err(self.stale("a struct"));
        };
        self.begin(false);
        self.writer.deeper()?;
        Ok(Fields { writer: self.writer, fields, next: 0, written: 0 })
    }
}

/// Elements, or keys and elements in turn.
struct List<'w, 'a> {
    writer: &'w mut Writer<'a>,
    key: TypeId,
    elem: TypeId,
    place: Place,
    /// Before the field delta.
    start: usize,
    /// Behind the count.
    first: usize,
    announced: Option<usize>,
    count: u64,
    /// Left out when empty.
    optional: bool,
}

impl List<'_, '_> {
    #[inline]
    fn one<T: Serialize + ?Sized>(&mut self, id: TypeId, value: &T) -> Result<()> {
        value.serialize(self.writer.slot(id, self.place))
    }

    fn finish(self) -> Result<()> {
        self.writer.depth -= 1;
        if self.count == 0 && self.optional {
            self.writer.out.truncate(self.start);
            return Ok(());
        }
        match self.announced {
            Some(len) if len as u64 != self.count => {
                Err(Error::Unsupported(format!("{len} elements announced, {} given", self.count)))
            }
            Some(_) => Ok(()),
            None => {
                patch_uint(self.writer.out, self.first, self.count);
                Ok(())
            }
        }
    }
}

/// Fields of a struct.
struct Fields<'w, 'a> {
    writer: &'w mut Writer<'a>,
    fields: &'a [Field],
    /// Where to look for the next field, one past the last one given.
    next: usize,
    /// One past the last one written.
    written: usize,
}

impl Fields<'_, '_> {
    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<()> {
        let ahead = self.fields[self.next..].iter().position(|field| *field.name == *name);
        let Some(ahead) = ahead else { return value.serialize(Absent) };
        let at = self.next + ahead;
        self.next = at + 1;
        let delta = (at + 1 - self.written) as u64;
        let before = self.writer.out.len();
        value.serialize(self.writer.slot(self.fields[at].ty, Place::Field(delta)))?;
        if self.writer.out.len() > before {
            self.written = at + 1;
        }
        Ok(())
    }

    fn finish(self) {
        self.writer.depth -= 1;
        self.writer.out.push(0);
    }
}

/// A registered name, then a value of the type known for it.
struct Inside<'w, 'a> {
    slot: Slot<'w, 'a>,
    name: Option<String>,
}

impl Inside<'_, '_> {
    fn value<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<()> {
        let by = self.slot.writer.by;
        let Some((_, id)) = by.concretes.iter().find(|(known, _)| **known == *name) else {
            return Err(Error::Stale(format!("nothing tells the Go type of {name:?}")));
        };
        let (id, own) = (*id, mapped(&by.mapping, *id));
        self.slot.begin(false);
        let writer = &mut *self.slot.writer;
        writer.deeper()?;
        writer.stream.concrete(own);
        put_bytes(writer.out, name.as_bytes());
        put_int(writer.out, i64::from(own.get()));
        writer.out.push(0);
        let at = writer.out.len();
        if !by.types.is_struct(id) {
            writer.out.push(0);
        }
        value.serialize(writer.slot(id, Place::Element))?;
        patch_len(writer.out, at);
        writer.depth -= 1;
        Ok(())
    }
}

/// Elements, and the parts of values that are not lists to Go.
enum Parts<'w, 'a> {
    List(List<'w, 'a>),
    Inside(Inside<'w, 'a>),
    /// A complex number: where it began, and whether a zero is left out.
    Complex(&'w mut Writer<'a>, usize, usize, bool),
}

mod steps;
