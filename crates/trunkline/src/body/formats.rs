//! Bodies with a format: one wrapper each, the same way round.

#[cfg(any(feature = "pack", feature = "json", feature = "msgpack", feature = "protobuf"))]
use {
    super::{FromBody, IntoBody},
    bytes::Bytes,
    trunkline_wire::Profile,
};
#[cfg(any(
    feature = "pack",
    feature = "json",
    feature = "msgpack",
    feature = "protobuf",
    feature = "gob"
))]
use {
    std::fmt::Display,
    trunkline_wire::{Code, Fault},
};

/// A body or value that does not fit its format: the caller's mistake, in the caller's words.
#[cfg(any(feature = "pack", feature = "json", feature = "msgpack", feature = "protobuf", feature = "gob"))]
pub(super) fn malformed(format: &str, error: impl Display) -> Fault {
    Fault::new(Code::InvalidArgument, format!("the body is not {format}: {error}"))
}

/// A wrapper, with how its value is spelled and read.
macro_rules! format {
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
                write(&value).map(Bytes::from).map_err(|error| malformed($title, error))
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

format! {
    /// go-iproto's packed form: fixed widths, and BER where a field says so. `Bytes` inside are not copied.
    "pack" Packed<T>, "packed as expected",
    write: [trunkline_pack::Pack] |value: &T| trunkline_pack::pack(value),
    read: [trunkline_pack::UnpackOwned] |body: &Bytes| trunkline_pack::decode::<T>(body)
}

format! {
    /// JSON.
    "json" Json<T>, "JSON as expected",
    write: [serde::Serialize] |value: &T| serde_json::to_vec(value),
    read: [serde::de::DeserializeOwned] |body: &Bytes| serde_json::from_slice::<T>(body)
}

format! {
    /// MessagePack; structs travel with the names of their fields, so that fields can be added.
    "msgpack" Msgpack<T>, "MessagePack as expected",
    write: [serde::Serialize] |value: &T| rmp_serde::to_vec_named(value),
    read: [serde::de::DeserializeOwned] |body: &Bytes| rmp_serde::from_slice::<T>(body)
}

format! {
    /// Protocol Buffers; `T` is a message that prost generated.
    "protobuf" Protobuf<T>, "the protobuf message expected",
    write: [prost::Message] |value: &T| Ok::<_, std::convert::Infallible>(value.encode_to_vec()),
    read: [prost::Message + Default] |body: &Bytes| T::decode(body.clone())
}
