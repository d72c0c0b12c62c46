//! The hallway: owns every room, and carries what one says to the next.
//!
//! In: commands, messages, time. Out: [`Work`], write turns, deadlines. One match over every message that arrives,
//! a line or two per arm; what needs more is a room.
//!
//! The order of use, by a driver that owns the transport:
//!
//! ```text
//! loop {
//!     take(&mut output); write some of it; wrote(n)     until there is nothing to take
//!     read; heard(n); receive(messages, &mut work)
//!     wake work.wake, serve work.requests, answer(..) each
//!     sleep until deadline(); tick(&mut work)
//! }                                                     until closed() is Some
//! ```
//!
//! `T` is a token of the ring above, such as a waker: the engine stores it with a call and hands it back when the
//! call has ended. No user code runs in here, and nothing of the user's is dropped in here: bodies and messages that
//! are no longer needed are handed back.

mod arrivals;
mod commands;
mod turns;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use trunkline_wire::dialect::IdSpace;
use trunkline_wire::{
    Encode, EncodeError, Extra, Fault, Id, Message, Output, Pairing, Profile, Route, Side, Unsayable,
};

use crate::answers::Answers;
use crate::calls::Calls;
use crate::config::Config;
use crate::error::{CloseReason, Failure, FailureKind};
use crate::keepalive::Keepalive;
use crate::lifetime::{Lifetime, Phase};
use crate::outbox::{Outbox, Refusal, Remains, Ticket};
use crate::stats::Stats;

/// A request or notification that arrived.
#[derive(Debug)]
pub struct Incoming {
    /// The id to answer; `None` is a notification, whose reply handle is inert.
    pub id: Option<Id>,
    /// What it is for.
    pub route: Route,
    /// What it says.
    pub body: Bytes,
    /// Remaining time and metadata.
    pub extra: Option<Box<Extra>>,
}

/// What the ring above has to do after a section under the lock.
#[derive(Debug)]
pub struct Work<T> {
    /// Requests to serve, in arrival order.
    pub requests: Vec<Incoming>,
    /// Tokens of callers to wake.
    pub wake: Vec<T>,
    /// Bodies to drop outside the lock.
    pub drop: Vec<Bytes>,
}

impl<T> Default for Work<T> {
    fn default() -> Self {
        Self { requests: Vec::new(), wake: Vec::new(), drop: Vec::new() }
    }
}

/// An answer to a request of the peer.
#[derive(Debug)]
pub struct Answering {
    /// The request's id; `None` for a notification, whose answer is dropped.
    pub id: Option<Id>,
    /// The request's route.
    pub route: Route,
    /// Yes or no.
    pub result: Result<Bytes, Box<Fault>>,
}

/// Where an accepted one-way message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// In a lane.
    Queued,
    /// Waiting for room; see [`Connection::poll_ticket`].
    Waits(Ticket),
}

/// What to do when there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Wait in arrival order.
    Wait,
    /// Fail at once.
    Fail,
}

/// One live connection.
#[derive(Debug)]
pub struct Connection<T> {
    profile: &'static Profile,
    config: Arc<Config>,
    encoder: Box<dyn Encode>,
    calls: Calls<T>,
    answers: Answers,
    outbox: Outbox<T>,
    keepalive: Keepalive,
    lifetime: Lifetime,
    stats: Stats,
    /// Messages that arrived after a hijack, spelled again for the new owner.
    kept: Output,
    /// Since when something waits to be written, where a flush may wait.
    unflushed: Option<Instant>,
    /// A reply came while more than `replies_max` waited already.
    overdrawn: bool,
    /// Tokens that a command left over, for the driver to wake in its next section.
    orphans: Vec<T>,
}

impl<T> Connection<T> {
    /// A connection that has just been made.
    #[must_use]
    pub fn new(
        profile: &'static Profile,
        side: Side,
        config: Arc<Config>,
        encoder: Box<dyn Encode>,
        now: Instant,
    ) -> Self {
        // Where nothing pairs messages their order is all there is, so large ones are not overtaken.
        let one_lane = profile.stateful || profile.pairing == Pairing::None;
        let range = id_range(&profile.ids, side, config.first_id);
        Self {
            profile,
            encoder,
            calls: Calls::new(range, (config.tombstone_time, config.max_tombstones), now),
            answers: Answers::default(),
            outbox: Outbox::new(&config, one_lane),
            keepalive: Keepalive::new(&config, now),
            lifetime: Lifetime::new(config.drain_timeout, profile.drain),
            stats: Stats::default(),
            kept: Output::new(),
            unflushed: None,
            overdrawn: false,
            orphans: Vec::new(),
            config,
        }
    }

