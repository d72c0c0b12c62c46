//! Newtype names with a meaning: how [`Raw`](crate::Raw), [`Time`](crate::Time) and the like tell this
//! crate's serializers what they are.
//!
//! In: the name of a newtype struct. Out: [`Token`].

/// What the contents of a newtype struct are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// An ordinary newtype: transparent.
    Plain,
    /// A self-contained value for an interface.
    Raw,
    /// A registered name and a value, for an interface.
    Named,
    /// The bytes of a `time.Time`.
    Time,
    /// The bytes of another type with `GobEncode`.
    Gob,
    /// The bytes of a type with `MarshalBinary`.
    Binary,
    /// Two floats.
    Complex,
}

impl Token {
    pub(crate) fn of(name: &str) -> Self {
        if !name.starts_with('$') {
            return Self::Plain;
        }
        match name {
            crate::raw::RAW => Self::Raw,
            crate::named::NAMED => Self::Named,
            crate::time::TIME => Self::Time,
            crate::opaque::GOB => Self::Gob,
            crate::opaque::BINARY => Self::Binary,
            crate::opaque::COMPLEX => Self::Complex,
            _ => Self::Plain,
        }
    }
}
