//! `time.Time` as Go writes it: seconds since the year 1, nanoseconds, and the offset of its zone.
//!
//! In: 15 or 16 bytes. Out: [`Time`], and back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use crate::error::{Error, Result};

/// The name under which a [`Time`] passes through serde.
pub(crate) const TIME: &str = "$gob::Time";

/// Seconds from the first of January of the year 1 to 1970.
const YEAR_ONE_TO_UNIX: i64 = 62_135_596_800;

/// A Go `time.Time`: an instant and the offset of the zone it was taken in.
///
/// The default is Go's zero time, the first of January of the year 1, which a struct leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Time {
    /// Seconds since 1970.
    pub unix_seconds: i64,
    /// 0 to 999,999,999.
    pub nanoseconds: u32,
    /// Seconds east of UTC; `None` is UTC itself.
    pub offset_seconds: Option<i32>,
}

impl Default for Time {
    fn default() -> Self {
        Self { unix_seconds: -YEAR_ONE_TO_UNIX, nanoseconds: 0, offset_seconds: None }
    }
}

impl Time {
    /// Reads what Go's `GobEncode` writes.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when the version, the length or the nanoseconds are not Go's.
    pub fn from_gob(bytes: &[u8]) -> Result<Self> {
        let wrong = |what: &str| Err(Error::mismatch(format!("time.Time {what}")));
        let Some((&version @ (1 | 2), rest)) = bytes.split_first() else {
            return wrong("of an unknown version");
        };
        let Some((&[a, b, c, d, e, f, g, h, i, j, k, l, m, n], seconds)) = rest.split_first_chunk::<14>()
        else {
            return wrong("of the wrong length");
        };
        if seconds.len() != usize::from(version - 1) {
            return wrong("of the wrong length");
        }
        let nanoseconds = u32::from_be_bytes([i, j, k, l]);
        if nanoseconds > 999_999_999 {
            return wrong("with a second or more of nanoseconds");
        }
        let minutes = i32::from(i16::from_be_bytes([m, n]));
        let odd_seconds = seconds.first().map_or(0, |&s| i32::from(s as i8));
        Ok(Self {
            unix_seconds: i64::from_be_bytes([a, b, c, d, e, f, g, h]).wrapping_sub(YEAR_ONE_TO_UNIX),
            nanoseconds,
            offset_seconds: (minutes != -1).then_some(minutes * 60 + odd_seconds),
        })
    }

    /// Writes what Go's `GobDecode` reads. An offset of -60 seconds, which Go uses for UTC, and one beyond
    /// a 16-bit number of minutes are written as UTC.
    #[must_use]
    pub fn to_gob(&self) -> Vec<u8> {
        let offset = self.offset_seconds.filter(|offset| *offset / 60 != -1);
        let minutes = offset.map_or(Ok(-1), |offset| i16::try_from(offset / 60)).unwrap_or(-1);
        let odd_seconds = offset.map_or(0, |offset| (offset % 60) as i8);
        let mut out = vec![if odd_seconds == 0 { 1 } else { 2 }];
        out.extend(self.unix_seconds.wrapping_add(YEAR_ONE_TO_UNIX).to_be_bytes());
        out.extend(self.nanoseconds.to_be_bytes());
        out.extend(minutes.to_be_bytes());
        if odd_seconds != 0 {
            out.push(odd_seconds as u8);
        }
        out
    }

    /// Whether this is Go's zero time.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

impl From<SystemTime> for Time {
    fn from(time: SystemTime) -> Self {
        let (unix_seconds, nanoseconds) = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => (after.as_secs() as i64, after.subsec_nanos()),
            Err(before) => {
                let before = before.duration();
                let borrow = i64::from(before.subsec_nanos() > 0);
                let nanos = (1_000_000_000 - before.subsec_nanos()) % 1_000_000_000;
                (-(before.as_secs() as i64) - borrow, nanos)
            }
        };
        Self { unix_seconds, nanoseconds, offset_seconds: None }
    }
}

impl TryFrom<Time> for SystemTime {
    type Error = Error;

    /// # Errors
    /// [`Error::Mismatch`] when this system's clock cannot hold the time.
    fn try_from(time: Time) -> Result<Self> {
        let nanos = Duration::from_nanos(u64::from(time.nanoseconds));
        let seconds = Duration::from_secs(time.unix_seconds.unsigned_abs());
        let whole = if time.unix_seconds < 0 {
            UNIX_EPOCH.checked_sub(seconds)
        } else {
            UNIX_EPOCH.checked_add(seconds)
        };
        whole.and_then(|t| t.checked_add(nanos)).ok_or_else(|| Error::mismatch("a time out of range"))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(TIME, &crate::serde_bytes::Bytes(self.to_gob()))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = crate::serde_bytes::read(deserializer, TIME)?;
        Self::from_gob(&bytes).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive() {
        for offset_seconds in [None, Some(0), Some(3600), Some(-3601), Some(12_345)] {
            for unix_seconds in [0, 1_706_933_106, -5, -YEAR_ONE_TO_UNIX] {
                let time = Time { unix_seconds, nanoseconds: 7, offset_seconds };
                assert_eq!(Time::from_gob(&time.to_gob()).unwrap(), time);
                assert_eq!(Time::from(SystemTime::try_from(time).unwrap()).unix_seconds, unix_seconds);
            }
        }
    }
}
