//! What can go wrong, where in the value and at which byte.

use std::borrow::Cow;
use std::fmt;

use crate::path::Path;

/// Why a value could not be packed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PackErrorKind {
    /// A length or count that does not fit its 32 bits.
    TooLong {
        /// The length in bytes, or the count of items.
        len: usize,
    },
    /// A [`dynamic::Value`](crate::dynamic::Value) of another kind than its type.
    Mismatch {
        /// What the value is.
        given: &'static str,
    },
    /// A [`dynamic::Value`](crate::dynamic::Value) outside the range of its integer type.
    OutOfRange {
        /// The value.
        value: i128,
    },
    /// Another number of values than the schema or struct has fields.
    FieldCount {
        /// How many values were given.
        given: usize,
        /// How many the schema has.
        expected: usize,
    },
    /// What an implementation of [`Pack`](crate::Pack) said.
    Custom(String),
}

/// Why a value could not be unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnpackErrorKind {
    /// The input ends inside a fixed-width integer or an array of bytes.
    End {
        /// Bytes the value takes.
        needed: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// The input ends inside a BER integer.
    BerEnd,
    /// A BER integer has more groups than its type can need: 3, 5 or 10 for 16, 32 or 64 bits.
    BerTooLong {
        /// The most groups the type allows.
        max: usize,
    },
    /// A BER integer begins with a group of zeros. Accepted by [`Input::lenient`](crate::Input::lenient).
    BerNotShortest,
    /// A BER integer above the range of its type.
    BerOverflow {
        /// Bits of the type.
        bits: usize,
    },
    /// A string or byte string longer than what is left.
    Length {
        /// The announced length in bytes.
        announced: u32,
        /// Bytes that are left.
        left: usize,
    },
    /// A list with more items than what is left can hold.
    Count {
        /// The announced count of items.
        announced: u32,
        /// Bytes that are left.
        left: usize,
        /// The fewest bytes one item takes, at least 1.
        min_size: usize,
    },
    /// A list whose items take no bytes; lenient decoding allows
    /// [`MAX_EMPTY_ITEMS`](crate::MAX_EMPTY_ITEMS) of them per input.
    EmptyItem {
        /// How many are allowed.
        limit: u32,
    },
    /// Text that is not UTF-8. Read it as bytes instead.
    Utf8,
    /// A tag that no variant of the enum has.
    Tag {
        /// The tag read.
        tag: u64,
    },
    /// Lists and boxes nested deeper than [`MAX_DEPTH`](crate::MAX_DEPTH).
    Depth {
        /// The deepest nesting allowed.
        limit: u32,
    },
    /// Bytes follow the value where none may.
    Trailing {
        /// Bytes that are left.
        left: usize,
    },
    /// What an implementation of [`Unpack`](crate::Unpack) said.
    Custom(String),
}

/// A value that could not be packed: what, where, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackError(Box<PackFailure>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct PackFailure {
    kind: PackErrorKind,
    what: Cow<'static, str>,
    path: Path,
}

impl PackError {
    /// An error about a value of type `what`.
    #[cold]
    pub fn new(what: impl Into<Cow<'static, str>>, kind: PackErrorKind) -> Self {
        Self(Box::new(PackFailure { kind, what: what.into(), path: Path::default() }))
    }

    /// An error with a reason of the implementation's own.
    #[cold]
    pub fn custom(reason: impl fmt::Display) -> Self {
        Self::new("value", PackErrorKind::Custom(reason.to_string()))
    }

    /// Why.
    #[must_use]
    pub fn kind(&self) -> &PackErrorKind {
        &self.0.kind
    }

    /// Where in the value: `Message.list[3].y`; empty when the value itself failed.
    #[must_use]
    pub fn path(&self) -> String {
        self.0.path.to_string()
    }

    /// The same error, seen from the struct (or `Enum::Variant`) that has the failing field.
    #[cold]
    #[must_use]
    pub fn in_field(
        mut self,
        owner: impl Into<Cow<'static, str>>,
        name: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.0.path.field(owner.into(), name.into());
        self
    }

