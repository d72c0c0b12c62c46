//! Go's `encoding/gob`: a stateful codec, a dynamic value, and a serde format, with limits.
//!
//! A gob stream is a sequence of messages, each a type definition or a value; definitions are sent once and
//! referred to by number from then on. The format is described in the project's `docs/wire/gob.md`.
//!
//! | to | use |
//! |---|---|
//! | read or write one value by itself | [`from_slice`], [`to_vec`] |
//! | read a stream | [`Decoder`] and [`Message`] |
//! | write a stream | [`Encoder`], in either [`Order`] of definitions |
//! | meet a value without a Rust type | [`Value`] |
//! | carry a value from one stream to another | [`Raw`] |
//! | put a value into a Go interface | [`Named`], [`Raw`] |
//! | ask whether a Go program would take a value | [`Registry::check`] |
//!
//! # How Rust and Go types meet
//!
//! | Rust | Go |
//! |---|---|
//! | `bool`, `i8` … `i64`, `u8` … `u64`, `f32`, `f64`, `char` (as `rune`) | the same; the wire knows no widths |
//! | `String`, `&str` | `string` |
//! | `Vec<u8>`, [`ByteBuf`] | `[]byte` |
//! | `Vec<T>`; `[T; N]` and tuples of one type; maps | slice; array; map |
//! | struct, by its serde name and field names | struct; `#[serde(rename_all = "PascalCase")]` gives Go's names |
//! | `Option<T>` in a field | pointer, or interface |
//! | [`Raw`], [`Named`] | interface with a registered name |
//! | [`Time`], [`Complex`], [`Opaque`] | `time.Time`, `complex128`, types that encode themselves |
//! | enum: a variant without contents; with one value | `string`; struct with one field set |
//!
//! Go leaves zero fields out, so a field that was not sent is read as the zero of its Rust type, whatever its
//! serde default says. Of a value's Go type only what the value shows can be written: see [`Encoder`], and
//! [`Encoder::declare`] for what an empty list cannot show. A pointer to zero is not told from nil, nor an
//! empty map from a nil one.
//!
//! # Hostile input
//!
//! Everything read passes one check with a stack of its own: depth, number of values, length, number of
//! definitions and fields are bounded by [`Limits`], and memory follows the bytes that arrived. Definitions
//! are never expanded. Values of typed and dynamic reading recurse at most [`Limits::depth`] levels.

mod de;
mod decoder;
mod encoder;
mod error;
mod go_type;
mod limits;
mod named;
mod number;
mod opaque;
mod raw;
mod read;
mod ser;
mod serde_bytes;
mod time;
mod types;
mod value;
mod walk;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use decoder::{Decoder, Message};
pub use encoder::{Encoder, Order};
pub use error::{Error, Limit, Result};
pub use go_type::{GoType, Registry};
pub use limits::{Limits, MAX_DEPTH};
pub use named::Named;
pub use opaque::{Complex, Opaque};
pub use raw::Raw;
pub use serde_bytes::ByteBuf;
pub use time::Time;
pub use types::{Definition, Field, Kind, OpaqueKind, TypeId, Types};
pub use value::{Interface, Item, Items, Value};

/// Writes one value by itself, with the definitions it needs ahead.
///
/// What values of `T` showed of their Go type is remembered per thread, as an [`Encoder`] does: a definition
/// may have fields that only an earlier value had a use for.
///
/// # Errors
/// As [`Encoder::encode`].
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    encoder::alone("", value)
}

/// Reads the one value these bytes hold, within the default [`Limits`].
///
/// # Errors
/// [`Error::Malformed`], [`Error::Limit`]; [`Error::Truncated`] when the value is not complete;
/// [`Error::Mismatch`] or [`Error::Custom`] when it is not a `T`.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    raw::single(bytes, Limits::default(), |message| message.decode())
}
