//! The one vocabulary that all dialects translate to.
//!
//! Messages are made by constructors; rare parts are boxed, so that a message stays within 96 bytes and moves
//! through queues cheaply. The enum is deliberately exhaustive: a new verb must stop the build at every match
//! that has to learn it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

/// The number of a call or stream on one connection, as its dialect spells it.
///
/// iproto has 32 bits (`sync`), the others 64. Zero is never given to a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// The name of a route: UTF-8 text, cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Bytes);

impl Name {
    /// A name that costs no allocation.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        Self(Bytes::from_static(name.as_bytes()))
    }

    /// A name from bytes that arrived; `None` when they are not UTF-8.
    #[must_use]
    pub fn from_utf8(bytes: Bytes) -> Option<Self> {
        std::str::from_utf8(&bytes).is_ok().then_some(Self(bytes))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Both constructors check; an empty name is the honest answer to the impossible.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl From<&'static str> for Name {
    fn from(name: &'static str) -> Self {
        Self::from_static(name)
    }
}

impl From<String> for Name {
    fn from(name: String) -> Self {
        Self(Bytes::from(name))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a request is for: a number, a name, or both. Each dialect uses the form it can say.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Route {
    /// Known by number only (iproto's message code).
    Number(u32),
    /// Known by name only (simple-rpc's type, gorpc's Dispatcher name).
    Name(Name),
    /// Known by both, so that every dialect can reach it.
    Both(u32, Name),
}

impl Route {
    /// The route of dialects that have none (packet): number zero.
    pub const NONE: Self = Self::Number(0);

    /// The number, where there is one.
    #[must_use]
    pub const fn number(&self) -> Option<u32> {
        match self {
            Self::Number(number) | Self::Both(number, _) => Some(*number),
            Self::Name(_) => None,
        }
    }

    /// The name, where there is one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) | Self::Both(_, name) => Some(name.as_str()),
            Self::Number(_) => None,
        }
    }
}

impl From<u32> for Route {
    fn from(number: u32) -> Self {
        Self::Number(number)
    }
}

impl From<&'static str> for Route {
    fn from(name: &'static str) -> Self {
        Self::Name(Name::from_static(name))
    }
}

impl From<String> for Route {
    fn from(name: String) -> Self {
        Self::Name(Name::from(name))
    }
}

impl From<(u32, &'static str)> for Route {
    fn from((number, name): (u32, &'static str)) -> Self {
        Self::Both(number, Name::from_static(name))
    }
}

impl From<&Self> for Route {
    fn from(route: &Self) -> Self {
        route.clone()
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            // A peer may choose a name: it is escaped, so that one line stays one line.
            Self::Name(name) => write!(f, "{}", name.as_str().escape_debug()),
            Self::Both(number, name) => write!(f, "{number} ({})", name.as_str().escape_debug()),
        }
    }
}

/// Why a call was answered with "no": the sixteen canonical error codes of gRPC, by their numbers there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are gRPC's and documented there")]
pub enum Code {
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

impl Code {
    /// Every code, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::Cancelled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    /// The code with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.number() == number)
    }

    /// gRPC's number of the code.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// An answer that says no. It crosses the wire where the dialect has a way to say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of no.
    pub code: Code,
    /// For people; the caller sees it.
    pub message: Name,
    /// For programs; empty unless both sides agreed on a meaning.
    pub details: Bytes,
    /// The handler was never started: safe to repeat elsewhere.
    pub refused: bool,
    /// For our own log only: it never crosses the wire.
    pub internal: Option<Box<str>>,
}

impl Fault {
    /// A fault with a code and a message for the caller.
    pub fn new(code: Code, message: impl Into<Name>) -> Self {
        Self { code, message: message.into(), details: Bytes::new(), refused: false, internal: None }
    }

    /// A fault that says the handler was not started and the call may be repeated elsewhere.
    pub fn refused(code: Code, message: impl Into<Name>) -> Self {
        Self { refused: true, ..Self::new(code, message) }
    }

    /// The same fault with details for programs.
    #[must_use]
    pub fn with_details(mut self, details: Bytes) -> Self {
        self.details = details;
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.code, self.message.as_str().escape_debug())
    }
}

/// So that `?` works in a handler: the caller hears "internal error", the log hears the rest.
///
/// This is why `Fault` itself is not a [`std::error::Error`].
impl<E: std::error::Error + Send + Sync + 'static> From<E> for Fault {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        Self { internal: Some(text.into()), ..Self::new(Code::Internal, "internal error") }
    }
}

/// Key and value pairs beside a body.
pub type Metadata = Vec<(Name, Bytes)>;

/// What travels beside a body where the dialect can carry it: boxed, because most messages have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extra {
    /// The time the caller still grants, measured when the message was encoded.
    pub remaining: Option<Duration>,
    /// Small metadata, W3C trace context among it.
    pub metadata: Metadata,
}

