//! Text and byte strings: a length and as many bytes.
//!
//! Text is checked as UTF-8. Go's strings need not be: read those as `&[u8]`, `Vec<u8>` or `Bytes`.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use crate::{Input, Mode, Pack, PackError, Unpack, UnpackError, UnpackErrorKind, lists};

/// A length takes four bytes.
const MIN_SIZE: usize = 4;

impl Pack for str {
    #[inline]
    fn pack(&self, out: &mut Vec<u8>, mode: Mode) -> Result<(), PackError> {
        lists::pack_count(self.len(), out, mode)?;
        out.extend_from_slice(self.as_bytes());
        Ok(())
    }
}

impl Pack for String {
    #[inline]
    fn pack(&self, out: &mut Vec<u8>, mode: Mode) -> Result<(), PackError> {
        self.as_str().pack(out, mode)
    }
}

impl Pack for Bytes {
    #[inline]
    fn pack(&self, out: &mut Vec<u8>, mode: Mode) -> Result<(), PackError> {
        (**self).pack(out, mode)
    }
}

impl<'a: 'b, 'b> Unpack<'a> for &'b str {
    const MIN_SIZE: usize = MIN_SIZE;

    #[inline]
    fn unpack(input: &mut Input<'a>, mode: Mode) -> Result<Self, UnpackError> {
        let bytes = input.byte_string(mode)?;
        std::str::from_utf8(bytes).map_err(|error| {
            let at = input.offset() - bytes.len() + error.valid_up_to();
            UnpackError::new("text", at, UnpackErrorKind::Utf8)
        })
    }
}

impl<'a: 'b, 'b> Unpack<'a> for &'b [u8] {
    const MIN_SIZE: usize = MIN_SIZE;

    #[inline]
    fn unpack(input: &mut Input<'a>, mode: Mode) -> Result<Self, UnpackError> {
        input.byte_string(mode)
    }
}

/// Shares the input's memory if the input was made from a `Bytes`, else copies.
impl<'a> Unpack<'a> for Bytes {
    const MIN_SIZE: usize = MIN_SIZE;

    #[inline]
    fn unpack(input: &mut Input<'a>, mode: Mode) -> Result<Self, UnpackError> {
        let bytes = input.byte_string(mode)?;
        Ok(input.share(bytes))
    }
}

macro_rules! from_borrowed {
    ($($t:ty, $borrowed:ty;)*) => {$(
        impl<'a> Unpack<'a> for $t {
            const MIN_SIZE: usize = MIN_SIZE;

            #[inline]
            fn unpack(input: &mut Input<'a>, mode: Mode) -> Result<Self, UnpackError> {
                <$borrowed>::unpack(input, mode).map(Self::from)
            }
        }
    )*};
}

from_borrowed! {
    String, &'a str;
    Box<str>, &'a str;
    Rc<str>, &'a str;
    Arc<str>, &'a str;
}

/// Always borrowed.
impl<'a: 'b, 'b> Unpack<'a> for Cow<'b, str> {
    const MIN_SIZE: usize = MIN_SIZE;

    #[inline]
    fn unpack(input: &mut Input<'a>, mode: Mode) -> Result<Self, UnpackError> {
        <&str>::unpack(input, mode).map(Cow::Borrowed)
    }
}

/// Always borrowed.
impl<'a: 'b, 'b> Unpack<'a> for Cow<'b, [u8]> {
    const MIN_SIZE: usize = MIN_SIZE;

    #[inline]
    fn unpack(input: &mut Input<'a>, mode: Mode) -> Result<Self, UnpackError> {
        input.byte_string(mode).map(Cow::Borrowed)
    }
}
