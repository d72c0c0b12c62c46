//! Plain form to Rust values, through serde.
//!
//! In: bytes that passed the walk, and their definitions. Out: anything that implements `Deserialize`.
//! Matching follows serde: fields by name, unknown ones skipped, missing ones need `#[serde(default)]`,
//! which Rust structs for Go want anyway, since Go leaves out zeros; interfaces are looked through.

use serde::de::{DeserializeOwned, IntoDeserializer, Visitor, value::StrDeserializer};
use serde::forward_to_deserialize_any;

use crate::decoder::Message;
use crate::error::{Error, Result};
use crate::number::Cursor;
use crate::read::{head, skip};
use crate::ser::Token;
use crate::types::{Field, Kind, TypeId, Types};

impl Message<'_> {
    /// The value as a Rust type. An interface around it is taken off, unless `T` is
    /// [`Named`](crate::Named) or [`Raw`](crate::Raw).
    ///
    /// # Errors
    /// [`Error::Custom`] or [`Error::Mismatch`] when the value is not a `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T> {
        let mut input = Cursor::new(self.plain);
        T::deserialize(Reader { types: self.types, id: self.id, input: &mut input, zero: false })
    }
}

/// One value of type `id` at the cursor.
struct Reader<'r, 'a> {
    types: &'a Types,
    id: TypeId,
    input: &'r mut Cursor<'a>,
    /// The value was left out: it is the zero of its type, and nothing is read.
    zero: bool,
}

mod parts;

use parts::{Entries, Items, NamedParts, OneField, Present};

impl<'a> Reader<'_, 'a> {
    fn wrong(&self, wanted: &str) -> Error {
        let have = match self.types.get(self.id).map(|definition| (&definition.name, &definition.kind)) {
            Some((name, Kind::Struct { .. })) => format!("struct {name}"),
            Some((_, Kind::Slice { .. })) => "a slice".to_owned(),
            Some((_, Kind::Array { len, .. })) => format!("an array of {len}"),
            Some((_, Kind::Map { .. })) => "a map".to_owned(),
            Some((name, Kind::Opaque(_))) => format!("opaque {name}"),
            None => ["nothing", "bool", "int", "uint", "float", "[]byte", "string", "complex", "interface"]
                [self.id.get() as usize % 9]
                .to_owned(),
        };
        Error::mismatch(format!("received {have}, wanted {wanted}"))
    }

    /// Steps into an interface; fails if it is nil.
    fn concrete(mut self) -> Result<Self> {
        while self.id == TypeId::INTERFACE && !self.zero {
            let head = head(self.types, self.input)?;
            self.id = head.ok_or_else(|| Error::mismatch("a nil interface"))?.id;
        }
        Ok(self)
    }

    #[inline]
    fn int(self) -> Result<i64> {
        let this = self.concrete()?;
        match (this.zero, this.id) {
            (true, _) => Ok(0),
            (_, TypeId::INT) => this.input.int(),
            _ => Err(this.wrong("a signed integer")),
        }
    }

    #[inline]
    fn uint(self) -> Result<u64> {
        let this = self.concrete()?;
        match (this.zero, this.id) {
            (true, _) => Ok(0),
            (_, TypeId::UINT) => this.input.uint(),
            _ => Err(this.wrong("an unsigned integer")),
        }
    }

    fn float(self) -> Result<f64> {
        let this = self.concrete()?;
        match (this.zero, this.id) {
            (true, _) => Ok(0.0),
            (_, TypeId::FLOAT) => this.input.float(),
            _ => Err(this.wrong("a float")),
        }
    }

    /// A string, or bytes if they are wanted.
    #[inline]
    fn text(self, wanted: TypeId, word: &str) -> Result<&'a [u8]> {
        let this = self.concrete()?;
        match (this.zero, this.id) {
            (true, _) => Ok(&[]),
            (_, id) if id == wanted => this.input.bytes(),
            _ => Err(this.wrong(word)),
        }
    }

    /// The bytes of a byte string of any kind: a slice, a string or an opaque value.
    fn any_bytes(self) -> Result<&'a [u8]> {
        let this = self.concrete()?;
        match this.types.get(this.id).map(|definition| &definition.kind) {
            _ if this.zero => Ok(&[]),
            Some(Kind::Opaque(_)) => this.input.bytes(),
            None if matches!(this.id, TypeId::BYTES | TypeId::STRING) => this.input.bytes(),
            _ => Err(this.wrong("bytes")),
        }
    }

    /// The value and its definitions as one byte string.
    fn raw(self) -> Result<Vec<u8>> {
        if self.zero {
            return Ok(crate::raw::Raw::default().into_bytes());
        }
        let from = self.input.position();
        skip(self.types, self.id, self.input)?;
        let plain = self.input.since(from);
        Ok(Message { types: self.types, id: self.id, plain }.to_raw()?.into_bytes())
    }

    fn struct_fields(&self) -> Option<&'a [Field]> {
        match self.types.get(self.id).map(|definition| &definition.kind) {
            Some(Kind::Struct { fields }) => Some(fields),
            _ => None,
        }
    }
}

