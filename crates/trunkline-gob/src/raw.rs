//! One value by itself: the definitions it needs and the value, as one byte string.
//!
//! In: a Rust value, a value of some stream, or bytes from anywhere. Out: [`Raw`], which can be stored, sent
//! on, and written into any other stream without a Rust type for it. Its types are numbered from 64 without
//! gaps, so that equal types give equal bytes.

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde::ser::{Serialize, Serializer};

use crate::decoder::{Core, Decoder, Message};
use crate::encoder::{alone, plain};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::number::{Cursor, patch_len, put_int};
use crate::types::{Definition, TypeId, Types};
use crate::value::Value;

/// The name under which a [`Raw`] passes through serde.
pub(crate) const RAW: &str = "$gob::Raw";

/// A self-contained gob value.
///
/// Its bytes are an ordinary gob stream with one value. Of a top-level interface value it knows the
/// registered name. As a field of a struct it stands for a Go interface: reading takes the value out of its
/// stream, writing puts it into another, definitions and all.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use trunkline_gob::{Raw, from_slice, to_vec};
///
/// #[derive(Serialize, Deserialize)]
/// struct Envelope {
///     #[serde(rename = "ID")]
///     id: u64,
///     #[serde(rename = "Request")]
///     request: Raw,
/// }
///
/// let sent = to_vec(&Envelope { id: 7, request: Raw::named("string", "foobar")? })?;
/// let got: Envelope = from_slice(&sent)?;
/// assert_eq!(got.request.name(), Some("string"));
/// assert_eq!(got.request.decode::<String>()?, "foobar");
/// # Ok::<(), trunkline_gob::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Raw {
    bytes: Vec<u8>,
    /// Where the definitions end.
    definitions: usize,
    /// Where the value begins, in plain form.
    value: usize,
    id: TypeId,
}

impl Default for Raw {
    /// A nil interface.
    fn default() -> Self {
        Self { bytes: vec![3, 0x10, 0, 0], definitions: 0, value: 3, id: TypeId::INTERFACE }
    }
}

