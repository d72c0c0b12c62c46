//! What is too much. Every decoder and encoder takes one.

use crate::{EncodeError, WireError};

/// Limits on what crosses the wire, both ways. All inclusive: a message of exactly the limit passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest body in bytes, received or sent. Setting `max_message`.
    ///
    /// Default 4 MiB, gRPC's; iproto's own default is the 100,000,000 of go-iproto's README.
    pub max_message: usize,
    /// The longest route name in bytes. Setting `max_route`. Default 255.
    pub max_route: usize,
    /// The most metadata of one message in bytes. Setting `max_metadata`. Default 8 KiB.
    pub max_metadata: usize,
}

impl Limits {
    /// 4 MiB, as gRPC.
    pub const MAX_MESSAGE: usize = 4 << 20;
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_message: Self::MAX_MESSAGE, max_route: 255, max_metadata: 8 << 10 }
    }
}

/// One limit, with the names it needs to explain itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    what: &'static str,
    limit: usize,
    setting: &'static str,
}

impl Bound {
    /// What is limited ("message"), to how many bytes, and by which setting.
    pub(crate) const fn new(what: &'static str, limit: usize, setting: &'static str) -> Self {
        Self { what, limit, setting }
    }

    /// The same, and no more than a field of the wire can say.
    pub(crate) fn within(self, most: u64, field: &'static str) -> Self {
        match usize::try_from(most) {
            Ok(limit) if limit < self.limit => Self { limit, setting: field, ..self },
            _ => self,
        }
    }

    /// A length that was announced. Compared before it is converted: no length is too large to be refused.
    #[inline]
    pub(crate) fn arriving(self, value: u64) -> Result<usize, WireError> {
        let Self { what, limit, setting } = self;
        match usize::try_from(value) {
            Ok(len) if len <= limit => Ok(len),
            _ => Err(WireError::TooLarge { what, value, limit: limit as u64, setting }),
        }
    }

    /// A length that is to be said, in the type of the field that will say it.
    #[inline]
    pub(crate) fn leaving<T: TryFrom<usize>>(self, len: usize) -> Result<T, EncodeError> {
        let Self { what, limit, setting } = self;
        match T::try_from(len) {
            Ok(field) if len <= limit => Ok(field),
            _ => Err(EncodeError::TooLarge { what, value: len as u64, limit: limit as u64, setting }),
        }
    }
}
