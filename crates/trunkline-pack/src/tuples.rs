//! Several values in a row: tuples and arrays, without a count, each item in the mode asked for; and the
//! types that pack to nothing.

use std::array;
use std::marker::PhantomData;

use crate::{Input, Mode, Pack, PackError, Unpack, UnpackError};

macro_rules! tuple {
    ($($T:ident $index:tt),+) => {
        impl<$($T: Pack),+> Pack for ($($T,)+) {
            #[inline]
            fn pack(&self, out: &mut Vec<u8>, mode: Mode) -> Result<(), PackError> {
                $(self.$index.pack(out, mode).map_err(|error| error.in_field("tuple", stringify!($index)))?;)+
                Ok(())
            }
        }

        impl<'a, $($T: Unpack<'a>),+> Unpack<'a> for ($($T,)+) {
            const MIN_SIZE: usize = 0 $(+ $T::MIN_SIZE)+;

            #[inline]
            fn unpack(input: &mut Input<'a>, mode: Mode) -> Result<Self, UnpackError> {
                Ok(($(input.field::<$T>("tuple", stringify!($index), mode)?,)+))
            }
        }
    };
}

tuple! { A 0 }
tuple! { A 0, B 1 }
tuple! { A 0, B 1, C 2 }
tuple! { A 0, B 1, C 2, D 3 }
tuple! { A 0, B 1, C 2, D 3, E 4 }
tuple! { A 0, B 1, C 2, D 3, E 4, F 5 }
tuple! { A 0, B 1, C 2, D 3, E 4, F 5, G 6 }
tuple! { A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7 }
tuple! { A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8 }
tuple! { A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9 }
tuple! { A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10 }
tuple! { A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11 }

impl<T: Pack, const N: usize> Pack for [T; N] {
    #[inline]
    fn pack(&self, out: &mut Vec<u8>, mode: Mode) -> Result<(), PackError> {
        for (index, item) in self.iter().enumerate() {
            item.pack(out, mode).map_err(|error| error.in_item(index))?;
        }
        Ok(())
    }
}

impl<'a, T: Unpack<'a>, const N: usize> Unpack<'a> for [T; N] {
    const MIN_SIZE: usize = N * T::MIN_SIZE;

    fn unpack(input: &mut Input<'a>, mode: Mode) -> Result<Self, UnpackError> {
        let mut failure = None;
        let items: [Option<T>; N] = array::from_fn(|index| {
            if failure.is_some() {
                return None;
            }
            T::unpack(input, mode).map_err(|error| failure = Some(error.in_item(index))).ok()
        });
        match failure {
            Some(error) => Err(error),
            None => Ok(items.map(|item| item.expect("without a failure every item was read"))),
        }
    }
}

impl Pack for () {
    #[inline]
    fn pack(&self, _: &mut Vec<u8>, _: Mode) -> Result<(), PackError> {
        Ok(())
    }
}

impl<'a> Unpack<'a> for () {
    #[inline]
    fn unpack(_: &mut Input<'a>, _: Mode) -> Result<Self, UnpackError> {
        Ok(())
    }
}

impl<T: ?Sized> Pack for PhantomData<T> {
    #[inline]
    fn pack(&self, _: &mut Vec<u8>, _: Mode) -> Result<(), PackError> {
        Ok(())
    }
}

impl<'a, T: ?Sized> Unpack<'a> for PhantomData<T> {
    #[inline]
    fn unpack(_: &mut Input<'a>, _: Mode) -> Result<Self, UnpackError> {
        Ok(Self)
    }
}
