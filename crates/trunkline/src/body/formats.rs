//! Bodies with a format: one wrapper each, the same way round.

use std::fmt::Display;

use bytes::Bytes;
use trunkline_wire::{Code, Fault, Profile};

use super::{FromBody, IntoBody};

/// A body that is not in its format: a mistake of whoever sent it.
pub(super) fn malformed(format: &str, error: impl Display) -> Fault {
    Fault::new(Code::InvalidArgument, format!("the body is not {format}: {error}"))
}

/// A value that its format cannot say: a mistake of whoever sends it.
fn unsayable(error: impl Display) -> Fault {
    Fault::new(Code::Internal, format!("the value cannot be written as a body: {error}"))
}

/// A wrapper, with how its value is spelled and read.
macro_rules! wrapper {
    ($(#[$doc:meta])* $feature:literal $name:ident<T>, $title:literal,
     write: [$($write:tt)+] $into:expr, read: [$($read:tt)+] $from:expr) => {
        $(#[$doc])*
        #[cfg(feature = $feature)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name<T>(pub T);

        #[cfg(feature = $feature)]
        impl<T: $($write)+ + Send + 'static> IntoBody for $name<T> {
            fn into_body(self, _: &'static Profile) -> Result<Bytes, Fault> {
                let Self(value) = self;
                let write = $into;
                write(&value).map(Bytes::from).map_err(unsayable)
            }
        }

        #[cfg(feature = $feature)]
        impl<T: $($read)+ + Send + 'static> FromBody for $name<T> {
            fn from_body(body: Bytes, _: &'static Profile) -> Result<Self, Fault> {
                let read = $from;
                read(&body).map(Self).map_err(|error| malformed($title, error))
            }
        }
    };
}

wrapper! {
    /// go-iproto's packed form: fixed widths, and BER where a field says so. `Bytes` inside are not copied.
    "pack" Packed<T>, "packed as expected",
    write: [trunkline_pack::Pack] |value: &T| trunkline_pack::pack(value),
    read: [trunkline_pack::UnpackOwned] |body: &Bytes| trunkline_pack::decode::<T>(body)
}

wrapper! {
    /// JSON.
    "json" Json<T>, "JSON as expected",
    write: [serde::Serialize] |value: &T| serde_json::to_vec(value),
    read: [serde::de::DeserializeOwned] |body: &Bytes| serde_json::from_slice::<T>(body)
}

wrapper! {
    /// MessagePack; structs travel with the names of their fields, so that fields can be added.
    "msgpack" Msgpack<T>, "MessagePack as expected",
    write: [serde::Serialize] |value: &T| rmp_serde::to_vec_named(value),
    read: [serde::de::DeserializeOwned] |body: &Bytes| rmp_serde::from_slice::<T>(body)
}

wrapper! {
    /// Protocol Buffers; `T` is a message that prost generated.
    "protobuf" Protobuf<T>, "the protobuf message expected",
    write: [prost::Message] |value: &T| Ok::<_, std::convert::Infallible>(value.encode_to_vec()),
    read: [prost::Message + Default] |body: &Bytes| T::decode(body.clone())
}
