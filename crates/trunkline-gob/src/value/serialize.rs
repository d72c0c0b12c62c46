//! A tree as serde data: to print it as JSON, and to write it without naming its types.
//!
//! In: [`Value`]. Out: calls to a serializer. Structs become maps, interfaces a map of one name (or, in gob,
//! what they are); a gob writer needs the types of structs and so refuses them here.

use serde::ser::{Error as _, Serialize, SerializeTuple, Serializer};

use super::Value;
use crate::named::Borrowed;
use crate::opaque::{Complex, Opaque};

impl Serialize for Value {
    /// In formats for people, texts that are not UTF-8 are shown with replacement characters.
    ///
    /// # Errors
    /// Those of the serializer. In gob, a struct: write it with
    /// [`Encoder::encode_value`](crate::Encoder::encode_value), which takes its type.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let human = serializer.is_human_readable();
        match self {
            Self::Bool(b) => serializer.serialize_bool(*b),
            Self::Int(n) => serializer.serialize_i64(*n),
            Self::Uint(n) => serializer.serialize_u64(*n),
            Self::Float(n) => serializer.serialize_f64(*n),
            Self::Complex(re, im) => Complex { re: *re, im: *im }.serialize(serializer),
            Self::String(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => serializer.serialize_str(text),
                Err(_) if human => serializer.serialize_str(&String::from_utf8_lossy(bytes)),
                Err(_) => {
                    Err(S::Error::custom("a string that is not UTF-8 needs its type: Encoder::encode_value"))
                }
            },
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::Slice(items) => serializer.collect_seq(items.iter()),
            Self::Array(items) => {
                let mut tuple = serializer.serialize_tuple(items.len())?;
                items.iter().try_for_each(|item| tuple.serialize_element(item))?;
                tuple.end()
            }
            Self::Map(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, value))),
            Self::Struct(fields) if human => {
                serializer.collect_map(fields.iter().map(|(name, value)| (&**name, value)))
            }
            Self::Struct(_) => Err(S::Error::custom("a struct needs its type: Encoder::encode_value")),
            Self::Interface(None) => serializer.serialize_none(),
            Self::Interface(Some(inside)) if human => {
                serializer.collect_map(std::iter::once((inside.name(), inside.value())))
            }
            Self::Interface(Some(inside)) => {
                Borrowed { name: inside.name(), value: inside.value() }.serialize(serializer)
            }
            Self::Opaque(_, bytes) if human => serializer.serialize_bytes(bytes),
            Self::Opaque(kind, bytes) => Opaque { kind: *kind, bytes: bytes.clone() }.serialize(serializer),
        }
    }
}
