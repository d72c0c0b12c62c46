//! The parts of lists, maps, structs and variants, as serde asks for them.
//!
//! In: a cursor inside a composite value. Out: one part after the other.

use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::de::{IntoDeserializer, value::StrDeserializer};

use super::Reader;
use crate::error::{Error, Result};
use crate::number::Cursor;
use crate::read::{next_field, skip};
use crate::types::{Field, TypeId, Types};

/// How many elements a visitor is told to make room for before any was read.
const ROOM: u64 = 1024;

/// Elements of one type.
pub(super) struct Items<'r, 'a> {
    pub(super) types: &'a Types,
    pub(super) elem: TypeId,
    pub(super) left: u64,
    pub(super) input: &'r mut Cursor<'a>,
}

impl<'r, 'a> Items<'r, 'a> {
    /// An empty list.
    pub(super) fn none(types: &'a Types, input: &'r mut Cursor<'a>) -> Zeros<'r, 'a> {
        Self::zeros(types, input, 0)
    }

    /// As many zeros.
    pub(super) fn zeros(types: &'a Types, input: &'r mut Cursor<'a>, left: usize) -> Zeros<'r, 'a> {
        Zeros { types, input, left }
    }

    /// Steps over what the visitor did not take.
    pub(super) fn finish(self) -> Result<()> {
        (0..self.left).try_for_each(|_| skip(self.types, self.elem, self.input))
    }
}

impl<'de> SeqAccess<'de> for &mut Items<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let element = Reader { types: self.types, id: self.elem, input: self.input, zero: false };
        seed.deserialize(element).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(ROOM) as usize)
    }
}

/// Zeros of whatever type is asked for.
pub(super) struct Zeros<'r, 'a> {
    types: &'a Types,
    input: &'r mut Cursor<'a>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Zeros<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let zero = Reader { types: self.types, id: TypeId::BOOL, input: self.input, zero: true };
        seed.deserialize(zero).map(Some)
    }
}

/// Keys and elements of a map.
pub(super) struct Entries<'r, 'a> {
    pub(super) types: &'a Types,
    pub(super) key: TypeId,
    pub(super) elem: TypeId,
    pub(super) left: u64,
    pub(super) input: &'r mut Cursor<'a>,
}

impl Entries<'_, '_> {
    /// Steps over what the visitor did not take.
    pub(super) fn finish(self) -> Result<()> {
        (0..self.left).try_for_each(|_| {
            skip(self.types, self.key, self.input)?;
            skip(self.types, self.elem, self.input)
        })
    }
}

impl<'de> MapAccess<'de> for &mut Entries<'_, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let key = Reader { types: self.types, id: self.key, input: self.input, zero: false };
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        seed.deserialize(Reader { types: self.types, id: self.elem, input: self.input, zero: false })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(ROOM) as usize)
    }
}

/// The fields of a struct: those present, then a zero for each that is wanted and was left out.
pub(super) struct Present<'r, 'a> {
    types: &'a Types,
    fields: &'a [Field],
    wanted: &'static [&'static str],
    /// A bit for each of the first wanted names that was present.
    given: u128,
    /// The next wanted name to look at, once the fields are over.
    missing: usize,
    input: &'r mut Cursor<'a>,
    next: usize,
    over: bool,
    /// The field whose value comes; `None` is a zero.
    value: Option<TypeId>,
}

impl<'r, 'a> Present<'r, 'a> {
    pub(super) fn new(
        types: &'a Types,
        fields: &'a [Field],
        wanted: &'static [&'static str],
        input: &'r mut Cursor<'a>,
        over: bool,
    ) -> Self {
        Self { types, fields, wanted, given: 0, missing: 0, input, next: 0, over, value: None }
    }

    /// Notes that a wanted field came.
    fn give(&mut self, name: &str) {
        if let Some(at) = self.wanted.iter().position(|wanted| *wanted == name)
            && at < 128
        {
            self.given |= 1 << at;
        }
    }
}

impl<'de> MapAccess<'de> for Present<'_, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if !self.over {
            if let Some(at) = next_field(self.fields.len(), &mut self.next, self.input)? {
                let field = &self.fields[at];
                self.value = Some(field.ty);
                self.give(&field.name);
                let name: StrDeserializer<'_, Error> = (&*field.name).into_deserializer();
                return seed.deserialize(name).map(Some);
            }
            self.over = true;
        }
        // Beyond 128 fields, those left out need serde's own default.
        while let Some(name) = self.wanted.get(self.missing).filter(|_| self.missing < 128) {
            self.missing += 1;
            if self.given & (1 << (self.missing - 1)) == 0 {
                self.value = None;
                let name: StrDeserializer<'_, Error> = (*name).into_deserializer();
                return seed.deserialize(name).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        let (id, zero) = self.value.map_or((TypeId::BOOL, true), |id| (id, false));
        seed.deserialize(Reader { types: self.types, id, input: self.input, zero })
    }
}

/// An enum variant with a value: a struct of which one field is present.
pub(super) struct OneField<'r, 'a> {
    pub(super) types: &'a Types,
    pub(super) fields: &'a [Field],
    pub(super) input: &'r mut Cursor<'a>,
}

impl<'de, 'r, 'a> EnumAccess<'de> for OneField<'r, 'a> {
    type Error = Error;
    type Variant = Content<'r, 'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant)> {
        let mut next = 0;
        let Some(at) = next_field(self.fields.len(), &mut next, self.input)? else {
            return Err(Error::mismatch("a variant was wanted, and no field is present"));
        };
        let name: StrDeserializer<'_, Error> = (&*self.fields[at].name).into_deserializer();
        let variant = seed.deserialize(name)?;
        Ok((variant, Content { of: self, at, next }))
    }
}

/// The value of that field.
pub(super) struct Content<'r, 'a> {
    of: OneField<'r, 'a>,
    at: usize,
    next: usize,
}

impl<'de> VariantAccess<'de> for Content<'_, '_> {
    type Error = Error;

    fn unit_variant(self) -> Result<()> {
        Err(Error::mismatch("a variant without a value was wanted"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(mut self, seed: T) -> Result<T::Value> {
        let OneField { types, fields, input } = self.of;
        let value =
            seed.deserialize(Reader { types, id: fields[self.at].ty, input: &mut *input, zero: false })?;
        match next_field(fields.len(), &mut self.next, input)? {
            None => Ok(value),
            Some(_) => Err(Error::mismatch("one variant was wanted, and more fields are present")),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value> {
        Err(Error::mismatch("a variant may hold one value"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value> {
        Err(Error::mismatch("a variant may hold one value"))
    }
}

/// A registered name and the value behind it.
pub(super) struct NamedParts<'r, 'a> {
    pub(super) name: Option<&'a str>,
    pub(super) value: Reader<'r, 'a>,
}

impl<'de> SeqAccess<'de> for NamedParts<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if let Some(name) = self.name.take() {
            let name: StrDeserializer<'_, Error> = name.into_deserializer();
            return seed.deserialize(name).map(Some);
        }
        let Reader { types, id, zero, .. } = self.value;
        seed.deserialize(Reader { types, id, input: &mut *self.value.input, zero }).map(Some)
    }
}
