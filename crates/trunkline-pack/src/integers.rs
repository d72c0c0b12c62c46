//! Integers of 8 to 64 bits.
//!
//! Signed ones travel as the bit pattern of the unsigned ones; 8-bit ones are one byte in either mode.

use crate::{Input, Mode, Pack, PackError, Unpack, UnpackError, ber, lists};

macro_rules! byte {
    ($($t:ident)*) => {$(
        impl Pack for $t {
            #[inline]
            fn pack(&self, out: &mut Vec<u8>, _: Mode) -> Result<(), PackError> {
                out.extend_from_slice(&self.to_le_bytes());
                Ok(())
            }

            fn pack_list(items: &[Self], out: &mut Vec<u8>, mode: Mode) -> Result<(), PackError> {
                lists::pack_count(items.len(), out, mode)?;
                out.extend(items.iter().flat_map(|item| item.to_le_bytes()));
                Ok(())
            }
        }

        impl<'a> Unpack<'a> for $t {
            const MIN_SIZE: usize = 1;

            #[inline]
            fn unpack(input: &mut Input<'a>, _: Mode) -> Result<Self, UnpackError> {
                input.array(stringify!($t)).map(Self::from_le_bytes)
            }

            fn unpack_list(input: &mut Input<'a>, mode: Mode) -> Result<Vec<Self>, UnpackError> {
                let bytes = input.byte_string(mode)?;
                Ok(bytes.iter().map(|byte| Self::from_le_bytes([*byte])).collect())
            }
        }
    )*};
}

macro_rules! wide {
    ($($t:ident via $unsigned:ident: $to:expr, $from:expr;)*) => {$(
        impl Pack for $t {
            #[inline]
            fn pack(&self, out: &mut Vec<u8>, mode: Mode) -> Result<(), PackError> {
                match mode {
                    Mode::Fixed => out.extend_from_slice(&self.to_le_bytes()),
                    Mode::Ber => ber::append(out, u64::from($to(*self))),
                }
                Ok(())
            }

            fn pack_list(items: &[Self], out: &mut Vec<u8>, mode: Mode) -> Result<(), PackError> {
                lists::pack_count(items.len(), out, mode)?;
                let start = out.len();
                out.resize(start + size_of_val(items), 0);
                for (place, item) in out[start..].as_chunks_mut().0.iter_mut().zip(items) {
                    *place = item.to_le_bytes();
                }
                Ok(())
            }
        }

        impl<'a> Unpack<'a> for $t {
            const MIN_SIZE: usize = size_of::<$t>();

            #[inline]
            fn unpack(input: &mut Input<'a>, mode: Mode) -> Result<Self, UnpackError> {
                match mode {
                    Mode::Fixed => input.array(stringify!($t)).map(Self::from_le_bytes),
                    Mode::Ber => input.ber::<$unsigned>(stringify!($t)).map($from),
                }
            }

            fn unpack_list(input: &mut Input<'a>, mode: Mode) -> Result<Vec<Self>, UnpackError> {
                if input.is_lenient() {
                    // The last item may be cut short.
                    return input.list(mode, Self::MIN_SIZE, |input| Self::unpack(input, Mode::Fixed));
                }
                let count = input.count(mode, Self::MIN_SIZE)?;
                let bytes = input.take(count * Self::MIN_SIZE)?;
                Ok(bytes.as_chunks().0.iter().map(|item| Self::from_le_bytes(*item)).collect())
            }
        }
    )*};
}

byte! { u8 i8 }

wide! {
    u16 via u16: u16::from, u16::from;
    u32 via u32: u32::from, u32::from;
    u64 via u64: u64::from, u64::from;
    i16 via u16: i16::cast_unsigned, u16::cast_signed;
    i32 via u32: i32::cast_unsigned, u32::cast_signed;
    i64 via u64: i64::cast_unsigned, u64::cast_signed;
}
