//! What a user's `await` returns when it does not return a value.
//!
//! An [`Error`] says what went wrong, who was the cause, where, and, above all, what is known about the execution of
//! the call: [`Error::outcome`].

use std::fmt;
use std::sync::Arc;

use trunkline_engine::{CloseReason, Failure, FailureKind, Outcome};
use trunkline_wire::{EncodeError, Fault, Route, Unsayable};

/// An operation that failed. One word wide; never crosses the wire.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: ErrorKind,
    outcome: Outcome,
    address: Option<String>,
    route: Option<Route>,
}

/// What went wrong.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The peer's handler, or the peer itself, said no.
    Fault(Fault),
    /// The deadline passed (go-iproto's `ErrTimeout`).
    Timeout,
    /// The caller gave up.
    Cancelled,
    /// The connection ended (go-iproto's `ErrDroppedConn`).
    Closed(Arc<CloseReason>),
    /// The connection is draining: nothing new begins on it (go-iproto's `ErrStopped`).
    Draining,
    /// Too much waits to be sent.
    Full {
        /// Bytes that wait.
        waiting: usize,
        /// The limit in bytes, setting `lane_bytes`.
        limit: usize,
    },
    /// Too many calls wait for their answer.
    TooManyPending {
        /// The limit, setting `max_pending`.
        limit: usize,
    },
    /// The dialect cannot say it, or it is too large.
    Encode(EncodeError),
    /// The answer's body is not what was asked for.
    Decode(Fault),
    /// The connection was taken over for another protocol (go-iproto's `ErrHijacked`).
    Hijacked,
    /// The client was drained or closed: nothing new begins (`ErrClosed` of go-iproto's dialler).
    ClientClosed,
    /// User code of a dial panicked: the resolver, the dialler or the peer hook, as named (go-iproto's `ErrTaskPanic`).
    DialPanicked(&'static str),
    /// No connection could be made.
    Connect(Arc<std::io::Error>),
    /// No connection was available in time (go-iproto's `ErrNoChannel`).
    NoPeer,
    /// No connection is up and the client was told not to wait (go-iproto's `ErrCutoff`).
    Offline,
    /// Over the client's rate limit, or the call's turn would come after its deadline (go-iproto's `RateError`).
    RateLimited,
    /// A new attempt to connect came too soon after the last (go-iproto's `ErrThrottled`).
    DialThrottled,
    /// The client has as many connections as it may (go-iproto's `ErrPoolFull`).
    PoolFull,
    /// An address that cannot be used.
    Address(String),
    /// Settings that contradict each other.
    Config(String),
    /// The transport failed outside of a call.
    Io(Arc<std::io::Error>),
}

/// Who was the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// This process: a deadline, a limit, a mistake in the call.
    Us,
    /// The other end.
    Peer,
    /// Something between.
    Network,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, outcome: Outcome) -> Self {
        Self(Arc::new(Inner { kind, outcome, address: None, route: None }))
    }

    /// An error before anything was sent.
    pub(crate) fn not_sent(kind: ErrorKind) -> Self {
        Self::new(kind, Outcome::NotSent)
    }

    pub(crate) fn fault(fault: Fault) -> Self {
        let outcome = if fault.refused { Outcome::Refused } else { Outcome::Answered };
        Self::new(ErrorKind::Fault(fault), outcome)
    }

    pub(crate) fn at(mut self, address: &str, route: Option<&Route>) -> Self {
        let inner = Arc::make_mut(&mut self.0);
        inner.address.get_or_insert_with(|| address.to_owned());
        if inner.route.is_none() {
            inner.route = route.cloned();
        }
        self
    }

    /// The same error, with what is known of more than one attempt.
    pub(crate) fn with_outcome(mut self, outcome: Outcome) -> Self {
        Arc::make_mut(&mut self.0).outcome = outcome;
        self
    }

    /// The error of a call to this route.
    pub(crate) fn called(mut self, route: Option<&Route>) -> Self {
        if self.0.route.is_none() {
            Arc::make_mut(&mut self.0).route = route.cloned();
        }
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// What is known about the execution of the call.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.0.outcome
    }

    /// The fault that the peer answered with, if it did.
    #[must_use]
    pub fn as_fault(&self) -> Option<&Fault> {
        match self.kind() {
            ErrorKind::Fault(fault) => Some(fault),
            _ => None,
        }
    }

    /// The deadline passed.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind(), ErrorKind::Timeout)
    }

    /// The connection ended or is about to.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::Closed(_) | ErrorKind::Draining | ErrorKind::Hijacked | ErrorKind::ClientClosed
        )
    }

    /// The dialect has no words for it.
    #[must_use]
    pub fn is_unsayable(&self) -> bool {
        matches!(self.kind(), ErrorKind::Encode(EncodeError::Unsayable(_)))
    }

    pub(crate) fn unsayable(dialect: &'static str, verb: &'static str, why: &'static str) -> Self {
        Self::not_sent(ErrorKind::Encode(EncodeError::Unsayable(Unsayable { dialect, verb, why })))
    }

    /// The call was certainly not executed, so repeating cannot execute it twice.
    #[must_use]
    pub fn is_safe_to_repeat(&self) -> bool {
        self.outcome().is_safe_to_repeat()
    }

    /// The address of the peer, where one was chosen.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.0.address.as_deref()
    }

    /// The route that was called, where there was one.
    #[must_use]
    pub fn route(&self) -> Option<&Route> {
        self.0.route.as_ref()
    }

    /// Who was the cause.
    #[must_use]
    pub fn who(&self) -> Who {
        match self.kind() {
            ErrorKind::Fault(_) | ErrorKind::Decode(_) => Who::Peer,
            ErrorKind::Connect(_) | ErrorKind::Io(_) | ErrorKind::NoPeer | ErrorKind::Offline => Who::Network,
            ErrorKind::Closed(reason) => match &**reason {
                CloseReason::Local
                | CloseReason::Drained
                | CloseReason::Hijacked
                | CloseReason::Internal(_) => Who::Us,
                CloseReason::Io(_) => Who::Network,
                _ => Who::Peer,
            },
            _ => Who::Us,
        }
    }
}

