//! What a dialect gives: an encoder, a decoder, and sometimes a layer. No I/O, no state of a connection.
//!
//! A dialect is an object: connections of all dialects run through the same code, and a user's own dialect gets
//! calls, groups, TLS and statistics without more work.

use std::fmt::Debug;

use crate::{EncodeError, Input, Limits, Message, Output, Route, WireError};

/// Which end of the connection we are. Some dialects number or greet differently on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// We connected.
    Dialling,
    /// We were connected to.
    Accepting,
}

impl Side {
    /// The other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Dialling => Self::Accepting,
            Self::Accepting => Self::Dialling,
        }
    }
}

/// How a dialect tells an answer from a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// The wire says "this is an answer" and to which id.
    Tagged,
    /// Answers look like requests: what carries the route and id of a pending call answers it.
    Matched,
    /// There are no ids, so there are no calls.
    None,
}

/// The ids that each side gives to its own calls: inclusive ranges, [`IdSpace::NONE`] for a side that cannot call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdSpace {
    /// First and last id of the side that connected.
    pub dialling: (u64, u64),
    /// First and last id of the side that accepted.
    pub accepting: (u64, u64),
}

impl IdSpace {
    /// 64 bits, from 1, never reused in the life of a connection.
    pub const WIDE: Self = Self { dialling: (1, u64::MAX), accepting: (1, u64::MAX) };

    /// The range of a side that cannot call: empty, its first id beyond its last.
    pub const NONE: (u64, u64) = (1, 0);

    /// Whether that side can call at all.
    #[must_use]
    pub const fn can_call(&self, side: Side) -> bool {
        let (first, last) = self.of(side);
        first <= last
    }

    /// The range of one side.
    #[must_use]
    pub const fn of(&self, side: Side) -> (u64, u64) {
        match side {
            Side::Dialling => self.dialling,
            Side::Accepting => self.accepting,
        }
    }
}

/// What a dialect can say. One constant each; the table in `docs/dialects.md` is printed from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The dialect's name, which is also its URL scheme.
    pub name: &'static str,
    /// What it speaks with.
    pub speaks_with: &'static str,
    /// How answers are paired.
    pub pairing: Pairing,
    /// The ids of calls.
    pub ids: IdSpace,
    /// Routes can be numbers.
    pub numbers: bool,
    /// Routes can be names.
    pub names: bool,
    /// It can carry a message that wants no answer.
    pub notify: bool,
    /// It can carry an answer that says no.
    pub faults: bool,
    /// It can carry many answers to one request.
    pub streams: bool,
    /// It can carry how much a receiver can take.
    pub credit: bool,
    /// It can take a question back.
    pub cancel: bool,
    /// It can ask "are you there?".
    pub ping: bool,
    /// It can announce its end.
    pub drain: bool,
    /// It can carry the remaining time of a request.
    pub deadline: bool,
    /// It can carry metadata.
    pub metadata: bool,
    /// A body may be cut into pieces with other messages in between.
    pub interleaves: bool,
    /// The encoder remembers what it sent: everything must leave in the order in which it was encoded.
    pub stateful: bool,
}

impl Profile {
    /// Whether a route can be said: it has the form that this dialect knows. A dialect without routes does not mind.
    #[must_use]
    pub fn can_say(&self, route: &Route) -> bool {
        match (self.numbers, self.names) {
            (true, true) | (false, false) => true,
            (true, false) => route.number().is_some(),
            (false, true) => route.name().is_some(),
        }
    }

    /// Messages without routes or ids, such as length-prefixed packets: a start for a dialect of your own.
    pub const PACKETS: Self = Self {
        name: "packet",
        speaks_with: "anything that frames packets",
        pairing: Pairing::None,
        ids: IdSpace { dialling: IdSpace::NONE, accepting: IdSpace::NONE },
        numbers: false,
        names: false,
        notify: true,
        faults: false,
        streams: false,
        credit: false,
        cancel: false,
        ping: false,
        drain: false,
        deadline: false,
        metadata: false,
        interleaves: false,
        stateful: false,
    };
}

