//! Numbers: how gob spells unsigned, signed and floating point, and a cursor that reads them.
//!
//! In: a slice. Out: integers and sub-slices, every read checked against what is left.

use crate::error::{Error, Result};

/// Appends an unsigned number: one byte below 128, else the negated byte count and the bytes, big-endian.
#[inline]
pub(crate) fn put_uint(out: &mut Vec<u8>, n: u64) {
    if n < 0x80 {
        out.push(n as u8);
        return;
    }
    let skip = (n.leading_zeros() / 8) as usize;
    out.push((skip as u8).wrapping_sub(8));
    out.extend_from_slice(&n.to_be_bytes()[skip..]);
}

/// Appends a signed number: shifted left, complemented if negative, so that small magnitudes stay short.
#[inline]
pub(crate) fn put_int(out: &mut Vec<u8>, n: i64) {
    put_uint(out, ((n << 1) ^ (n >> 63)) as u64);
}

/// Appends a float: the bytes of its float64 bits in reverse, so that trailing zeros of the mantissa vanish.
#[inline]
pub(crate) fn put_float(out: &mut Vec<u8>, n: f64) {
    put_uint(out, n.to_bits().swap_bytes());
}

/// Puts the length of `out[at..]` in front of it; one byte was reserved at `at - 1`.
pub(crate) fn patch_len(out: &mut Vec<u8>, at: usize) {
    let len = (out.len() - at) as u64;
    patch_uint(out, at, len);
}

/// Writes `n` into the one byte reserved at `at - 1`, moving what follows when it needs more.
pub(crate) fn patch_uint(out: &mut Vec<u8>, at: usize, n: u64) {
    if n < 0x80 {
        out[at - 1] = n as u8;
        return;
    }
    let mut spelled = Vec::with_capacity(9);
    put_uint(&mut spelled, n);
    out.splice(at - 1..at, spelled);
}

/// A position in a slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) const fn at(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    pub(crate) const fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.left() == 0
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The same position in a slice that ends `len` bytes on.
    pub(crate) fn fenced(&self, len: usize) -> Self {
        Self { bytes: &self.bytes[..self.at + len], at: self.at }
    }

    pub(crate) const fn skip(&mut self, len: usize) {
        self.at += len;
    }

    pub(crate) fn since(&self, start: usize) -> &'a [u8] {
        &self.bytes[start..self.at]
    }

    #[inline]
    pub(crate) fn uint(&mut self) -> Result<u64> {
        match self.bytes.get(self.at) {
            Some(&first) if first < 0x80 => {
                self.at += 1;
                Ok(u64::from(first))
            }
            Some(&first) => self.long_uint(first),
            None => Err(Error::malformed("a number is missing")),
        }
    }

    fn long_uint(&mut self, first: u8) -> Result<u64> {
        let count = usize::from(first.wrapping_neg());
        if count > 8 {
            return Err(Error::malformed(format!("a number of {count} bytes; at most 8 are possible")));
        }
        if self.left() - 1 < count {
            return Err(Error::malformed(format!("a number of {count} bytes, {} left", self.left() - 1)));
        }
        let mut wide = [0; 8];
        wide[8 - count..].copy_from_slice(&self.bytes[self.at + 1..self.at + 1 + count]);
        self.at += 1 + count;
        Ok(u64::from_be_bytes(wide))
    }

    #[inline]
    pub(crate) fn int(&mut self) -> Result<i64> {
        let n = self.uint()?;
        Ok((n >> 1) as i64 ^ -((n & 1) as i64))
    }

    #[inline]
    pub(crate) fn float(&mut self) -> Result<f64> {
        Ok(f64::from_bits(self.uint()?.swap_bytes()))
    }

    /// A length, then that many bytes.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.uint()?;
        self.take(len)
    }

    #[inline]
    pub(crate) fn take(&mut self, len: u64) -> Result<&'a [u8]> {
        if len > self.left() as u64 {
            return Err(Error::malformed(format!("{len} bytes announced, {} left", self.left())));
        }
        let from = self.at;
        self.at += len as usize;
        Ok(&self.bytes[from..self.at])
    }

    /// The zero byte in front of every value that is not a struct, at top level and inside interfaces.
    pub(crate) fn singleton(&mut self) -> Result<()> {
        match self.uint()? {
            0 => Ok(()),
            n => Err(Error::malformed(format!("{n} in place of the zero before a value that is no struct"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_and_unsigned_borders_survive() {
        for n in [0, 1, 127, 128, 255, 256, 65535, 1 << 32, u64::MAX] {
            let mut out = Vec::new();
            put_uint(&mut out, n);
            assert!(out.len() <= 9);
            assert_eq!(Cursor::new(&out).uint().unwrap(), n);
        }
        for n in [0, -1, 1, 63, 64, -64, -65, i64::MIN, i64::MAX] {
            let mut out = Vec::new();
            put_int(&mut out, n);
            assert_eq!(Cursor::new(&out).int().unwrap(), n);
        }
    }

    #[test]
    fn a_long_length_moves_what_follows() {
        let mut out = vec![7, 0];
        out.extend([9; 300]);
        patch_len(&mut out, 2);
        let mut cursor = Cursor::at(&out, 1);
        assert_eq!(cursor.bytes().unwrap(), &[9; 300]);
        assert!(cursor.is_empty());
    }
}
