//! Values and bodies: what a handler takes and gives, and what a caller sends and wants.
//!
//! The format is named in the type. A body that does not decode is the caller's fault ([`Code::InvalidArgument`]) and
//! never reaches the handler.
//!
//! | type | is | feature |
//! |---|---|---|
//! | [`Bytes`], `Vec<u8>` | the body as it is | |
//! | [`Text`], `String` | UTF-8; on gorpc a Go string | |
//! | [`Appended<T>`] | what the value appends ([`Append`]) | |
//! | `Packed<T>` | go-iproto's pack | `pack` |
//! | `Json<T>` | JSON | `json` |
//! | `Msgpack<T>` | MessagePack, named fields | `msgpack` |
//! | `Protobuf<T>` | Protocol Buffers, types made by prost | `protobuf` |
//! | `Gob<T>`, `gob::Raw` | Go's gob | `gob` |
//! | `link_json::Headed<T>`, `link_json::Messages` | link's JSON: a value under its type's name | `json` |
//! | `Auto<T>` | the dialect's own: pack on iproto and packet, JSON on simple, gob on gorpc, else MessagePack | `auto` |

use bytes::{Bytes, BytesMut};
use trunkline_wire::{Code, Fault, Profile};

#[cfg(feature = "auto")]
mod auto;
#[cfg(any(feature = "pack", feature = "json", feature = "msgpack", feature = "protobuf", feature = "gob"))]
mod formats;
#[cfg(feature = "gob")]
mod gob;

#[cfg(feature = "auto")]
pub use auto::Auto;
#[cfg(feature = "json")]
pub use formats::Json;
#[cfg(feature = "msgpack")]
pub use formats::Msgpack;
#[cfg(feature = "pack")]
pub use formats::Packed;
#[cfg(feature = "protobuf")]
pub use formats::Protobuf;
#[cfg(feature = "gob")]
pub use gob::Gob;

/// A value that can be sent. `dialect` is what the connection speaks, for formats that depend on it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no body: it does not say how it is spelled",
    note = "bodies are `Bytes`, `Vec<u8>`, `String`, `Text`, `()`, and wrappers that name a format: `Packed(value)`, \
            `Json(value)` and the others in `trunkline::body`, each behind its feature, around a value with its derives"
)]
pub trait IntoBody: Send + 'static {
    /// The bytes.
    ///
    /// # Errors
    /// When the value cannot be spelled.
    fn into_body(self, dialect: &'static Profile) -> Result<Bytes, Fault>;
}

/// A value that appends its own bytes: packnet's `Message`. In [`Appended`] it is a body.
///
/// ```
/// use trunkline::bytes::{BufMut, BytesMut};
/// use trunkline::body::{Append, Appended, IntoBody};
///
/// struct Move {
///     x: u16,
///     y: u16,
/// }
///
/// impl Append for Move {
///     fn size_hint(&self) -> usize {
///         4
///     }
///
///     fn append(&self, body: &mut BytesMut) {
///         body.put_u16(self.x);
///         body.put_u16(self.y);
///     }
/// }
///
/// let body = Appended(Move { x: 1, y: 2 }).into_body(&trunkline::wire::packet::PROFILE).unwrap();
/// assert_eq!(&body[..], b"\0\x01\0\x02");
/// ```
pub trait Append: Send + 'static {
    /// About how many bytes it has: that many are reserved. It may have more or fewer.
    fn size_hint(&self) -> usize;

    /// Appends the bytes.
    fn append(&self, body: &mut BytesMut);
}

/// A body that appends itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Appended<T>(pub T);

impl<T: Append> IntoBody for Appended<T> {
    fn into_body(self, _: &'static Profile) -> Result<Bytes, Fault> {
        let mut body = BytesMut::with_capacity(self.0.size_hint());
        self.0.append(&mut body);
        Ok(body.freeze())
    }
}

/// A value that can be read from a body.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a body: it does not say how it is spelled",
    note = "bodies are `Bytes`, `Vec<u8>`, `String`, `Text`, `()`, and wrappers that name a format: `Packed<T>`, \
            `Json<T>` and the others in `trunkline::body`, each behind its feature, around a `T` that is owned and has \
            its derives"
)]
pub trait FromBody: Sized + Send + 'static {
    /// The value.
    ///
    /// # Errors
    /// When the body is something else.
    fn from_body(body: Bytes, dialect: &'static Profile) -> Result<Self, Fault>;
}

macro_rules! into_body {
    ($($type:ty => $body:expr),* $(,)?) => {$(
        impl IntoBody for $type {
            fn into_body(self, _: &'static Profile) -> Result<Bytes, Fault> {
                let make: fn(Self) -> Bytes = $body;
                Ok(make(self))
            }
        }
    )*};
}

into_body! {
    Bytes => |body| body,
    Vec<u8> => Bytes::from,
    &'static [u8] => Bytes::from_static,
    () => |()| Bytes::new(),
}

impl FromBody for Bytes {
    fn from_body(body: Bytes, _: &'static Profile) -> Result<Self, Fault> {
        Ok(body)
    }
}

impl FromBody for Vec<u8> {
    fn from_body(body: Bytes, _: &'static Profile) -> Result<Self, Fault> {
        Ok(body.into())
    }
}

impl FromBody for () {
    fn from_body(_: Bytes, _: &'static Profile) -> Result<Self, Fault> {
        Ok(())
    }
}

/// Text as the dialect spells it: a Go string on gorpc, whose bodies are gob values, else its bytes.
macro_rules! text {
    ($($type:ty => $bytes:expr),* $(,)?) => {$(
        impl IntoBody for $type {
            fn into_body(self, dialect: &'static Profile) -> Result<Bytes, Fault> {
                let bytes: fn(Self) -> Bytes = $bytes;
                #[cfg(feature = "gorpc")]
                if dialect.name == "gorpc" {
                    return gob::string(&bytes(self));
                }
                let _ = dialect;
                Ok(bytes(self))
            }
        }
    )*};
}

text! {
    String => Bytes::from,
    &'static str => |text| Bytes::from_static(text.as_bytes()),
    Text => |Text(text)| Bytes::from(text),
}

impl FromBody for String {
    fn from_body(body: Bytes, dialect: &'static Profile) -> Result<Self, Fault> {
        #[cfg(feature = "gorpc")]
        if dialect.name == "gorpc" {
            return Gob::from_body(body, dialect).map(|Gob(text)| text);
        }
        let _ = dialect;
        Self::from_utf8(body.into())
            .map_err(|error| Fault::new(Code::InvalidArgument, format!("the body is not UTF-8: {error}")))
    }
}

/// UTF-8 text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub String);

impl FromBody for Text {
    fn from_body(body: Bytes, dialect: &'static Profile) -> Result<Self, Fault> {
        String::from_body(body, dialect).map(Self)
    }
}
