//! One function for every type, as go-iproto has them: `pack_u32`, `unpack_ber_u64`, `pack_str` …
//!
//! Packing appends to `out`; unpacking reads strictly from the front of `input` and gives the value and
//! the rest. 8-bit integers have no BER form.

use crate::{Mode, Pack, PackError, UnpackError, ber, unpack, unpack_ber};

macro_rules! typed {
    ($($t:ident, $unsigned:expr, $pack:ident, $pack_ber:ident, $unpack:ident, $unpack_ber:ident;)*) => {$(
        #[doc = concat!("Appends ", stringify!($t), " `value`, little-endian.")]
        #[inline]
        pub fn $pack(out: &mut Vec<u8>, value: $t) {
            out.extend_from_slice(&value.to_le_bytes());
        }

        #[doc = concat!("Appends ", stringify!($t), " `value` in BER.")]
        #[inline]
        pub fn $pack_ber(out: &mut Vec<u8>, value: $t) {
            ber::append(out, u64::from($unsigned(value)));
        }

        #[doc = concat!("Reads a little-endian ", stringify!($t), ".")]
        ///
        /// # Errors
        ///
        /// The input is too short.
        #[inline]
        pub fn $unpack(input: &[u8]) -> Result<($t, &[u8]), UnpackError> {
            unpack(input)
        }

        #[doc = concat!("Reads a ", stringify!($t), " in BER.")]
        ///
        /// # Errors
        ///
        /// The input is too short, not the shortest form, or out of range.
        #[inline]
        pub fn $unpack_ber(input: &[u8]) -> Result<($t, &[u8]), UnpackError> {
            unpack_ber(input)
        }
    )*};
}

typed! {
    u16, u16::from, pack_u16, pack_ber_u16, unpack_u16, unpack_ber_u16;
    u32, u32::from, pack_u32, pack_ber_u32, unpack_u32, unpack_ber_u32;
    u64, u64::from, pack_u64, pack_ber_u64, unpack_u64, unpack_ber_u64;
    i16, i16::cast_unsigned, pack_i16, pack_ber_i16, unpack_i16, unpack_ber_i16;
    i32, i32::cast_unsigned, pack_i32, pack_ber_i32, unpack_i32, unpack_ber_i32;
    i64, i64::cast_unsigned, pack_i64, pack_ber_i64, unpack_i64, unpack_ber_i64;
}

macro_rules! typed_byte {
    ($($t:ident, $pack:ident, $unpack:ident;)*) => {$(
        #[doc = concat!("Appends ", stringify!($t), " `value`, one byte.")]
        #[inline]
        pub fn $pack(out: &mut Vec<u8>, value: $t) {
            out.extend_from_slice(&value.to_le_bytes());
        }

        #[doc = concat!("Reads one byte as ", stringify!($t), ".")]
        ///
        /// # Errors
        ///
        /// The input is empty.
        #[inline]
        pub fn $unpack(input: &[u8]) -> Result<($t, &[u8]), UnpackError> {
            unpack(input)
        }
    )*};
}

typed_byte! {
    u8, pack_u8, unpack_u8;
    i8, pack_i8, unpack_i8;
}

macro_rules! typed_string {
    ($($t:ty, $noun:literal, $pack:ident, $pack_ber:ident, $unpack:ident, $unpack_ber:ident;)*) => {$(
        #[doc = concat!("Appends ", $noun, " behind a length of four bytes.")]
        ///
        /// # Errors
        ///
        /// It is longer than `u32::MAX` bytes.
        #[inline]
        pub fn $pack(out: &mut Vec<u8>, value: &$t) -> Result<(), PackError> {
            value.pack(out, Mode::Fixed)
        }

        #[doc = concat!("Appends ", $noun, " behind a length in BER.")]
        ///
        /// # Errors
        ///
        /// It is longer than `u32::MAX` bytes.
        #[inline]
        pub fn $pack_ber(out: &mut Vec<u8>, value: &$t) -> Result<(), PackError> {
            value.pack(out, Mode::Ber)
        }

        #[doc = concat!("Reads ", $noun, " behind a length of four bytes; it borrows from the input.")]
        ///
        /// # Errors
        ///
        /// The length is more than is left; text is not UTF-8.
        #[inline]
        pub fn $unpack(input: &[u8]) -> Result<(&$t, &[u8]), UnpackError> {
            unpack(input)
        }

        #[doc = concat!("Reads ", $noun, " behind a length in BER; it borrows from the input.")]
        ///
        /// # Errors
        ///
        /// The length is malformed or more than is left; text is not UTF-8.
        #[inline]
        pub fn $unpack_ber(input: &[u8]) -> Result<(&$t, &[u8]), UnpackError> {
            unpack_ber(input)
        }
    )*};
}

typed_string! {
    str, "text", pack_str, pack_ber_str, unpack_str, unpack_ber_str;
    [u8], "a byte string", pack_bytes, pack_ber_bytes, unpack_bytes, unpack_ber_bytes;
}
