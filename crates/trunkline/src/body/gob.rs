//! Go's gob: one self-contained value with its type definitions.
//!
//! On gorpc every body is one, and stands in a Go interface there, under the name that its type is registered with on
//! the other side. The name comes from, in this order: the value itself ([`Named`](trunkline_gob::Named),
//! [`Raw::named`]); the Rust type, for those that every Go process knows (`i64` is `int64`, `isize` is `int`,
//! `String` is `string`, `Vec<f64>` is `[]float64`, …); the serde name of a struct: `#[serde(rename = "*main.Args")]`;
//! the shape, for lists, arrays and maps (`map[string]int`).

use std::any::TypeId;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use trunkline_gob::{Limits, Raw};
use trunkline_wire::{Fault, Profile};

use super::formats::malformed;
use super::{FromBody, IntoBody};

/// Go's gob: one value with its type definitions. On gorpc its type has a registered name: see the module
/// [`body`](crate::body).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gob<T>(pub T);

impl<T: Serialize + Send + 'static> IntoBody for Gob<T> {
    fn into_body(self, dialect: &'static Profile) -> Result<Bytes, Fault> {
        let Self(value) = self;
        let registered = if dialect.name == "gorpc" { registered::<T>() } else { None };
        let bytes = match registered {
            Some(name) => Raw::named(name, &value).map(Raw::into_bytes),
            None => trunkline_gob::to_vec(&value),
        };
        bytes.map(Bytes::from).map_err(|error| malformed(TITLE, error))
    }
}

impl<T: DeserializeOwned + Send + 'static> FromBody for Gob<T> {
    fn from_body(body: Bytes, dialect: &'static Profile) -> Result<Self, Fault> {
        let value = if body.is_empty() && dialect.name == "gorpc" {
            Raw::default().decode()
        } else {
            trunkline_gob::from_slice(&body)
        };
        value.map(Self).map_err(|error| malformed(TITLE, error))
    }
}

/// A value without a Rust type, as it came.
impl IntoBody for Raw {
    fn into_body(self, dialect: &'static Profile) -> Result<Bytes, Fault> {
        let nothing = self.is_nil() && dialect.name == "gorpc";
        Ok(if nothing { Bytes::new() } else { Bytes::from(self.into_bytes()) })
    }
}

impl FromBody for Raw {
    fn from_body(body: Bytes, _: &'static Profile) -> Result<Self, Fault> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        let mut limits = Limits::default();
        limits.message = body.len();
        Self::from_bytes(&body, limits).map_err(|error| malformed(TITLE, error))
    }
}

const TITLE: &str = "gob as expected";

/// A Go string.
#[cfg(feature = "gorpc")]
pub(super) fn string(text: &[u8]) -> Result<Bytes, Fault> {
    let text = std::str::from_utf8(text).map_err(|error| malformed("UTF-8", error))?;
    Raw::named("string", text)
        .map(|raw| Bytes::from(raw.into_bytes()))
        .map_err(|error| malformed(TITLE, error))
}

macro_rules! registered {
    ($($rust:ty => $go:literal, $list:literal;)*) => {
        /// The name of a type that every Go process has registered.
        fn registered<T: 'static>() -> Option<&'static str> {
            let id = TypeId::of::<T>();
            $(
                if id == TypeId::of::<$rust>() {
                    return Some($go);
                }
                if id == TypeId::of::<Vec<$rust>>() {
                    return Some($list);
                }
            )*
            (id == TypeId::of::<&'static str>()).then_some("string")
        }
    };
}

registered! {
    String => "string", "[]string";
    i64 => "int64", "[]int64";
    isize => "int", "[]int";
    u64 => "uint64", "[]uint64";
    bool => "bool", "[]bool";
    f64 => "float64", "[]float64";
    u8 => "uint8", "[]uint8";
    i32 => "int32", "[]int32";
    u32 => "uint32", "[]uint32";
    usize => "uint", "[]uint";
    f32 => "float32", "[]float32";
    i8 => "int8", "[]int8";
    i16 => "int16", "[]int16";
    u16 => "uint16", "[]uint16";
    trunkline_gob::Complex => "complex128", "[]complex128";
}
