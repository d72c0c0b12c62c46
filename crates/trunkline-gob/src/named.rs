//! A typed value inside a Go interface.
//!
//! In and out: a registered name and a Rust value, next to each other.

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

/// The name under which a [`Named`] passes through serde.
pub(crate) const NAMED: &str = "$gob::Named";

/// A value in an interface field: the name its Go type is registered with, and the value.
///
/// Use it where the Go struct has an interface and the concrete type is known here; use
/// [`Raw`](crate::Raw) where it is not, and `Option` of either where the interface may be nil.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named<T> {
    /// Such as `string`, `main.Args` or `*main.Args`.
    pub name: String,
    /// What is inside.
    pub value: T,
}

impl<T> Named<T> {
    /// A value under its registered name.
    pub fn new(name: impl Into<String>, value: T) -> Self {
        Self { name: name.into(), value }
    }
}

/// The same by reference.
pub(crate) struct Borrowed<'a, T: ?Sized> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a T,
}

impl<T: Serialize + ?Sized> Serialize for Borrowed<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(NAMED, &(self.name, self.value))
    }
}

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Borrowed { name: &self.name, value: &self.value }.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (name, value) = deserializer.deserialize_newtype_struct(NAMED, Pair(std::marker::PhantomData))?;
        Ok(Self { name, value })
    }
}

struct Pair<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Pair<T> {
    type Value = (String, T);

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a registered name and a value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<(String, T), D::Error> {
        Deserialize::deserialize(from)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<(String, T), A::Error> {
        let missing = || serde::de::Error::custom("a registered name and a value were expected");
        let name = seq.next_element()?.ok_or_else(missing)?;
        Ok((name, seq.next_element()?.ok_or_else(missing)?))
    }
}
