//! BER integers, perl's `w`: groups of seven bits, most significant group first, the top bit set on all
//! but the last byte.
//!
//! In and out: the unsigned bit pattern of a 16, 32 or 64-bit integer.

use crate::{Input, UnpackError, UnpackErrorKind};

const MORE: u8 = 0x80;
const GROUP: u8 = 0x7f;

/// Ten groups of seven bits hold 64 bits.
const MAX_GROUPS: usize = 10;

/// Appends `value` in one to ten bytes. One and two, the usual sizes of lengths, are inlined.
#[inline]
pub(crate) fn append(out: &mut Vec<u8>, value: u64) {
    if value >> 7 == 0 {
        out.push(low_group(value));
    } else if value >> 14 == 0 {
        out.extend_from_slice(&[low_group(value >> 7) | MORE, low_group(value)]);
    } else {
        append_groups(out, value);
    }
}

fn append_groups(out: &mut Vec<u8>, mut value: u64) {
    let mut groups = [0; MAX_GROUPS];
    let mut start = MAX_GROUPS - 1;
    groups[start] = low_group(value);
    value >>= 7;
    while value != 0 {
        start -= 1;
        groups[start] = low_group(value) | MORE;
        value >>= 7;
    }
    out.extend_from_slice(&groups[start..]);
}

#[expect(clippy::cast_possible_truncation, reason = "only the lowest seven bits are wanted")]
const fn low_group(value: u64) -> u8 {
    value as u8 & GROUP
}

impl Input<'_> {
    /// Takes one BER integer of the width of `T`. One and two bytes are inlined.
    #[inline]
    pub(crate) fn ber<T: TryFrom<u64> + From<u16>>(&mut self, what: &'static str) -> Result<T, UnpackError> {
        match self.rest() {
            [only @ ..MORE, rest @ ..] => {
                self.skip_to(rest);
                Ok(T::from(u16::from(*only)))
            }
            // A group of zeros in front is left to the long way.
            [high, low @ ..MORE, rest @ ..] if *high != MORE => {
                self.skip_to(rest);
                Ok(T::from(u16::from(high & GROUP) << 7 | u16::from(*low)))
            }
            _ => self.ber_groups(what),
        }
    }

    fn ber_groups<T: TryFrom<u64>>(&mut self, what: &'static str) -> Result<T, UnpackError> {
        let max = size_of::<T>() * 8 / 7 + 1;
        let mut value: u64 = 0;
        let mut lost = false;
        for (index, byte) in self.rest().iter().take(max).enumerate() {
            if index == 0 && *byte == MORE && !self.is_lenient() {
                return Err(self.error(what, UnpackErrorKind::BerNotShortest));
            }
            lost |= value.leading_zeros() < 7;
            value = value << 7 | u64::from(byte & GROUP);
            if byte & MORE == 0 {
                // go-iproto drops what is above 64 bits (I38); above 16 and 32 it refuses.
                return match T::try_from(value) {
                    Ok(value) if !lost || self.is_lenient() => {
                        self.skip_to(&self.rest()[index + 1..]);
                        Ok(value)
                    }
                    _ => Err(self.error(what, UnpackErrorKind::BerOverflow { bits: size_of::<T>() * 8 })),
                };
            }
        }
        let kind = if self.rest().len() < max {
            UnpackErrorKind::BerEnd
        } else {
            UnpackErrorKind::BerTooLong { max }
        };
        Err(self.error(what, kind))
    }
}