/// Signed or unsigned integers, range-checked by the visitor's own type.
macro_rules! integers {
    ($($method:ident $read:ident $visit:ident)*) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            visitor.$visit(self.$read()?)
        })*
    };
}

impl<'de> serde::Deserializer<'de> for Reader<'_, '_> {
    type Error = Error;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.zero {
            return visitor.visit_unit();
        }
        match self.id {
            TypeId::BOOL => self.deserialize_bool(visitor),
            TypeId::INT => self.deserialize_i64(visitor),
            TypeId::UINT => self.deserialize_u64(visitor),
            TypeId::FLOAT => self.deserialize_f64(visitor),
            TypeId::STRING => self.deserialize_str(visitor),
            TypeId::BYTES => self.deserialize_bytes(visitor),
            TypeId::COMPLEX => self.deserialize_seq(visitor),
            TypeId::INTERFACE => match head(self.types, self.input)? {
                None => visitor.visit_unit(),
                Some(head) => Self { id: head.id, ..self }.deserialize_any(visitor),
            },
            id => match self.types.get(id).map(|definition| &definition.kind) {
                Some(Kind::Struct { .. } | Kind::Map { .. }) => self.deserialize_map(visitor),
                Some(Kind::Opaque(_)) => self.deserialize_bytes(visitor),
                _ => self.deserialize_seq(visitor),
            },
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let this = self.concrete()?;
        match (this.zero, this.id) {
            (true, _) => visitor.visit_bool(false),
            (_, TypeId::BOOL) => visitor.visit_bool(this.input.uint()? != 0),
            _ => Err(this.wrong("a bool")),
        }
    }