impl Raw {
    /// A concrete value, as [`to_vec`](crate::to_vec) writes it.
    ///
    /// # Errors
    /// As [`Encoder::encode`](crate::Encoder::encode).
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        Self::scan(alone("", value)?)
    }

    /// A value inside an interface, under the name its Go type is registered with.
    ///
    /// # Errors
    /// As [`Encoder::encode`](crate::Encoder::encode).
    pub fn named<T: Serialize + ?Sized>(name: &str, value: &T) -> Result<Self> {
        Self::scan(alone(name, &crate::named::Borrowed { name, value })?)
    }

    /// The same value inside an interface, under the name its Go type is registered with. What is in an interface
    /// already is taken out of it first.
    ///
    /// # Errors
    /// None in practice.
    pub fn registered_as(&self, name: &str) -> Result<Self> {
        let (id, value) = match self.id {
            TypeId::INTERFACE => return self.renamed(name),
            id => (id, self.plain()),
        };
        let mut inside = Vec::with_capacity(value.len() + 1);
        if !is_struct_among(self.definitions(), id)? {
            inside.push(0);
        }
        inside.extend_from_slice(value);
        Ok(self.wrapped(name, id, &inside))
    }

    fn renamed(&self, name: &str) -> Result<Self> {
        let mut input = Cursor::new(self.plain());
        if input.bytes()?.is_empty() {
            return Ok(self.clone());
        }
        let id = TypeId::from_wire(input.int()?)?;
        let inside = input.bytes()?;
        Ok(self.wrapped(name, id, inside))
    }

    /// An interface value: name, type, and the value as it stands inside.
    fn wrapped(&self, name: &str, id: TypeId, inside: &[u8]) -> Self {
        let mut bytes = self.definitions().to_vec();
        bytes.push(0);
        let at = bytes.len();
        put_int(&mut bytes, i64::from(TypeId::INTERFACE.get()));
        bytes.push(0);
        let head = bytes.len() - at;
        plain::put_bytes(&mut bytes, name.as_bytes());
        put_int(&mut bytes, i64::from(id.get()));
        plain::put_bytes(&mut bytes, inside);
        let len = bytes.len();
        patch_len(&mut bytes, at);
        let value = at + head + (bytes.len() - len);
        Self { bytes, definitions: self.definitions, value, id: TypeId::INTERFACE }
    }

    /// The id of the value's type, as it is numbered in these bytes.
    #[must_use]
    pub const fn root(&self) -> TypeId {
        self.id
    }

    /// Bytes from anywhere: exactly one value, with all definitions it needs. They are checked, put in
    /// plain form, and numbered anew.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Limit`]; [`Error::Truncated`] when the value is not complete.
    pub fn from_bytes(bytes: &[u8], limits: Limits) -> Result<Self> {
        single(bytes, limits, |message| message.to_raw())
    }

    /// The registered name, if this is an interface value that is not nil.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        if self.id != TypeId::INTERFACE {
            return None;
        }
        let name = Cursor::at(&self.bytes, self.value).bytes().ok()?;
        std::str::from_utf8(name).ok().filter(|name| !name.is_empty())
    }

    /// Whether this is a nil interface.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        self.id == TypeId::INTERFACE && self.name().is_none()
    }

    /// The value as a Rust type; an interface around it is taken off.
    ///
    /// # Errors
    /// [`Error::Mismatch`] or [`Error::Custom`] when it is not a `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T> {
        self.with_message(|message| message.decode())
    }

    /// The value as a tree.
    ///
    /// # Errors
    /// None in practice.
    pub fn to_value(&self) -> Result<Value> {
        self.with_message(|message| message.to_value())
    }

    /// The bytes: definitions, then the value.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes: definitions, then the value.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Calls `f` with the value and its types.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn with_message<R>(&self, f: impl FnOnce(&Message<'_>) -> Result<R>) -> Result<R> {
        let types = self.types()?;
        f(&Message { types: &types, id: self.id, plain: self.plain() })
    }

    pub(crate) fn definitions(&self) -> &[u8] {
        &self.bytes[..self.definitions]
    }

    pub(crate) fn plain(&self) -> &[u8] {
        &self.bytes[self.value..]
    }

    pub(crate) const fn type_id(&self) -> TypeId {
        self.id
    }

    /// Reads the definitions.
    pub(crate) fn types(&self) -> Result<Types> {
        let limits = Limits::default();
        let mut types = Types::new(limits);
        let mut input = Cursor::new(self.definitions());
        while !input.is_empty() {
            input.uint()?;
            let id = TypeId::from_wire(input.int()?.saturating_neg())?;
            types.define(id, Definition::read(&mut input, &limits)?)?;
        }
        Ok(types)
    }

    /// Finds the parts of what this crate wrote; the contents are not looked at again.
    pub(crate) fn scan(bytes: Vec<u8>) -> Result<Self> {
        let mut input = Cursor::new(&bytes);
        loop {
            let definitions = input.position();
            let len = input.uint()?;
            let mut message = input;
            let id = message.int()?;
            if id < 0 {
                input.take(len)?;
                continue;
            }
            let id = TypeId::from_wire(id)?;
            // Only after a struct definition can a value be a struct: member 2, so the byte 3.
            let is_struct = is_struct_among(&bytes[..definitions], id)?;
            if !is_struct {
                message.singleton()?;
            }
            let value = message.position();
            return Ok(Self { bytes, definitions, value, id });
        }
    }
}

/// Whether the definition of `id` among these describes a struct.
fn is_struct_among(definitions: &[u8], id: TypeId) -> Result<bool> {
    if !id.is_user() {
        return Ok(false);
    }
    let mut input = Cursor::new(definitions);
    while !input.is_empty() {
        let len = input.uint()?;
        let mut message = input;
        if message.int()? == -i64::from(id.get()) {
            return Ok(message.uint()? == 3);
        }
        input.take(len)?;
    }
    Err(Error::malformed("a value of a type that is not defined"))
}

