//! iproto: twelve bytes of header, all little-endian, and the body. The dialect of go-iproto.
//!
//! ```text
//!  0        4        8        12
//!  ├────────┼────────┼────────┼───────────────
//!  │  code  │  len   │  sync  │  body (len bytes)
//!  └────────┴────────┴────────┴───────────────
//! ```
//!
//! There is no direction bit: a reply is what carries the (code, sync) of a call that waits (see
//! [`Pairing::Matched`]). Sync 0 is a notification. Two codes are control: [`PING`] and [`SHUTDOWN`]. The
//! specification in our words is `docs/wire/iproto.md`.

use bytes::{Buf, Bytes, BytesMut};

use crate::dialect::{Codec, Decode, Decoded, Dialect, Encode, IdSpace, Pairing, Profile, SharedKey, Side};
use crate::limits::Bound;
use crate::{Drain, EncodeError, Fault, Id, Input, Limits, Message, Output, Route, Unsayable, WireError};

/// Bytes of a header.
pub const HEADER: usize = 12;

/// The code of a ping and of its acknowledgement (go-iproto's `MessagePing`).
pub const PING: u32 = 0xff00;

/// The code of the shutdown handshake (go-iproto's `MessageShutdown`).
pub const SHUTDOWN: u32 = 0xff01;

/// The largest body by default: go-iproto's `SizeLimit`, from its README.
pub const MAX_MESSAGE: usize = 100_000_000;

/// The first sync of our dialling side. go-iproto counts from 1 on both sides, so two calls with the same code
/// that cross would answer each other; ranges of our own keep them apart.
pub const FIRST_SYNC_DIALLING: u32 = 0x4000_0000;

/// The first sync of our accepting side; see [`FIRST_SYNC_DIALLING`].
pub const FIRST_SYNC_ACCEPTING: u32 = 0x8000_0000;

/// What iproto can say.
pub const PROFILE: Profile = Profile {
    name: "iproto",
    speaks_with: "go-iproto",
    pairing: Pairing::Matched,
    ids: IdSpace {
        dialling: (FIRST_SYNC_DIALLING as u64, FIRST_SYNC_ACCEPTING as u64 - 1),
        accepting: (FIRST_SYNC_ACCEPTING as u64, u32::MAX as u64),
    },
    numbers: true,
    names: false,
    notify: true,
    faults: false,
    streams: false,
    credit: false,
    cancel: false,
    ping: true,
    drain: true,
    deadline: false,
    metadata: false,
    interleaves: false,
    stateful: false,
};

/// One packet, for those who want the bare codec without an engine.
///
/// ```
/// use bytes::BytesMut;
/// use trunkline_wire::iproto::{MAX_MESSAGE, Packet};
///
/// let mut stream = BytesMut::new();
/// Packet::new(7, 33, "abc").encode(&mut stream)?;
/// assert_eq!(&stream[..], b"\x07\0\0\0\x03\0\0\0\x21\0\0\0abc");
///
/// let packet = Packet::decode(&mut stream, MAX_MESSAGE)?.expect("a whole packet");
/// assert_eq!(packet.reply("ok"), Packet::new(7, 33, "ok"));
/// assert_eq!(Packet::decode(&mut stream, MAX_MESSAGE)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The message code.
    pub code: u32,
    /// The correlation number; 0 in notifications.
    pub sync: u32,
    /// The body. Its length is never set by hand.
    pub body: Bytes,
}

impl Packet {
    /// A packet from its parts.
    pub fn new(code: u32, sync: u32, body: impl Into<Bytes>) -> Self {
        Self { code, sync, body: body.into() }
    }

    /// The answer to this packet: the same code and sync with another body.
    pub fn reply(&self, body: impl Into<Bytes>) -> Self {
        Self::new(self.code, self.sync, body)
    }

    /// Appends the packet to a stream.
    ///
    /// # Errors
    /// When the body is longer than the header can say (4 GiB - 1); nothing is appended then.
    pub fn encode(&self, stream: &mut BytesMut) -> Result<(), EncodeError> {
        stream.extend_from_slice(&header(self.code, bound(usize::MAX).leaving(self.body.len())?, self.sync));
        stream.extend_from_slice(&self.body);
        Ok(())
    }

    /// Takes a packet from the front of a stream; `None` while it is not all there.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] as soon as the header announces more than `max_message` bytes.
    pub fn decode(stream: &mut BytesMut, max_message: usize) -> Result<Option<Self>, WireError> {
        let Some(head) = stream.first_chunk().copied() else { return Ok(None) };
        let Header { code, len, sync } = Header::read(&head, bound(max_message))?;
        if stream.len().saturating_sub(HEADER) < len {
            return Ok(None);
        }
        stream.advance(HEADER);
        Ok(Some(Self { code, sync, body: stream.split_to(len).freeze() }))
    }
}

struct Header {
    code: u32,
    len: usize,
    sync: u32,
}

