//! One frame and its flags, for those who want the bare codec without an engine.
//!
//! In: fields or bytes. Out: bytes or fields, all of them, with flags that nobody has given a meaning too.

use std::fmt;
use std::ops::BitOr;

use bytes::{Buf, Bytes, BytesMut};

use super::{Bounds, PROFILE};
use crate::{EncodeError, Limits, WireError};

/// Bytes of a header.
pub const HEADER: usize = 16;

/// The first byte of every frame.
pub const VERSION: u8 = 1;

/// What a frame is: a set of bits. The codec keeps those it does not know.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// From a client: a call.
    pub const REQUEST: Self = Self(0x01);
    /// From a server: an answer.
    pub const RESPONSE: Self = Self(0x02);
    /// One of many answers; alone, a message that nobody asked for.
    pub const STREAM: Self = Self(0x04);
    /// The last of many answers.
    pub const END: Self = Self(0x08);
    /// The answer is "no", and the body says why.
    pub const ERROR: Self = Self(0x10);

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// A message that nobody asked for: a push, or a message of a session.
    #[must_use]
    pub const fn is_push(self) -> bool {
        self.has(Self::STREAM) && !self.has(Self::REQUEST) && !self.has(Self::RESPONSE)
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#04x}", self.0)
    }
}

/// One frame.
///
/// ```
/// use bytes::BytesMut;
/// use trunkline_wire::Limits;
/// use trunkline_wire::simple::{Flags, Frame};
///
/// let call = Frame::new(Flags::REQUEST, 1, "/health", "");
/// let mut stream = BytesMut::new();
/// call.encode(&mut stream)?;
/// assert_eq!(&stream[..], b"\x01\x01\0\0\0\0\0\0\0\x01\0\x07\0\0\0\0/health");
///
/// assert_eq!(Frame::decode(&mut stream, &Limits::default())?, Some(call));
/// assert_eq!(Frame::decode(&mut stream, &Limits::default())?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub flags: Flags,
    /// The number of the call it belongs to.
    pub id: u64,
    /// The route, simple-rpc's "type": any bytes, at most 65,535.
    pub route: Bytes,
    /// The body, simple-rpc's "value". Lengths are never set by hand.
    pub body: Bytes,
}

impl Frame {
    /// A frame from its parts.
    pub fn new(flags: Flags, id: u64, route: impl Into<Bytes>, body: impl Into<Bytes>) -> Self {
        Self { flags, id, route: route.into(), body: body.into() }
    }

    /// Appends the frame to a stream.
    ///
    /// # Errors
    /// When route or body are longer than the header can say; nothing is appended then.
    pub fn encode(&self, stream: &mut BytesMut) -> Result<(), EncodeError> {
        let anything =
            Bounds::new(&Limits { max_message: usize::MAX, max_route: usize::MAX, max_metadata: 0 });
        let header = Header::of(self.flags, self.id, self.route.len(), self.body.len(), anything)?;
        stream.extend_from_slice(&header);
        stream.extend_from_slice(&self.route);
        stream.extend_from_slice(&self.body);
        Ok(())
    }

    /// Takes a frame from the front of a stream; `None` while it is not all there.
    ///
    /// # Errors
    /// [`WireError::Malformed`] as soon as the first byte is not [`VERSION`]; [`WireError::TooLarge`] as soon as
    /// the header announces more than `max_route` or `max_message`.
    pub fn decode(stream: &mut BytesMut, limits: &Limits) -> Result<Option<Self>, WireError> {
        let Some(header) = Header::read(stream, Bounds::new(limits))? else { return Ok(None) };
        if stream.len() < header.whole() {
            return Ok(None);
        }
        stream.advance(HEADER);
        let route = stream.split_to(header.route).freeze();
        let body = stream.split_to(header.body).freeze();
        Ok(Some(Self { flags: header.flags, id: header.id, route, body }))
    }
}

/// A header within its bounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) flags: Flags,
    pub(super) id: u64,
    /// Bytes of the route.
    pub(super) route: usize,
    /// Bytes of the body.
    pub(super) body: usize,
}

impl Header {
    /// Reads the header at the front; `None` while it is not all there. A wrong first byte is enough to refuse.
    #[inline]
    pub(super) fn read(stream: &[u8], bounds: Bounds) -> Result<Option<Self>, WireError> {
        if let Some(&version) = stream.first()
            && version != VERSION
        {
            let what =
                format!("its first byte is {version:#04x}, and every frame starts with {VERSION:#04x}");
            return Err(WireError::Malformed { dialect: PROFILE.name, what });
        }
        let Some(header) = stream.first_chunk::<HEADER>() else { return Ok(None) };
        let [_, flags, i0, i1, i2, i3, i4, i5, i6, i7, r0, r1, b0, b1, b2, b3] = *header;
        Ok(Some(Self {
            flags: Flags(flags),
            id: u64::from_be_bytes([i0, i1, i2, i3, i4, i5, i6, i7]),
            route: bounds.route.arriving(u16::from_be_bytes([r0, r1]).into())?,
            body: bounds.body.arriving(u32::from_be_bytes([b0, b1, b2, b3]).into())?,
        }))
    }

    /// Bytes of the whole frame.
    pub(super) const fn whole(&self) -> usize {
        HEADER.saturating_add(self.route).saturating_add(self.body)
    }

    /// The bytes of a header.
    #[inline]
    pub(super) fn of(
        flags: Flags,
        id: u64,
        route: usize,
        body: usize,
        bounds: Bounds,
    ) -> Result<[u8; HEADER], EncodeError> {
        let [i0, i1, i2, i3, i4, i5, i6, i7] = id.to_be_bytes();
        let [r0, r1] = bounds.route.leaving::<u16>(route)?.to_be_bytes();
        let [b0, b1, b2, b3] = bounds.body.leaving::<u32>(body)?.to_be_bytes();
        Ok([VERSION, flags.0, i0, i1, i2, i3, i4, i5, i6, i7, r0, r1, b0, b1, b2, b3])
    }
}
