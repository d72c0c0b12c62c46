//! What can be wrong: one error type for reading, writing and matching.
//!
//! In: nothing. Out: [`Error`], [`Limit`], [`Result`].

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a value could not be read, written or matched with a Go type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not gob, or break one of its rules.
    #[error("malformed gob: {0}")]
    Malformed(String),
    /// A bound of [`Limits`](crate::Limits) was exceeded.
    #[error("gob {limit} limit exceeded: {value} is more than {max} (setting: Limits::{limit})")]
    Limit {
        /// Which bound.
        limit: Limit,
        /// What the input asked for.
        value: u64,
        /// What the setting allows.
        max: u64,
    },
    /// The value is sound, but not of the type that was asked for.
    #[error("gob type mismatch: {0}")]
    Mismatch(String),
    /// A self-contained value ended before its end, or there was none.
    #[error("gob value is cut short: {0}")]
    Truncated(&'static str),
    /// A value that gob has no words for, or whose Go type cannot be told from it.
    #[error("cannot be written as gob: {0}")]
    Unsupported(String),
    /// What a `Serialize` or `Deserialize` implementation of the caller reported.
    #[error("{0}")]
    Custom(String),
    /// The writer found a value that its type does not have room for yet (internal: learn and repeat).
    #[doc(hidden)]
    #[error("the Go type does not fit the value: {0}")]
    Stale(String),
}

/// The name of a bound, spelled as the field of [`Limits`](crate::Limits).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::message`](crate::Limits::message).
    Message,
    /// [`Limits::depth`](crate::Limits::depth).
    Depth,
    /// [`Limits::values`](crate::Limits::values).
    Values,
    /// [`Limits::types`](crate::Limits::types).
    Types,
    /// [`Limits::fields`](crate::Limits::fields).
    Fields,
    /// [`Limits::name`](crate::Limits::name).
    Name,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Message => "message",
            Self::Depth => "depth",
            Self::Values => "values",
            Self::Types => "types",
            Self::Fields => "fields",
            Self::Name => "name",
        })
    }
}

impl Error {
    pub(crate) fn malformed(text: impl Into<String>) -> Self {
        Self::Malformed(text.into())
    }

    pub(crate) fn mismatch(text: impl Into<String>) -> Self {
        Self::Mismatch(text.into())
    }

    pub(crate) const fn limit(limit: Limit, value: u64, max: u64) -> Self {
        Self::Limit { limit, value, max }
    }
}

impl serde::ser::Error for Error {
    fn custom<T: std::fmt::Display>(text: T) -> Self {
        Self::Custom(text.to_string())
    }
}

impl serde::de::Error for Error {
    fn custom<T: std::fmt::Display>(text: T) -> Self {
        Self::Custom(text.to_string())
    }
}
