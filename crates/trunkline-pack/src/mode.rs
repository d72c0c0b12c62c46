//! How integers, lengths and counts are spelled.

/// How the integer, length or count at the top of a value is spelled.
///
/// The mode does not reach into lists, structs or enums: items are always [`Fixed`](Self::Fixed), and each
/// field has its own mode (`#[pack(ber)]`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// As many bytes as the type has, little-endian; lengths and counts are four bytes.
    #[default]
    Fixed,
    /// Groups of seven bits, most significant first: one byte up to 127, at most ten.
    Ber,
}