/// A hook may say no in its own words.
impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::fault(fault)
    }
}

impl From<Failure> for Error {
    fn from(Failure { outcome, kind }: Failure) -> Self {
        let kind = match kind {
            FailureKind::Timeout => ErrorKind::Timeout,
            FailureKind::Cancelled => ErrorKind::Cancelled,
            FailureKind::Closed(reason) if *reason == CloseReason::Hijacked => ErrorKind::Hijacked,
            FailureKind::Closed(reason) => ErrorKind::Closed(reason),
            FailureKind::Draining => ErrorKind::Draining,
            FailureKind::Full { waiting, limit } => ErrorKind::Full { waiting, limit },
            FailureKind::TooManyPending { limit } => ErrorKind::TooManyPending { limit },
            FailureKind::Encode(error) => ErrorKind::Encode(error),
            other => ErrorKind::Config(other.to_string()),
        };
        Self::new(kind, outcome)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => write!(f, "the peer answered with a fault: {fault}"),
            Self::Timeout => f.write_str("the deadline passed"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Closed(reason) => write!(f, "the connection ended: {reason}"),
            Self::Draining => f.write_str("draining: nothing new begins"),
            Self::Full { waiting, limit } => {
                write!(f, "{waiting} bytes wait to be sent, over the limit of {limit} (setting `lane_bytes`)")
            }
            Self::TooManyPending { limit } => {
                write!(f, "{limit} calls wait for an answer on one connection (setting `max_pending`)")
            }
            Self::Encode(error) => error.fmt(f),
            Self::Decode(fault) => write!(f, "the answer cannot be read: {fault}"),
            Self::Hijacked => f.write_str("the connection was taken over for another protocol"),
            Self::ClientClosed => f.write_str("the client was drained or closed: nothing new begins"),
            Self::DialPanicked(whose) => write!(f, "cannot connect: the {whose} panicked"),
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::NoPeer => f.write_str("no connection was available in time (setting `wait_timeout`)"),
            Self::Offline => f.write_str("no connection is up (setting `offline` says not to wait for one)"),
            Self::RateLimited => f.write_str("over the rate limit (setting `rate_limit`)"),
            Self::DialThrottled => {
                f.write_str("a new connection was tried too soon (setting `dial_throttle`)")
            }
            Self::PoolFull => f.write_str("the client has as many connections as it may (setting `size`)"),
            Self::Address(what) | Self::Config(what) => f.write_str(what),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.kind.fmt(f)?;
        if let Some(route) = &self.0.route {
            write!(f, ", calling {route}")?;
        }
        if let Some(address) = &self.0.address {
            write!(f, " at {address}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self}; outcome: {})", self.outcome())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.kind() {
            ErrorKind::Connect(error) | ErrorKind::Io(error) => Some(error),
            ErrorKind::Closed(reason) => Some(reason),
            _ => None,
        }
    }
}
