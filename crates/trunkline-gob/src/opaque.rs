//! Go values without a Rust counterpart: complex numbers, and the bytes of types that encode themselves.
//!
//! In and out: plain Rust data that serde carries under names this crate knows.

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::error::{Error, Result};
use crate::types::OpaqueKind;

pub(crate) const GOB: &str = "$gob::Gob";
pub(crate) const BINARY: &str = "$gob::Binary";
pub(crate) const COMPLEX: &str = "$gob::Complex";

/// A `complex128` or `complex64`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Complex {
    /// Real part.
    pub re: f64,
    /// Imaginary part.
    pub im: f64,
}

impl Serialize for Complex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(COMPLEX, &(self.re, self.im))
    }
}

impl<'de> Deserialize<'de> for Complex {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Parts;
        impl<'de> Visitor<'de> for Parts {
            type Value = (f64, f64);

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a complex number")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<(f64, f64), D::Error> {
                Deserialize::deserialize(from)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<(f64, f64), A::Error> {
                let missing = || serde::de::Error::custom("a complex number has two parts");
                let re = seq.next_element()?.ok_or_else(missing)?;
                Ok((re, seq.next_element()?.ok_or_else(missing)?))
            }
        }
        from.deserialize_newtype_struct(COMPLEX, Parts).map(|(re, im)| Self { re, im })
    }
}

/// The bytes of a Go type that encodes itself, such as a `*big.Int`. What they mean is its own affair.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Opaque {
    /// By which method.
    pub kind: OpaqueKind,
    /// The result of the method.
    pub bytes: Vec<u8>,
}

impl Serialize for Opaque {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let token = match self.kind {
            OpaqueKind::Gob => GOB,
            OpaqueKind::Binary => BINARY,
            OpaqueKind::Text => return Err(serde::ser::Error::custom("Go sends no opaque texts")),
        };
        serializer.serialize_newtype_struct(token, &crate::serde_bytes::Bytes(&self.bytes))
    }
}

impl<'de> Deserialize<'de> for Opaque {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut tagged = crate::serde_bytes::read(from, GOB)?;
        let kind = match tagged.pop() {
            Some(0) => OpaqueKind::Gob,
            Some(1) => OpaqueKind::Binary,
            Some(2) => OpaqueKind::Text,
            _ => return Err(serde::de::Error::custom(Error::mismatch("no opaque value"))),
        };
        Ok(Self { kind, bytes: tagged })
    }
}

/// The kind as the number behind the bytes of an [`Opaque`] on its way through serde.
pub(crate) const fn kind_number(kind: OpaqueKind) -> u8 {
    match kind {
        OpaqueKind::Gob => 0,
        OpaqueKind::Binary => 1,
        OpaqueKind::Text => 2,
    }
}
