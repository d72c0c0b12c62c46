//! The bounds on what a peer may make us hold or do.
//!
//! In: a caller's choice. Out: [`Limits`], carried by every decoder and every table of types.

use crate::error::{Error, Limit, Result};

/// The deepest nesting that can be configured: reading typed values recurses once per level, and a level
/// costs a few hundred bytes of stack.
pub const MAX_DEPTH: usize = 512;

/// What one stream and one value may cost. Every bound fails with [`Error::Limit`](crate::Error::Limit).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one message, and of all messages that one value was cut into. Default 16 MiB; more than 1 GiB
    /// counts as 1 GiB.
    pub message: usize,
    /// Nesting of values: structs, lists, maps and interfaces inside each other. Default 64; values above
    /// [`MAX_DEPTH`] count as [`MAX_DEPTH`].
    pub depth: usize,
    /// Values in one message: every element, key, entry and field counts one. With the bytes of the
    /// message this bounds the memory of a decoded value. Default 1,048,576.
    pub values: usize,
    /// Type definitions a stream may hold. Default 4,096.
    pub types: usize,
    /// Struct fields in all definitions of a stream. Default 65,536.
    pub fields: usize,
    /// Bytes of the registered name of an interface value. Default 1,024, as in Go.
    pub name: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message: 16 << 20, depth: 64, values: 1 << 20, types: 4096, fields: 65_536, name: 1024 }
    }
}

impl Limits {
    pub(crate) fn check_message(&self, bytes: u64) -> Result<()> {
        Self::check(Limit::Message, bytes, self.message.min(1 << 30))
    }

    pub(crate) fn check_depth(&self, levels: usize) -> Result<()> {
        Self::check(Limit::Depth, levels as u64, self.depth.min(MAX_DEPTH))
    }

    pub(crate) fn check_values(&self, count: u64) -> Result<()> {
        Self::check(Limit::Values, count, self.values)
    }

    pub(crate) fn check_types(&self, count: usize) -> Result<()> {
        Self::check(Limit::Types, count as u64, self.types)
    }

    pub(crate) fn check_fields(&self, count: usize) -> Result<()> {
        Self::check(Limit::Fields, count as u64, self.fields)
    }

    pub(crate) fn check_name(&self, bytes: u64) -> Result<()> {
        Self::check(Limit::Name, bytes, self.name)
    }

    #[inline]
    fn check(limit: Limit, value: u64, max: usize) -> Result<()> {
        if value > max as u64 { Err(Error::limit(limit, value, max as u64)) } else { Ok(()) }
    }
}
