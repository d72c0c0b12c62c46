//! Lists: a count and as many items, the items always fixed.
//!
//! A list of `u8` is a byte string without a case of its own: `u8` brings its own
//! [`Pack::pack_list`], which copies all at once and gives the same bytes.

use crate::{Input, Mode, Pack, PackError, PackErrorKind, Unpack, UnpackError, ber};

/// Appends the length of a string or the count of a list.
#[inline]
pub(crate) fn pack_count(len: usize, out: &mut Vec<u8>, mode: Mode) -> Result<(), PackError> {
    let Ok(count) = u32::try_from(len) else {
        return Err(PackError::new("length", PackErrorKind::TooLong { len }));
    };
    match mode {
        Mode::Fixed => out.extend_from_slice(&count.to_le_bytes()),
        Mode::Ber => ber::append(out, count.into()),
    }
    Ok(())
}

/// Appends the count and each item.
pub(crate) fn pack_each<T: Pack>(items: &[T], out: &mut Vec<u8>, mode: Mode) -> Result<(), PackError> {
    pack_count(items.len(), out, mode)?;
    for (index, item) in items.iter().enumerate() {
        item.pack(out, Mode::Fixed).map_err(|error| error.in_item(index))?;
    }
    Ok(())
}

impl<T: Pack> Pack for [T] {
    #[inline]
    fn pack(&self, out: &mut Vec<u8>, mode: Mode) -> Result<(), PackError> {
        T::pack_list(self, out, mode)
    }
}

impl<T: Pack> Pack for Vec<T> {
    #[inline]
    fn pack(&self, out: &mut Vec<u8>, mode: Mode) -> Result<(), PackError> {
        T::pack_list(self, out, mode)
    }
}

impl<'a, T: Unpack<'a>> Unpack<'a> for Vec<T> {
    // The count; not more, or a type that lists itself would have no size.
    const MIN_SIZE: usize = 4;

    #[inline]
    fn unpack(input: &mut Input<'a>, mode: Mode) -> Result<Self, UnpackError> {
        T::unpack_list(input, mode)
    }
}

impl<'a, T: Unpack<'a>> Unpack<'a> for Box<[T]> {
    const MIN_SIZE: usize = 4;

    #[inline]
    fn unpack(input: &mut Input<'a>, mode: Mode) -> Result<Self, UnpackError> {
        T::unpack_list(input, mode).map(Self::from)
    }
}