    integers! {
        deserialize_i8 int visit_i64
        deserialize_i16 int visit_i64
        deserialize_i32 int visit_i64
        deserialize_i64 int visit_i64
        deserialize_u8 uint visit_u64
        deserialize_u16 uint visit_u64
        deserialize_u32 uint visit_u64
        deserialize_u64 uint visit_u64
        deserialize_f64 float visit_f64
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let n = self.float()?;
        if n.is_finite() && n.abs() > f64::from(f32::MAX) {
            return Err(Error::mismatch(format!("{n} is out of range for float32")));
        }
        visitor.visit_f32(n as f32)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let n = self.int()?;
        match u32::try_from(n).ok().and_then(char::from_u32) {
            Some(c) => visitor.visit_char(c),
            None => Err(Error::mismatch(format!("{n} is no character"))),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let bytes = self.text(TypeId::STRING, "a string")?;
        match std::str::from_utf8(bytes) {
            Ok(text) => visitor.visit_str(text),
            Err(_) => visitor.visit_bytes(bytes),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_bytes(self.any_bytes()?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.zero {
            return visitor.visit_none();
        }
        if self.id == TypeId::INTERFACE && self.input.peek() == Some(0) {
            self.input.skip(1);
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if !self.zero {
            skip(self.types, self.id, self.input)?;
        }
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        match Token::of(name) {
            Token::Plain => visitor.visit_newtype_struct(self),
            Token::Raw => visitor.visit_byte_buf(self.raw()?),
            Token::Complex => self.complex(visitor),
            Token::Named => {
                let head = if self.zero { None } else { head(self.types, self.input)? };
                let head = head.ok_or_else(|| Error::mismatch("a nil interface"))?;
                visitor.visit_seq(NamedParts { name: Some(head.name), value: Self { id: head.id, ..self } })
            }
            Token::Time => {
                let this = self.concrete()?;
                if this.zero {
                    return visitor.visit_byte_buf(crate::time::Time::default().to_gob());
                }
                match this.types.get(this.id).map(|definition| &definition.kind) {
                    Some(Kind::Opaque(crate::types::OpaqueKind::Gob)) => {
                        visitor.visit_bytes(this.input.bytes()?)
                    }
                    _ => Err(this.wrong("time.Time")),
                }
            }
            Token::Gob | Token::Binary => {
                let this = self.concrete()?;
                match this.types.get(this.id).map(|definition| &definition.kind) {
                    Some(Kind::Opaque(kind)) if !this.zero => {
                        let mut bytes = this.input.bytes()?.to_vec();
                        bytes.push(crate::opaque::kind_number(*kind));
                        visitor.visit_byte_buf(bytes)
                    }
                    _ => Err(this.wrong("a type that encodes itself")),
                }
            }
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let this = self.concrete()?;
        let Reader { types, id, zero, .. } = this;
        let elem = match types.get(id).map(|definition| &definition.kind) {
            _ if zero => return visitor.visit_seq(Items::none(types, this.input)),
            Some(Kind::Slice { elem } | Kind::Array { elem, .. }) => *elem,
            None if id == TypeId::BYTES => {
                let bytes = this.input.bytes()?;
                return visitor.visit_seq(serde::de::value::SeqDeserializer::new(bytes.iter().copied()));
            }
            None if id == TypeId::COMPLEX => return this.complex(visitor),
            _ => return Err(this.wrong("a list")),
        };
        let left = this.input.uint()?;
        let mut items = Items { types, elem, left, input: this.input };
        let value = visitor.visit_seq(&mut items)?;
        items.finish()?;
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        if self.zero {
            return visitor.visit_seq(Items::zeros(self.types, self.input, len));
        }
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let this = self.concrete()?;
        let types = this.types;
        let (key, elem) = match types.get(this.id).map(|definition| &definition.kind) {
            _ if this.zero => (TypeId::BOOL, TypeId::BOOL),
            Some(Kind::Map { key, elem }) => (*key, *elem),
            Some(Kind::Struct { fields }) => {
                return visitor.visit_map(Present::new(types, fields, &[], this.input, false));
            }
            _ => return Err(this.wrong("a map")),
        };
        let left = if this.zero { 0 } else { this.input.uint()? };
        let mut entries = Entries { types, key, elem, left, input: this.input };
        let value = visitor.visit_map(&mut entries)?;
        entries.finish()?;
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        wanted: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let this = self.concrete()?;
        if this.zero {
            return visitor.visit_map(Present::new(this.types, &[], wanted, this.input, true));
        }
        match this.struct_fields() {
            Some(fields) => visitor.visit_map(Present::new(this.types, fields, wanted, this.input, false)),
            None => Err(this.wrong("a struct")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let this = self.concrete()?;
        if let Some(fields) = this.struct_fields().filter(|_| !this.zero) {
            return visitor.visit_enum(OneField { types: this.types, fields, input: this.input });
        }
        let name = std::str::from_utf8(this.text(TypeId::STRING, "the name of a variant")?);
        let name = name.map_err(|_| Error::mismatch("the name of a variant is not UTF-8"))?;
        let name: StrDeserializer<'_, Error> = name.into_deserializer();
        visitor.visit_enum(name)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    forward_to_deserialize_any! { i128 u128 identifier }
}

impl Reader<'_, '_> {
    fn complex<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let this = self.concrete()?;
        let parts = match (this.zero, this.id) {
            (true, _) => [0.0; 2],
            (_, TypeId::COMPLEX) => [this.input.float()?, this.input.float()?],
            _ => return Err(this.wrong("a complex number")),
        };
        visitor.visit_seq(serde::de::value::SeqDeserializer::new(parts.into_iter()))
    }
}
