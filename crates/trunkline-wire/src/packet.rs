//! packet: a length and that many bytes. The dialect of packnet and link, and of Erlang's `{packet, N}`.
//!
//! ```text
//!  0         N
//!  ├─────────┼───────────────────
//!  │  len    │  body (len bytes)
//!  └─────────┴───────────────────
//!    N = 1, 2, 4 or 8 bytes, big- or little-endian; the length does not count itself
//! ```
//!
//! There is nothing else: no ids, so no calls; no routes, so one handler. Every packet is a notification. The
//! specification in our words is `docs/wire/packet.md`.

use std::fmt;
use std::str::FromStr;

use bytes::{Buf, Bytes, BytesMut};

use crate::dialect::{Codec, Decode, Decoded, Dialect, Encode, Profile, SharedKey, Side};
use crate::limits::Bound;
use crate::{EncodeError, Input, Limits, Message, Output, Route, Unsayable, WireError};

/// What packet can say.
pub const PROFILE: Profile =
    Profile { name: "packet", speaks_with: "packnet, link, Erlang `{packet, N}`", ..Profile::PACKETS };

/// How the length before each packet is written; in text `4be`, as in `packet://host:port?head=4be`.
///
/// It is also the bare codec, for those who want no engine:
///
/// ```
/// use bytes::BytesMut;
/// use trunkline_wire::packet::Head;
///
/// let head: Head = "2be".parse()?;
/// let mut stream = BytesMut::new();
/// head.encode(b"Hello World!", 1024, &mut stream)?;
/// assert_eq!(&stream[..], b"\x00\x0cHello World!");
///
/// assert_eq!(head.decode(&mut stream, 1024)?.as_deref(), Some(&b"Hello World!"[..]));
/// assert_eq!(head.decode(&mut stream, 1024)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Head {
    width: u8,
    order: Order,
}

/// Which byte of a length comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// The most significant: `be`, what Erlang writes.
    Big,
    /// The least significant: `le`.
    Little,
}

impl Head {
    /// All that there are.
    pub const ALL: [Self; 8] = [
        Self::new(1, Order::Big),
        Self::new(1, Order::Little),
        Self::new(2, Order::Big),
        Self::new(2, Order::Little),
        Self::new(4, Order::Big),
        Self::new(4, Order::Little),
        Self::new(8, Order::Big),
        Self::new(8, Order::Little),
    ];

    const fn new(width: u8, order: Order) -> Self {
        Self { width, order }
    }

    /// Bytes of the length: 1, 2, 4 or 8.
    #[must_use]
    pub const fn width(self) -> usize {
        self.width as usize
    }

    /// Which of its bytes comes first; without meaning for a width of one.
    #[must_use]
    pub const fn order(self) -> Order {
        self.order
    }

    /// The longest body in bytes that this head can announce.
    #[must_use]
    pub const fn longest(self) -> u64 {
        match self.width {
            1 => u8::MAX as u64,
            2 => u16::MAX as u64,
            4 => u32::MAX as u64,
            _ => u64::MAX,
        }
    }

    /// Appends a packet to a stream.
    ///
    /// # Errors
    /// When the body is longer than `max_message` bytes or than the head can say; nothing is appended then.
    pub fn encode(self, body: &[u8], max_message: usize, stream: &mut BytesMut) -> Result<(), EncodeError> {
        let len = self.bound(max_message).leaving(body.len())?;
        self.write(len, |head| stream.extend_from_slice(head));
        stream.extend_from_slice(body);
        Ok(())
    }

    /// Takes a packet's body from the front of a stream; `None` while it is not all there.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] as soon as the head announces more than `max_message` bytes.
    pub fn decode(self, stream: &mut BytesMut, max_message: usize) -> Result<Option<Bytes>, WireError> {
        let Some(announced) = self.read(stream) else { return Ok(None) };
        let len = self.bound(max_message).arriving(announced)?;
        if stream.len().saturating_sub(self.width()) < len {
            return Ok(None);
        }
        stream.advance(self.width());
        Ok(Some(stream.split_to(len).freeze()))
    }