/// A name for "these encoders spell a message alike": peers with equal keys can share encoded bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SharedKey(pub u64);

/// How messages are spelled.
pub trait Dialect: Debug + Send + Sync + 'static {
    /// What it can say.
    fn profile(&self) -> &'static Profile;

    /// The two halves for a new connection.
    fn start(&self, side: Side, limits: &Limits) -> Codec;
}

/// The parts of one connection.
#[derive(Debug)]
pub struct Codec {
    /// Spells messages; owned by the engine, called under its lock, so it must be quick.
    pub encoder: Box<dyn Encode>,
    /// Reads messages; owned by the driver, called outside the lock.
    pub decoder: Box<dyn Decode>,
    /// Compression or the like, between codec and transport; owned by the driver.
    pub layer: Option<Box<dyn Layer>>,
}

/// Spells messages.
pub trait Encode: Debug + Send {
    /// Appends one message.
    ///
    /// # Errors
    /// When the dialect cannot say it or it is too large; then nothing stays appended.
    fn encode(&mut self, message: &Message, output: &mut Output) -> Result<(), EncodeError>;

    /// Whether [`encode`](Self::encode) would refuse a message, without encoding it: what waits as a message must not
    /// turn out to be unsayable later. Default: what the profile and the limits allow can be said.
    ///
    /// # Errors
    /// When it would.
    fn check(&self, _: &Message) -> Result<(), EncodeError> {
        Ok(())
    }

    /// Peers whose encoders return the same key are given the same bytes in a broadcast.
    fn shared_key(&self) -> Option<SharedKey> {
        None
    }
}

/// What a decoder found.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded {
    /// A whole message; there may be more.
    Message(Message),
    /// Not all here yet: ask again when at least this many bytes are there, counted from the same place.
    ///
    /// A hint for the size of the next read. It may announce what never comes, so nothing is allocated from it.
    More(usize),
}

/// Reads messages.
pub trait Decode: Debug + Send {
    /// Takes one message from the front of `input`, if it is all there.
    ///
    /// # Errors
    /// When the bytes can never become a message. The connection ends with that reason.
    fn decode(&mut self, input: &mut Input) -> Result<Decoded, WireError>;

    /// The stream ended, and this is what remained.
    ///
    /// # Errors
    /// [`WireError::Truncated`] when it ended inside a message.
    fn finish(&mut self, rest: &[u8]) -> Result<(), WireError> {
        if rest.is_empty() {
            return Ok(());
        }
        let want = match self.decode(&mut Input::new(rest.to_vec())) {
            Ok(Decoded::More(want)) => want,
            Ok(Decoded::Message(_)) => rest.len(),
            Err(error) => return Err(error),
        };
        Err(WireError::Truncated { have: rest.len(), want })
    }
}

/// Bytes to bytes, between codec and transport, as TLS would be: gorpc's handshake byte and deflate.
pub trait Layer: Debug + Send {
    /// Wraps `plain` and appends the result. Called for each slice of a write turn.
    ///
    /// # Errors
    /// When the layer cannot go on; the connection ends.
    fn wrap(&mut self, plain: &[u8], wrapped: &mut Vec<u8>) -> Result<(), WireError>;

    /// Ends a write turn: after these bytes the peer can decode everything that was wrapped.
    ///
    /// # Errors
    /// When the layer cannot go on; the connection ends.
    fn flush(&mut self, wrapped: &mut Vec<u8>) -> Result<(), WireError>;

    /// Unwraps from the front of `wrapped`, appending at most `max` bytes to `plain`.
    ///
    /// Called again with the rest until it neither takes nor gives anything.
    ///
    /// # Errors
    /// When the bytes are wrong; the connection ends.
    fn unwrap(&mut self, wrapped: &mut &[u8], plain: &mut Vec<u8>, max: usize) -> Result<(), WireError>;
}