    /// The same error, seen from the list that has the failing item.
    #[cold]
    #[must_use]
    pub fn in_item(mut self, index: usize) -> Self {
        self.0.path.item(index);
        self
    }
}

/// A value that could not be unpacked: what, where in the value, at which byte, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpackError(Box<UnpackFailure>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct UnpackFailure {
    kind: UnpackErrorKind,
    what: Cow<'static, str>,
    offset: usize,
    path: Path,
}

impl UnpackError {
    /// An error about a value of type `what` that begins at byte `offset` of the input.
    #[cold]
    pub fn new(what: impl Into<Cow<'static, str>>, offset: usize, kind: UnpackErrorKind) -> Self {
        Self(Box::new(UnpackFailure { kind, what: what.into(), offset, path: Path::default() }))
    }

    /// An error with a reason of the implementation's own.
    #[cold]
    pub fn custom(what: impl Into<Cow<'static, str>>, offset: usize, reason: impl fmt::Display) -> Self {
        Self::new(what, offset, UnpackErrorKind::Custom(reason.to_string()))
    }

    /// Why.
    #[must_use]
    pub fn kind(&self) -> &UnpackErrorKind {
        &self.0.kind
    }

    /// At which byte of the input.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.0.offset
    }

    /// Where in the value: `Message.list[3].y`; empty when the value itself failed.
    #[must_use]
    pub fn path(&self) -> String {
        self.0.path.to_string()
    }

    /// The same error, seen from the struct (or `Enum::Variant`) that has the failing field.
    #[cold]
    #[must_use]
    pub fn in_field(
        mut self,
        owner: impl Into<Cow<'static, str>>,
        name: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.0.path.field(owner.into(), name.into());
        self
    }

    /// The same error, seen from the list that has the failing item.
    #[cold]
    #[must_use]
    pub fn in_item(mut self, index: usize) -> Self {
        self.0.path.item(index);
        self
    }
}

impl fmt::Display for PackErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len } => write!(f, "length {len} is above the limit of {}", u32::MAX),
            Self::Mismatch { given } => write!(f, "the value given is {given}"),
            Self::OutOfRange { value } => write!(f, "{value} is out of range"),
            Self::FieldCount { given, expected } => write!(f, "{given} values for {expected} fields"),
            Self::Custom(reason) => f.write_str(reason),
        }
    }
}

impl fmt::Display for UnpackErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End { needed, left } => write!(f, "it takes {needed} bytes, {left} left"),
            Self::BerEnd => f.write_str("the input ends inside a BER integer"),
            Self::BerTooLong { max } => write!(f, "the BER integer has more than {max} groups"),
            Self::BerNotShortest => f.write_str("the BER integer begins with a group of zeros"),
            Self::BerOverflow { bits } => write!(f, "the BER integer does not fit {bits} bits"),
            Self::Length { announced, left } => write!(f, "length {announced}, but {left} bytes left"),
            Self::Count { announced, left, min_size } => {
                write!(f, "{announced} items of at least {min_size} bytes each, but {left} bytes left")
            }
            Self::EmptyItem { limit } => {
                write!(f, "an item takes no bytes, and at most {limit} such items are allowed")
            }
            Self::Utf8 => f.write_str("not UTF-8 (read it as bytes instead)"),
            Self::Tag { tag } => write!(f, "no variant has tag {tag}"),
            Self::Depth { limit } => write!(f, "nested deeper than {limit}"),
            Self::Trailing { left } => write!(f, "{left} bytes left over"),
            Self::Custom(reason) => f.write_str(reason),
        }
    }
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PackFailure { kind, what, path } = &*self.0;
        let colon = if path.is_empty() { "" } else { ": " };
        write!(f, "cannot pack {path}{colon}{what}: {kind}")
    }
}

impl fmt::Display for UnpackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UnpackFailure { kind, what, offset, path } = &*self.0;
        let colon = if path.is_empty() { "" } else { ": " };
        write!(f, "cannot unpack {path}{colon}{what} at byte {offset}: {kind}")
    }
}

impl std::error::Error for PackError {}
impl std::error::Error for UnpackError {}