impl Header {
    #[inline]
    fn read(bytes: &[u8; HEADER], bound: Bound) -> Result<Self, WireError> {
        let [c0, c1, c2, c3, l0, l1, l2, l3, s0, s1, s2, s3] = *bytes;
        Ok(Self {
            code: u32::from_le_bytes([c0, c1, c2, c3]),
            len: bound.arriving(u32::from_le_bytes([l0, l1, l2, l3]).into())?,
            sync: u32::from_le_bytes([s0, s1, s2, s3]),
        })
    }
}

#[inline]
fn header(code: u32, len: u32, sync: u32) -> [u8; HEADER] {
    let [c0, c1, c2, c3] = code.to_le_bytes();
    let [l0, l1, l2, l3] = len.to_le_bytes();
    let [s0, s1, s2, s3] = sync.to_le_bytes();
    [c0, c1, c2, c3, l0, l1, l2, l3, s0, s1, s2, s3]
}

fn bound(max_message: usize) -> Bound {
    Bound::new("message", max_message, "max_message").within(u32::MAX.into(), "len")
}

/// Makes the body that stands for a fault: the wire has no error packet. `None` is silence.
pub type FaultBody = fn(&Fault) -> Option<Bytes>;

/// The dialect. By default a fault is silence, as in go-iproto.
#[derive(Clone, Copy, Debug, Default)]
pub struct Iproto {
    fault_body: Option<FaultBody>,
}

impl Iproto {
    /// iproto as go-iproto speaks it.
    #[must_use]
    pub const fn new() -> Self {
        Self { fault_body: None }
    }

    /// Faults go out as the body that `make` gives them; where it gives none, as silence.
    #[must_use]
    pub const fn fault_body(mut self, make: FaultBody) -> Self {
        self.fault_body = Some(make);
        self
    }
}

impl Dialect for Iproto {
    fn profile(&self) -> &'static Profile {
        &PROFILE
    }

    fn start(&self, _: Side, limits: &Limits) -> Codec {
        let bound = bound(limits.max_message);
        Codec {
            encoder: Box::new(Encoder { bound, fault_body: self.fault_body }),
            decoder: Box::new(Decoder { bound }),
            layer: None,
        }
    }
}

#[derive(Debug)]
struct Encoder {
    bound: Bound,
    fault_body: Option<FaultBody>,
}

impl Encoder {
    #[inline]
    fn put(&self, route: &Route, sync: Id, body: &Bytes, output: &mut Output) -> Result<(), EncodeError> {
        let Some(code) = route.number() else {
            return Err(unsayable("request", ": the route has no number, and iproto has no names"));
        };
        let Ok(sync) = u32::try_from(sync.0) else {
            return Err(unsayable("request", ": the id does not fit the 32 bits of sync"));
        };
        output.put(&header(code, self.bound.leaving(body.len())?, sync));
        output.put_body(body);
        Ok(())
    }
}

fn unsayable(verb: &'static str, why: &'static str) -> EncodeError {
    EncodeError::Unsayable(Unsayable { dialect: PROFILE.name, verb, why })
}

impl Encode for Encoder {
    fn encode(&mut self, message: &Message, output: &mut Output) -> Result<(), EncodeError> {
        match message {
            Message::Request { id, route, body, .. } | Message::Reply { id, route, body } => {
                self.put(route, *id, body, output)
            }
            Message::Notify { route, body, .. } => self.put(route, Id(0), body, output),
            Message::Fault { id, route, fault } => match self.fault_body.and_then(|make| make(fault)) {
                Some(body) => self.put(route, *id, &body, output),
                None => Err(unsayable("fault", ": set `fault_body` to give faults a body")),
            },
            // The acknowledgement of a ping is the ping itself, with its sync and without its data.
            Message::Ping { id, .. } | Message::Pong { id } => {
                self.put(&Route::Number(PING), *id, &Bytes::new(), output)
            }
            Message::Drain(_) => self.put(&Route::Number(SHUTDOWN), Id(0), &Bytes::new(), output),
            Message::Item { .. }
            | Message::End { .. }
            | Message::Reset { .. }
            | Message::Cancel { .. }
            | Message::Credit { .. } => Err(unsayable(message.verb(), "")),
        }
    }

    fn shared_key(&self) -> Option<SharedKey> {
        Some(SharedKey(u64::from_le_bytes(*b"iproto\0\0")))
    }
}

#[derive(Debug)]
struct Decoder {
    bound: Bound,
}

impl Decode for Decoder {
    #[inline]
    fn decode(&mut self, input: &mut Input) -> Result<Decoded, WireError> {
        let Some(head) = input.peek() else { return Ok(Decoded::More(HEADER)) };
        let Header { code, len, sync } = Header::read(head, self.bound)?;
        let whole = HEADER.saturating_add(len);
        if input.remaining().len() < whole {
            return Ok(Decoded::More(whole));
        }
        input.advance(HEADER);
        let (id, route, body) = (Id(sync.into()), Route::Number(code), input.take(len));
        Ok(Decoded::Message(match code {
            PING => Message::Ping { id, route, body },
            SHUTDOWN => Message::Drain(Box::new(Drain { last: None, id, route, body })),
            _ if sync == 0 => Message::notify(route, body),
            _ => Message::request(id, route, body),
        }))
    }
}
