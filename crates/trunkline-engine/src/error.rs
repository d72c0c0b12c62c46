//! How calls and connections end.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use trunkline_wire::{EncodeError, WireError};

/// What is known about a call that was not answered. Every operation ends exactly once, as one of these or
/// with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A reply or a fault arrived: the peer executed the call, once per attempt.
    Answered,
    /// No byte was handed to the transport and none ever will be. Repeating is safe.
    NotSent,
    /// The peer said that it did not start. Repeating is safe.
    Refused,
    /// Anything else: the peer may have executed the call, or not.
    Unknown,
}

impl Outcome {
    /// Whether the peer certainly did not execute it, so that repeating cannot do it twice.
    #[must_use]
    pub const fn is_safe_to_repeat(self) -> bool {
        matches!(self, Self::NotSent | Self::Refused)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answered => "answered",
            Self::NotSent => "not sent",
            Self::Refused => "refused",
            Self::Unknown => "unknown: the peer may have executed it",
        })
    }
}

/// Why an operation ended without an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FailureKind {
    /// The deadline passed.
    #[error("the deadline passed")]
    Timeout,
    /// The caller gave up.
    #[error("cancelled by the caller")]
    Cancelled,
    /// The connection ended.
    #[error("the connection ended: {0}")]
    Closed(Arc<CloseReason>),
    /// The connection is draining: it starts nothing new.
    #[error("the connection is draining")]
    Draining,
    /// The outbox is full, and the form that was used does not wait.
    #[error("{waiting} bytes wait to be sent, over the limit of {limit} (setting `lane_bytes`)")]
    Full {
        /// Bytes that wait.
        waiting: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Too many calls wait for an answer.
    #[error("{limit} calls wait for an answer on this connection (setting `max_pending`)")]
    TooManyPending {
        /// The limit.
        limit: usize,
    },
    /// The message cannot be encoded: the dialect has no words for it, or it is too large.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// An operation that ended without an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct Failure {
    /// What is known about its execution.
    pub outcome: Outcome,
    /// Why.
    pub kind: FailureKind,
}

impl Failure {
    pub(crate) const fn not_sent(kind: FailureKind) -> Self {
        Self { outcome: Outcome::NotSent, kind }
    }
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// We closed it on request.
    #[error("closed by us")]
    Local,
    /// Both sides finished what they had begun.
    #[error("drained")]
    Drained,
    /// The drain ran into its time limit; what was unfinished was cut.
    #[error(
        "the drain did not finish within {limit:?} (setting `drain_timeout`): {pending} calls and {owed} answers were cut"
    )]
    DrainTimeout {
        /// The time limit.
        limit: Duration,
        /// Calls of ours that waited.
        pending: usize,
        /// Answers of ours that were not ready.
        owed: usize,
    },
    /// The connection was taken over with `hijack`.
    #[error("taken over")]
    Hijacked,
    /// The peer closed, and nobody waited for it.
    #[error("closed by the peer")]
    Peer,
    /// The peer closed while calls waited for its answer.
    #[error("closed by the peer while {pending} calls waited")]
    PeerLost {
        /// How many calls waited.
        pending: usize,
    },
    /// The peer sent bytes that can never be a message, or one that is too large.
    #[error("the peer broke the protocol: {0}")]
    Wire(#[from] WireError),
    /// The peer sent a message that makes no sense now.
    #[error("the peer broke the protocol: {0}")]
    Violation(&'static str),
    /// The peer did not answer a ping, and nothing else came from it either.
    #[error("no sign of life from the peer for {silent:?} (setting `ping_interval` is {interval:?})")]
    PingTimeout {
        /// Since the last byte or the ping, whichever is later.
        silent: Duration,
        /// The interval between pings.
        interval: Duration,
    },
    /// Nothing was received and nothing was sent for too long.
    #[error("idle for {limit:?} (setting `idle_timeout`)")]
    Idle {
        /// The limit.
        limit: Duration,
    },
    /// The peer sends a message so slowly that it holds memory for nothing.
    #[error(
        "the peer sent {have} bytes of a message in {elapsed:?}, slower than 1 KiB/s after {grace:?} (setting `slow_message_grace`)"
    )]
    TooSlow {
        /// Bytes that arrived.
        have: usize,
        /// Since the first of them.
        elapsed: Duration,
        /// The time that any message is granted.
        grace: Duration,
    },
    /// The peer does not read what we send.
    #[error("the peer took no byte for {limit:?} (setting `write_stall_timeout`); {waiting} bytes wait")]
    WriteStalled {
        /// The limit.
        limit: Duration,
        /// Bytes that wait.
        waiting: usize,
    },
    /// The peer causes more than it may.
    #[error("{what} of this peer: {value}, over the limit of {limit} (setting `{setting}`)")]
    Overload {
        /// What there is too much of.
        what: &'static str,
        /// How much there was.
        value: usize,
        /// The limit.
        limit: usize,
        /// The setting that moves the limit.
        setting: &'static str,
    },
    /// The transport failed.
    #[error("{0}")]
    Io(String),
    /// A defect on our side, such as an encoder that panicked.
    #[error("internal: {0}")]
    Internal(&'static str),
}

impl CloseReason {
    /// Whether something went wrong, as opposed to an end that somebody asked for.
    #[must_use]
    pub const fn is_error(&self) -> bool {
        !matches!(self, Self::Local | Self::Drained | Self::DrainTimeout { .. } | Self::Hijacked | Self::Peer)
    }

    /// A short fixed name, for metrics and logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Drained => "drained",
            Self::DrainTimeout { .. } => "drain_timeout",
            Self::Hijacked => "hijacked",
            Self::Peer => "peer",
            Self::PeerLost { .. } => "peer_lost",
            Self::Wire(_) => "wire",
            Self::Violation(_) => "violation",
            Self::PingTimeout { .. } => "ping_timeout",
            Self::Idle { .. } => "idle",
            Self::TooSlow { .. } => "too_slow",
            Self::WriteStalled { .. } => "write_stalled",
            Self::Overload { .. } => "overload",
            Self::Io(_) => "io",
            Self::Internal(_) => "internal",
        }
    }
}
