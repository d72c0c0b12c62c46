//! How bytes with a meaning of their own pass through serde: as a newtype struct whose name this crate's
//! serializer and deserializer know. Other formats see plain bytes.
//!
//! In: a token and bytes. Out: the same on the other side.

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// Bytes for `serialize_bytes`.
pub(crate) struct Bytes<B>(pub(crate) B);

impl<B: AsRef<[u8]>> Serialize for Bytes<B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0.as_ref())
    }
}

/// Reads what was written under `token`.
pub(crate) fn read<'de, D: Deserializer<'de>>(from: D, token: &'static str) -> Result<Vec<u8>, D::Error> {
    from.deserialize_newtype_struct(token, Owned)
}

struct Owned;

impl<'de> Visitor<'de> for Owned {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("bytes")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<Vec<u8>, D::Error> {
        from.deserialize_byte_buf(self)
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(bytes)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element::<u8>()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Vec<u8>, E> {
        Err(E::custom("nil in place of bytes"))
    }
}

/// Bytes that are a Go `[]byte` (not a slice of numbers) and a byte string in every other format.
///
/// `Vec<u8>` works too: gob has one spelling for both. This one is faster, and empty it still says its type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ByteBuf(pub Vec<u8>);

impl Serialize for ByteBuf {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for ByteBuf {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_byte_buf(Owned).map(Self)
    }
}
