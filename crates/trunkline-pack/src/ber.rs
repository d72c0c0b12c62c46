//! BER integers, perl's `w`: groups of seven bits, most significant group first, the top bit set on all
//! but the last byte.
//!
//! In and out: the unsigned bit pattern of a 16, 32 or 64-bit integer.

use crate::{Input, UnpackError, UnpackErrorKind};

const MORE: u8 = 0x80;
const GROUP: u8 = 0x7f;

/// Ten groups of seven bits hold 64 bits.
const MAX_GROUPS: usize = 10;

/// Appends `value` in one to ten bytes.
#[inline]
pub(crate) fn append(out: &mut Vec<u8>, value: u64) {
    match u8::try_from(value) {
        Ok(byte) if byte < MORE => out.push(byte),
        _ => append_groups(out, value),
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
    /// Takes one BER integer of the width of `T`.
    #[inline]
    pub(crate) fn ber<T: TryFrom<u64> + From<u8>>(&mut self, what: &'static str) -> Result<T, UnpackError> {
        if let [first @ ..MORE, rest @ ..] = self.rest() {
            self.skip_to(rest);
            return Ok(T::from(*first));
        }
        self.ber_groups(what)
    }

    fn ber_groups<T: TryFrom<u64>>(&mut self, what: &'static str) -> Result<T, UnpackError> {
        let bits = size_of::<T>() * 8;
        let max = bits / 7 + 1;
        let overflow = UnpackErrorKind::BerOverflow { bits: u32::try_from(bits).unwrap_or(u32::MAX) };
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
                if lost && !self.is_lenient() {
                    return Err(self.error(what, overflow));
                }
                let value = T::try_from(value).map_err(|_| self.error(what, overflow))?;
                self.skip_to(&self.rest()[index + 1..]);
                return Ok(value);
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