/// What a drain notice carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// The last request that will be served, where the dialect says it (trunk's second step).
    pub last: Option<Id>,
    /// The id under which it came (iproto: its sync), for matched pairing.
    pub id: Id,
    /// The code under which it came (iproto: 0xff01), for matched pairing.
    pub route: Route,
    /// Data that came along, for matched pairing.
    pub body: Bytes,
}

/// One message, whatever the dialect.
///
/// Reply, Fault, Item and End carry id *and* route, because iproto echoes the code and simple-rpc the route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The only opening verb: by its route the receiver decides whether one reply or many items answer it.
    Request {
        /// The number that the answers will carry.
        id: Id,
        /// What is asked for.
        route: Route,
        /// The question.
        body: Bytes,
        /// Remaining time and metadata.
        extra: Option<Box<Extra>>,
    },
    /// The one answer to a request.
    Reply {
        /// The request's number.
        id: Id,
        /// The request's route.
        route: Route,
        /// The answer.
        body: Bytes,
    },
    /// The answer that says no.
    Fault {
        /// The request's number.
        id: Id,
        /// The request's route.
        route: Route,
        /// Why.
        fault: Box<Fault>,
    },
    /// A message that wants no answer.
    Notify {
        /// What it is about.
        route: Route,
        /// What it says.
        body: Bytes,
        /// Metadata.
        extra: Option<Box<Extra>>,
    },
    /// One message of a stream.
    Item {
        /// The stream's number.
        id: Id,
        /// The stream's route.
        route: Route,
        /// What it says.
        body: Bytes,
    },
    /// The sender of this will send no more items.
    End {
        /// The stream's number.
        id: Id,
        /// The stream's route.
        route: Route,
    },
    /// The stream ends at once, both ways.
    Reset {
        /// The stream's number.
        id: Id,
        /// Why.
        code: Code,
    },
    /// The caller no longer wants the answer.
    Cancel {
        /// The request's number.
        id: Id,
    },
    /// The receiver may be sent more.
    Credit {
        /// One stream, or (`None`) the connection as a whole.
        id: Option<Id>,
        /// Bytes.
        amount: u32,
    },
    /// "Are you there?" Route and body are for matched pairing: on iproto this may be the answer to a call.
    Ping {
        /// The token to come back.
        id: Id,
        /// The code it came under (iproto: 0xff00).
        route: Route,
        /// Data that came along.
        body: Bytes,
    },
    /// "I am here."
    Pong {
        /// The ping's token.
        id: Id,
    },
    /// "I shall start nothing new."
    Drain(Box<Drain>),
}

impl Message {
    /// A question.
    #[must_use]
    pub fn request(id: Id, route: Route, body: Bytes) -> Self {
        Self::Request { id, route, body, extra: None }
    }

    /// An answer.
    #[must_use]
    pub fn reply(id: Id, route: Route, body: Bytes) -> Self {
        Self::Reply { id, route, body }
    }

    /// An answer that says no.
    #[must_use]
    pub fn fault(id: Id, route: Route, fault: Fault) -> Self {
        Self::Fault { id, route, fault: Box::new(fault) }
    }

    /// A notification.
    #[must_use]
    pub fn notify(route: Route, body: Bytes) -> Self {
        Self::Notify { route, body, extra: None }
    }

    /// The verb, for errors and logs.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Request { .. } => "request",
            Self::Reply { .. } => "reply",
            Self::Fault { .. } => "fault",
            Self::Notify { .. } => "notify",
            Self::Item { .. } => "item",
            Self::End { .. } => "end",
            Self::Reset { .. } => "reset",
            Self::Cancel { .. } => "cancel",
            Self::Credit { .. } => "credit",
            Self::Ping { .. } => "ping",
            Self::Pong { .. } => "pong",
            Self::Drain(_) => "drain",
        }
    }

    /// The body, where the verb has one.
    #[must_use]
    pub const fn body(&self) -> Option<&Bytes> {
        match self {
            Self::Request { body, .. }
            | Self::Reply { body, .. }
            | Self::Notify { body, .. }
            | Self::Item { body, .. }
            | Self::Ping { body, .. } => Some(body),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_small() {
        assert!(size_of::<Message>() <= 96, "{} bytes", size_of::<Message>());
    }

    #[test]
    fn codes_are_grpcs() {
        for code in Code::ALL {
            assert_eq!(Code::from_number(code.number()), Some(code));
        }
        assert_eq!(Code::from_number(0), None, "zero is gRPC's OK, not an error");
        assert_eq!(Code::from_number(17), None);
    }

    #[test]
    fn a_name_of_a_peer_cannot_break_a_line() {
        let route = Route::from(String::from("a\nb"));
        assert_eq!(route.to_string(), "a\\nb");
    }
}
