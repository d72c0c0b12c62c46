//! The calls a user makes: a value to bytes, bytes to a value.

use crate::{Input, Mode, Pack, PackError, Unpack, UnpackError};

/// Room for a small message without growing; larger ones double from here.
const FIRST_CAPACITY: usize = 64;

/// Packs a value: integers fixed, lengths and counts four bytes. Several values are a tuple.
///
/// # Errors
///
/// A length or count above `u32::MAX`, or what the type refuses.
///
/// ```
/// assert_eq!(trunkline_pack::pack(&(7u8, "ab", 1000u32))?, b"\x07\x02\0\0\0ab\xe8\x03\0\0");
/// # Ok::<(), trunkline_pack::PackError>(())
/// ```
pub fn pack<T: Pack + ?Sized>(value: &T) -> Result<Vec<u8>, PackError> {
    let mut out = Vec::with_capacity(FIRST_CAPACITY);
    value.pack(&mut out, Mode::Fixed)?;
    Ok(out)
}

/// Packs a value with its integer, length or count in BER.
///
/// # Errors
///
/// As [`pack`].
///
/// ```
/// assert_eq!(trunkline_pack::pack_ber(&(7u8, "ab", 1000u32))?, b"\x07\x02ab\x87\x68");
/// # Ok::<(), trunkline_pack::PackError>(())
/// ```
pub fn pack_ber<T: Pack + ?Sized>(value: &T) -> Result<Vec<u8>, PackError> {
    let mut out = Vec::with_capacity(FIRST_CAPACITY);
    value.pack(&mut out, Mode::Ber)?;
    Ok(out)
}

/// Appends what [`pack`] gives to `out`.
///
/// # Errors
///
/// As [`pack`]; `out` is then as it was.
pub fn append<T: Pack + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), PackError> {
    append_in(out, value, Mode::Fixed)
}

/// Appends what [`pack_ber`] gives to `out`.
///
/// # Errors
///
/// As [`pack`]; `out` is then as it was.
pub fn append_ber<T: Pack + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), PackError> {
    append_in(out, value, Mode::Ber)
}

fn append_in<T: Pack + ?Sized>(out: &mut Vec<u8>, value: &T, mode: Mode) -> Result<(), PackError> {
    let before = out.len();
    let result = value.pack(out, mode);
    if result.is_err() {
        out.truncate(before);
    }
    result
}

/// Reads one value and gives back what follows it.
///
/// The input is a byte slice, a [`Bytes`](bytes::Bytes) (whose parts are then shared instead of copied) or
/// an [`Input`].
///
/// # Errors
///
/// The input ends too early or is malformed.
///
/// ```
/// use trunkline_pack::unpack;
///
/// let (number, rest) = unpack::<u16>(b"\x02\x01tail")?;
/// assert_eq!((number, rest), (258, &b"tail"[..]));
/// # Ok::<(), trunkline_pack::UnpackError>(())
/// ```
pub fn unpack<'a, T: Unpack<'a>>(input: impl Into<Input<'a>>) -> Result<(T, &'a [u8]), UnpackError> {
    unpack_in(input.into(), Mode::Fixed)
}

/// Reads one value whose integer, length or count is BER, and gives back what follows it.
///
/// # Errors
///
/// As [`unpack`].
pub fn unpack_ber<'a, T: Unpack<'a>>(input: impl Into<Input<'a>>) -> Result<(T, &'a [u8]), UnpackError> {
    unpack_in(input.into(), Mode::Ber)
}

fn unpack_in<'a, T: Unpack<'a>>(mut input: Input<'a>, mode: Mode) -> Result<(T, &'a [u8]), UnpackError> {
    let value = T::unpack(&mut input, mode)?;
    Ok((value, input.rest()))
}

/// Reads one value that is the whole input.
///
/// # Errors
///
/// As [`unpack`]; also when bytes are left over.
///
/// ```
/// use bytes::Bytes;
/// use trunkline_pack::decode;
///
/// let body = Bytes::from_static(b"\x07\x03\0\0\0abc");
/// let (kind, blob): (u8, Bytes) = decode(&body)?; // `blob` shares the memory of `body`
/// assert_eq!((kind, &blob[..]), (7, &b"abc"[..]));
/// assert!(decode::<u8>(&body).is_err()); // seven bytes are left over
/// # Ok::<(), trunkline_pack::UnpackError>(())
/// ```
pub fn decode<'a, T: Unpack<'a>>(input: impl Into<Input<'a>>) -> Result<T, UnpackError> {
    decode_in(input.into(), Mode::Fixed)
}

/// Reads one value that is the whole input and whose integer, length or count is BER.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_ber<'a, T: Unpack<'a>>(input: impl Into<Input<'a>>) -> Result<T, UnpackError> {
    decode_in(input.into(), Mode::Ber)
}

fn decode_in<'a, T: Unpack<'a>>(mut input: Input<'a>, mode: Mode) -> Result<T, UnpackError> {
    let value = T::unpack(&mut input, mode)?;
    input.finish()?;
    Ok(value)
}
