//! References and smart pointers: packed as what they point to.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use crate::{Input, Mode, Pack, PackError, Unpack, UnpackError};

macro_rules! pointer {
    ($($t:ty),*) => {$(
        impl<T: Pack + ?Sized> Pack for $t {
            #[inline]
            fn pack(&self, out: &mut Vec<u8>, mode: Mode) -> Result<(), PackError> {
                (**self).pack(out, mode)
            }
        }
    )*};
}

pointer! { &T, &mut T, Box<T>, Rc<T>, Arc<T> }

impl<T: Pack + ToOwned + ?Sized> Pack for Cow<'_, T> {
    #[inline]
    fn pack(&self, out: &mut Vec<u8>, mode: Mode) -> Result<(), PackError> {
        (**self).pack(out, mode)
    }
}

// `MIN_SIZE` stays 0: a type that boxes itself would have no size.
macro_rules! owned_pointer {
    ($($t:ident),*) => {$(
        impl<'a, T: Unpack<'a>> Unpack<'a> for $t<T> {
            #[inline]
            fn unpack(input: &mut Input<'a>, mode: Mode) -> Result<Self, UnpackError> {
                input.nested(|input| T::unpack(input, mode)).map(Self::new)
            }
        }
    )*};
}

owned_pointer! { Box, Rc, Arc }
