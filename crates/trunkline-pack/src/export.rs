//! What the derives' expansions call. Not for users: it changes with the derives.

use crate::{Mode, Pack, PackError, UnpackError, UnpackErrorKind};

#[inline]
pub fn pack_field<T: Pack>(
    value: &T,
    out: &mut Vec<u8>,
    mode: Mode,
    owner: &'static str,
    name: &'static str,
) -> Result<(), PackError> {
    value.pack(out, mode).map_err(|error| error.in_field(owner, name))
}

#[cold]
pub fn unknown_tag(owner: &'static str, offset: usize, tag: u64) -> UnpackError {
    UnpackError::new(owner, offset, UnpackErrorKind::Tag { tag })
}

/// In BER an integer, length or count can be one byte; what has none in fixed mode has none here.
#[must_use]
pub const fn min_ber_size(fixed: usize) -> usize {
    if fixed == 0 { 0 } else { 1 }
}

/// The least of an enum's variants; 0 for an enum without any.
#[must_use]
pub const fn least(sizes: &[usize]) -> usize {
    let mut least = 0;
    let mut index = 0;
    while index < sizes.len() {
        if index == 0 || sizes[index] < least {
            least = sizes[index];
        }
        index += 1;
    }
    least
}