    fn bound(self, max_message: usize) -> Bound {
        Bound::new("message", max_message, "max_message").within(self.longest(), "head")
    }

    #[inline]
    fn write(self, len: u64, put: impl FnOnce(&[u8])) {
        let (big, little) = (len.to_be_bytes(), len.to_le_bytes());
        let head = match self.order {
            Order::Big => big.get(big.len().saturating_sub(self.width())..),
            Order::Little => little.get(..self.width()),
        };
        put(head.unwrap_or_default());
    }

    #[inline]
    fn read(self, stream: &[u8]) -> Option<u64> {
        let head = stream.get(..self.width())?;
        let push = |len: u64, byte: &u8| (len << 8) | u64::from(*byte);
        Some(match self.order {
            Order::Big => head.iter().fold(0, push),
            Order::Little => head.iter().rev().fold(0, push),
        })
    }
}

/// `4be`, the head of most Erlang programs.
impl Default for Head {
    fn default() -> Self {
        Self::new(4, Order::Big)
    }
}

/// Text that is no head.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no packet head: it takes 1, 2, 4 or 8 and then be or le, such as 4be")]
pub struct HeadError(String);

impl FromStr for Head {
    type Err = HeadError;

    fn from_str(text: &str) -> Result<Self, HeadError> {
        let head = Self::ALL.into_iter().find(|head| head.to_string() == text);
        head.ok_or_else(|| HeadError(text.to_owned()))
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = match self.order {
            Order::Big => "be",
            Order::Little => "le",
        };
        write!(f, "{}{order}", self.width)
    }
}

/// The dialect, with one head for both directions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Packet {
    head: Head,
}

impl Packet {
    /// Packets with this head.
    #[must_use]
    pub const fn new(head: Head) -> Self {
        Self { head }
    }
}

impl Dialect for Packet {
    fn profile(&self) -> &'static Profile {
        &PROFILE
    }

    fn start(&self, _: Side, limits: &Limits) -> Codec {
        let framing = Framing { head: self.head, bound: self.head.bound(limits.max_message) };
        Codec { encoder: Box::new(framing), decoder: Box::new(framing), layer: None }
    }
}

/// Both halves: neither remembers anything.
#[derive(Clone, Copy, Debug)]
struct Framing {
    head: Head,
    bound: Bound,
}

impl Framing {
    /// What a message is as a packet: its length and its body.
    fn packet(self, message: &Message) -> Result<(u64, &Bytes), EncodeError> {
        let Message::Notify { body, .. } = message else {
            let why = ": it has packets and nothing else";
            return Err(Unsayable { dialect: PROFILE.name, verb: message.verb(), why }.into());
        };
        Ok((self.bound.leaving(body.len())?, body))
    }
}

impl Encode for Framing {
    /// A route is not said, because no packet has one: a group may address packet peers along with others.
    fn encode(&mut self, message: &Message, output: &mut Output) -> Result<(), EncodeError> {
        let (len, body) = self.packet(message)?;
        self.head.write(len, |head| output.put(head));
        output.put_body(body);
        Ok(())
    }

    fn check(&self, message: &Message) -> Result<(), EncodeError> {
        self.packet(message).map(|_| ())
    }

    fn shared_key(&self) -> Option<SharedKey> {
        let mut key = *b"packet\0\0";
        let [.., width, order] = &mut key;
        *width = self.head.width;
        *order = u8::from(self.head.order == Order::Little);
        Some(SharedKey(u64::from_le_bytes(key)))
    }
}

impl Decode for Framing {
    #[inline]
    fn decode(&mut self, input: &mut Input) -> Result<Decoded, WireError> {
        let width = self.head.width();
        let Some(announced) = self.head.read(input.remaining()) else { return Ok(Decoded::More(width)) };
        let len = self.bound.arriving(announced)?;
        let whole = width.saturating_add(len);
        if input.remaining().len() < whole {
            return Ok(Decoded::More(whole));
        }
        input.advance(width);
        Ok(Decoded::Message(Message::notify(Route::NONE, input.take(len))))
    }
}