    /// The next instant at which [`tick`](Self::tick) has something to do. May be earlier than necessary, never later.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        if self.lifetime.closed().is_some() {
            return None;
        }
        let flush = self.unflushed.map(|since| since + self.config.flush_delay);
        [self.calls.deadline(), self.keepalive.deadline(), self.lifetime.deadline(), flush]
            .into_iter()
            .flatten()
            .min()
    }

    /// Where the connection is in its life.
    #[must_use]
    pub const fn phase(&self) -> &Phase {
        self.lifetime.phase()
    }

    /// Why the connection ended, if it has.
    #[must_use]
    pub fn closed(&self) -> Option<Arc<CloseReason>> {
        self.lifetime.closed()
    }

    /// Whether the driver should read: not while too much control waits, and not after the peer's end.
    #[must_use]
    pub fn wants_bytes(&self) -> bool {
        let silent = !(self.profile.drain || self.profile.faults && !self.profile.stateful);
        let drains = self.lifetime.is_hijacking() || silent && !self.lifetime.is_open();
        let stops = drains && self.calls.waiting() == 0;
        !(self.lifetime.has_ended() || self.outbox.control_is_full() || stops)
    }

    /// Whether requests should be started: not while the peer does not read our replies.
    #[must_use]
    pub fn wants_requests(&self) -> bool {
        self.outbox.replies() < self.config.replies_pause
    }

    /// Whether another write turn would carry anything.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.outbox.has_next()
    }

    /// What the dialect can say.
    #[must_use]
    pub const fn profile(&self) -> &'static Profile {
        self.profile
    }

    /// Calls that wait for their answer.
    #[must_use]
    pub const fn pending(&self) -> usize {
        self.calls.waiting()
    }

    /// Answers we owe.
    #[must_use]
    pub const fn owed(&self) -> usize {
        self.answers.owed()
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub const fn queued(&self) -> usize {
        self.outbox.len()
    }

    /// The counters.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Counts what the ring above decided: requests it refused, and requests for routes that do not exist.
    pub const fn count(&mut self, refused: u64, unknown_routes: u64) {
        self.stats.refused += refused;
        self.stats.unknown_routes += unknown_routes;
    }

    /// Gives memory back; for a connection that falls idle.
    pub fn release(&mut self) {
        self.calls.release();
        self.outbox.release();
    }

    /// What is left to drop once the connection is over, to be dropped outside the lock.
    pub fn remains(&mut self) -> impl Sized + use<T> {
        let remains: Remains = self.outbox.remains();
        remains
    }

    /// A dialect without a word for draining, but with one for "no", says it to each later request.
    const fn refuses_while_draining(&self) -> bool {
        !self.lifetime.is_open() && !self.profile.drain && self.profile.faults && !self.profile.stateful
    }

    fn alive(&self) -> Result<(), Failure> {
        match self.lifetime.closed() {
            Some(reason) => Err(Failure::not_sent(FailureKind::Closed(reason))),
            None => Ok(()),
        }
    }

    /// Whether something new may begin.
    #[inline]
    fn admit(&self, message: &Message) -> Result<(), Failure> {
        if !self.lifetime.is_open() {
            self.alive()?;
            return Err(Failure::not_sent(FailureKind::Draining));
        }
        self.check(message)
    }

    /// What can be known before the encoder is asked: a message in a message lane must not fail later.
    #[inline]
    fn check(&self, message: &Message) -> Result<(), Failure> {
        let len = message.body().map_or(0, Bytes::len);
        let limit = self.config.limits.max_message;
        if len > limit {
            return Err(Failure::not_sent(
                EncodeError::TooLarge {
                    what: "message",
                    value: len as u64,
                    limit: limit as u64,
                    setting: "max_message",
                }
                .into(),
            ));
        }
        let (Message::Request { route, .. } | Message::Notify { route, .. }) = message else { return Ok(()) };
        if !self.profile.can_say(route) {
            let why =
                if self.profile.numbers { ": the route has no number" } else { ": the route has no name" };
            return Err(self.unsayable(message.verb(), why));
        }
        if matches!(message, Message::Notify { .. }) && !self.profile.notify {
            return Err(self.unsayable("notify", ""));
        }
        Ok(())
    }

    fn unsayable(&self, verb: &'static str, why: &'static str) -> Failure {
        let dialect = self.profile.name;
        Failure::not_sent(EncodeError::Unsayable(Unsayable { dialect, verb, why }).into())
    }

    fn refused(&mut self, refusal: Refusal) -> Failure {
        Failure::not_sent(match refusal {
            Refusal::Full => {
                FailureKind::Full { waiting: self.outbox.lane_len(), limit: self.config.lane_bytes }
            }
            Refusal::Encode(error) => error.into(),
            Refusal::Broken => {
                self.broken();
                FailureKind::Closed(Arc::new(CloseReason::Internal("an encoder panicked")))
            }
        })
    }

    /// The encoder panicked: what it appended cannot be trusted. Nobody is woken here; the driver is, and closes.
    fn broken(&mut self) {
        let mut work = Work::default();
        self.close(CloseReason::Internal("an encoder panicked"), &mut work);
        self.orphans.append(&mut work.wake);
    }
}

/// The ids of our calls: first and last of the range, and the one to start with.
fn id_range(space: &IdSpace, side: Side, first: Option<u64>) -> (u64, u64, u64) {
    let (from, to) = space.of(side);
    match first {
        // A first id of the user's own takes the whole space, so that counting never gets stuck at its end: the scripts
        // of go-iproto count from 1.
        Some(first) => {
            let last = space.dialling.1.max(space.accepting.1);
            (1, last, first.clamp(1, last))
        }
        None => (from, to, from),
    }
}

fn encode_error(failure: Failure) -> EncodeError {
    match failure.kind {
        FailureKind::Encode(error) => error,
        _ => EncodeError::Unsayable(Unsayable { dialect: "this dialect", verb: "reply", why: "" }),
    }
}