impl Message<'_> {
    /// Takes the value out of its stream, with the definitions it needs.
    ///
    /// # Errors
    /// None in practice.
    pub fn to_raw(&self) -> Result<Raw> {
        let mut numbers = Numbers::new(self.types);
        numbers.give(self.id);
        let mut value = Vec::with_capacity(self.plain.len());
        let mut input = Cursor::new(self.plain);
        plain::copy(self.types, self.id, &mut input, &mut value, &mut |id| (id, numbers.give(id)))?;
        let mut bytes = Vec::new();
        for &id in &numbers.given {
            let own = numbers.number(id);
            let definition = crate::read::definition(self.types, id)?;
            bytes.push(0);
            let at = bytes.len();
            definition.renumbered(own, |part| numbers.number(part)).write(own, &mut bytes);
            patch_len(&mut bytes, at);
        }
        let definitions = bytes.len();
        let id = numbers.number(self.id);
        let mut head = Vec::with_capacity(8);
        put_int(&mut head, i64::from(id.get()));
        if !self.types.is_struct(self.id) {
            head.push(0);
        }
        crate::number::put_uint(&mut bytes, (head.len() + value.len()) as u64);
        bytes.extend_from_slice(&head);
        let at = bytes.len();
        bytes.extend_from_slice(&value);
        Ok(Raw { bytes, definitions, value: at, id })
    }
}

/// Numbers for the types of one value, from 64 in the order of need.
struct Numbers<'a> {
    types: &'a Types,
    given: Vec<TypeId>,
    /// By place in `types`; 0 is none.
    by_place: Vec<u32>,
}

impl<'a> Numbers<'a> {
    fn new(types: &'a Types) -> Self {
        Self { types, given: Vec::new(), by_place: vec![0; types.len()] }
    }

    fn give(&mut self, id: TypeId) -> TypeId {
        if id.is_user() && self.number(id) == TypeId(0) {
            for id in self.types.closure(id, |id| self.number(id) != TypeId(0)) {
                if let Some(at) = self.types.place(id) {
                    self.by_place[at] = TypeId::FIRST_USER.0 + self.given.len() as u32;
                    self.given.push(id);
                }
            }
        }
        self.number(id)
    }

    fn number(&self, id: TypeId) -> TypeId {
        self.types.place(id).map_or(id, |at| TypeId(self.by_place[at]))
    }
}

/// Reads the one value of a self-contained byte string.
pub(crate) fn single<R>(
    bytes: &[u8],
    limits: Limits,
    f: impl FnOnce(&Message<'_>) -> Result<R>,
) -> Result<R> {
    let (mut core, mut copy) = (Core::new(limits), Vec::new());
    let mut input = Cursor::new(bytes);
    let Some(found) = core.next(&mut input, &mut copy)? else {
        return Err(Error::Truncated(if bytes.is_empty() {
            "no bytes at all"
        } else {
            "more bytes must follow"
        }));
    };
    if !input.is_empty() {
        return Err(Error::malformed(format!("{} bytes after the value", input.left())));
    }
    f(&found.message(&core.types, bytes, &copy))
}

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(RAW, &crate::serde_bytes::Bytes(&self.bytes))
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = crate::serde_bytes::read(deserializer, RAW)?;
        Self::scan(bytes).map_err(serde::de::Error::custom)
    }
}

impl Decoder {
    /// The next value, taken out of the stream; `None` when more bytes are needed.
    ///
    /// # Errors
    /// As [`next_message`](Self::next_message).
    pub fn next_raw(&mut self) -> Result<Option<Raw>> {
        self.next_message()?.map(|message| message.to_raw()).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
    struct Point {
        x: i64,
        text: String,
    }

    #[test]
    fn a_name_given_later_is_the_name_given_at_once() {
        for len in [0, 1, 100, 120, 130, 70_000] {
            let point = Point { x: -1, text: "t".repeat(len) };
            let named = Raw::named("main.Point", &point).unwrap();
            let later = Raw::of(&point).unwrap().registered_as("main.Point").unwrap();
            assert_eq!(later, named, "{len}");
            assert_eq!(Raw::from_bytes(later.as_bytes(), Limits::default()).unwrap(), named, "{len}");
            let renamed = named.registered_as("*main.Point").unwrap();
            assert_eq!((renamed.name(), renamed.decode().unwrap()), (Some("*main.Point"), point), "{len}");
            let text = "t".repeat(len);
            let string = Raw::of(&text).unwrap().registered_as("string").unwrap();
            assert_eq!(string, Raw::named("string", &text).unwrap(), "{len}");
        }
        assert!(Raw::default().registered_as("any").unwrap().is_nil());
    }
}
