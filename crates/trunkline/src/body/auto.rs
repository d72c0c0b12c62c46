//! The body in whatever form is native to the dialect it crosses.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use trunkline_pack::{Pack, UnpackOwned};
use trunkline_wire::{Fault, Profile};

use super::{FromBody, Gob, IntoBody, Json, Msgpack, Packed};

/// Pack on iproto and packet, JSON on simple, gob on gorpc, MessagePack on trunk and on dialects of your own.
///
/// So one service is native in every dialect; the price is that its types need both kinds of derives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Auto<T>(pub T);

impl<T: Pack + Serialize + Send + 'static> IntoBody for Auto<T> {
    fn into_body(self, dialect: &'static Profile) -> Result<Bytes, Fault> {
        match dialect.name {
            "iproto" | "packet" => Packed(self.0).into_body(dialect),
            "simple" => Json(self.0).into_body(dialect),
            "gorpc" => Gob(self.0).into_body(dialect),
            _ => Msgpack(self.0).into_body(dialect),
        }
    }
}

impl<T: UnpackOwned + DeserializeOwned + Send + 'static> FromBody for Auto<T> {
    fn from_body(body: Bytes, dialect: &'static Profile) -> Result<Self, Fault> {
        match dialect.name {
            "iproto" | "packet" => Packed::from_body(body, dialect).map(|Packed(value)| Self(value)),
            "simple" => Json::from_body(body, dialect).map(|Json(value)| Self(value)),
            "gorpc" => Gob::from_body(body, dialect).map(|Gob(value)| Self(value)),
            _ => Msgpack::from_body(body, dialect).map(|Msgpack(value)| Self(value)),
        }
    }
}
