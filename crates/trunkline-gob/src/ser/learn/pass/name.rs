//! The pass over a registered name and its value.
//!
//! In: a pair of a string and a value. Out: the node kept for that name has learned from the value.

use serde::ser::{self, Impossible, Serialize};

use super::{At, Graph, Pass};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::ser::narrow::{Name, not_named, refuse};

/// Takes the pair.
pub(super) struct Registered<'g> {
    pub(super) graph: &'g mut Graph,
    pub(super) depth: usize,
    pub(super) limits: Limits,
    pub(super) at: Option<At>,
}

impl ser::SerializeTuple for Registered<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        match self.at {
            None => {
                let name = value.serialize(Name)?;
                self.limits.check_name(name.len() as u64)?;
                self.at = Some(self.graph.concrete(&name));
                Ok(())
            }
            Some(at) => {
                self.limits.check_depth(self.depth)?;
                value.serialize(Pass { graph: self.graph, at, depth: self.depth, limits: self.limits })
            }
        }
    }

    fn end(self) -> Result<()> {
        Ok(())
    }
}

impl ser::Serializer for Registered<'_> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Impossible<(), Error>;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Impossible<(), Error>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Impossible<(), Error>;
    type SerializeStruct = Impossible<(), Error>;
    type SerializeStructVariant = Impossible<(), Error>;

    fn serialize_tuple(self, _: usize) -> Result<Self> {
        Ok(self)
    }

    refuse! { (), not_named();
        serialize_bool(bool); serialize_i8(i8); serialize_i16(i16); serialize_i32(i32); serialize_i64(i64);
        serialize_u8(u8); serialize_u16(u16); serialize_u32(u32); serialize_u64(u64);
        serialize_f32(f32); serialize_f64(f64); serialize_char(char); serialize_str(&str);
        serialize_bytes(&[u8]); serialize_none(); serialize_unit(); serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
    }
}
