//! Go's `encoding/gob`.
mod decoder;
mod encoder;
mod error;
mod go_type;
mod limits;
mod number;
mod raw;
mod read;
mod serde_bytes;
mod time;
mod types;
mod value;
mod walk;
pub use decoder::{Decoder, Message};
pub use encoder::{Encoder, Order};
pub use error::{Error, Limit, Result};
pub use go_type::{GoType, Registry};
pub use limits::{Limits, MAX_DEPTH};
pub use raw::Raw;
pub use serde_bytes::ByteBuf;
pub use time::Time;
pub use types::{Definition, Field, Kind, OpaqueKind, TypeId, Types};
pub use value::{Interface, Item, Items, Value};
mod named;
mod opaque;
mod ser;
pub use named::Named;
pub use opaque::{Complex, Opaque};
mod de;
/// x
pub fn to_vec<T: serde::Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    Raw::of(value).map(Raw::into_bytes)
}
/// x
pub fn from_slice<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    raw::single(bytes, Limits::default(), |m| m.decode())
}
