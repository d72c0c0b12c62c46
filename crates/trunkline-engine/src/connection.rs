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

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_wire::dialect::IdSpace;
use trunkline_wire::{
    Code, Drain, Encode, EncodeError, Extra, Fault, Id, Message, Output, Pairing, Profile, Route, Side,
    Unsayable,
};

use crate::answers::Answers;
use crate::calls::{Answer, Calls, Claim, End};
use crate::config::Config;
use crate::error::{CloseReason, Failure, FailureKind, Outcome};
use crate::keepalive::{Due, Keepalive};
use crate::lifetime::{Left, Lifetime, Phase, Step};
use crate::outbox::{Outbox, Overflow, Owner, Place, Queued, Refusal, Remains, Shared, Ticket};
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
        let range = id_range(&profile.ids, side, config.first_id);
        Self {
            profile,
            encoder,
            calls: Calls::new(range, (config.tombstone_time, config.max_tombstones), now),
            answers: Answers::default(),
            outbox: Outbox::new(&config, profile.stateful),
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

    // ---- what the user asks for -----------------------------------------------------------------------------

    /// Begins a call. `message` must be a [`Message::Request`]; its id is set here. It stays with the caller, who may
    /// need it again for a repeat.
    ///
    /// # Errors
    /// When it cannot begin: every such failure is [`Outcome::NotSent`].
    pub fn call(
        &mut self,
        message: &mut Message,
        deadline: Option<Instant>,
        token: T,
        when_full: WhenFull,
    ) -> Result<Id, Failure> {
        self.admit(message)?;
        if self.profile.pairing == Pairing::None {
            return Err(self.unsayable("request", ": it has no ids, so there are no answers"));
        }
        if self.calls.used() >= self.config.max_pending {
            return Err(Failure::not_sent(FailureKind::TooManyPending { limit: self.config.max_pending }));
        }
        let next = self.calls.next_id();
        let Message::Request { id, route, .. } = &mut *message else {
            return Err(self.unsayable(message.verb(), ": not a request"));
        };
        *id = next;
        let code = route.number().unwrap_or_default();
        let place = match self.outbox.offer(message, Some(next), &mut *self.encoder) {
            Ok(place) => place,
            Err(Refusal::Full) if when_full == WhenFull::Wait => {
                Place::Waiting(self.outbox.wait(message.clone(), Owner::Call(next)))
            }
            Err(refusal) => return Err(self.refused(refusal)),
        };
        self.calls.insert(next, code, deadline, place, token);
        self.stats.calls += 1;
        self.stats.messages_out += 1;
        Ok(next)
    }

    /// Picks up a call's end, once; until then `register` may store or renew the token.
    #[inline]
    pub fn poll_call(
        &mut self,
        id: Id,
        register: impl FnOnce(&mut Option<T>),
    ) -> Option<Result<Answer, Failure>> {
        self.calls.poll(id, register)
    }

    /// A caller gave up. Returns what is known of the call, and what to drop outside the lock.
    pub fn abandon_call(&mut self, id: Id, now: Instant) -> (Outcome, impl Sized + use<T>) {
        let withdrawn = self.calls.place(id).and_then(|place| self.outbox.withdraw(place, id));
        let outcome = if withdrawn.is_some() { Outcome::NotSent } else { Outcome::Unknown };
        let remember = withdrawn.is_none();
        let rest = self.calls.abandon(id, remember, now);
        if let Some((_, None)) = &rest {
            self.stats.cancelled += 1;
            if remember && self.profile.cancel {
                self.outbox.control(Message::Cancel { id });
            }
        }
        (outcome, (withdrawn, rest))
    }

    /// Sends a message that wants no answer: a notification, or any message raw. A raw one may be sent while the
    /// connection drains.
    ///
    /// # Errors
    /// When it was not accepted: every such failure is [`Outcome::NotSent`].
    pub fn send(&mut self, message: &Message, when_full: WhenFull) -> Result<Accepted, Failure> {
        if matches!(message, Message::Notify { .. }) {
            self.admit(message)?;
        } else {
            self.alive()?;
            self.check(message)?;
        }
        let accepted = match self.outbox.offer(message, None, &mut *self.encoder) {
            Ok(_) => Accepted::Queued,
            Err(Refusal::Full) if when_full == WhenFull::Wait => {
                Accepted::Waits(self.outbox.wait(message.clone(), Owner::OneWay(None)))
            }
            Err(refusal) => return Err(self.refused(refusal)),
        };
        self.stats.notified += 1;
        self.stats.messages_out += 1;
        Ok(accepted)
    }

    /// A broadcast: bytes that were encoded once for many peers, under the policy of their group. Returns what became of
    /// it; what gave way is to be dropped outside the lock.
    ///
    /// # Errors
    /// When the connection takes nothing new.
    pub fn share(&mut self, shared: Shared, overflow: Overflow, now: Instant) -> Result<Queued, Failure> {
        if !self.lifetime.is_open() {
            self.alive()?;
            return Err(Failure::not_sent(FailureKind::Draining));
        }
        let queued = self.outbox.share(shared, overflow, now);
        match &queued {
            Queued::Queued => self.stats.notified += 1,
            Queued::Displaced(gone) => {
                self.stats.notified += 1;
                self.stats.dropped += gone.len() as u64;
            }
            Queued::Dropped => self.stats.dropped += 1,
            Queued::Overflowed { .. } => {}
        }
        Ok(queued)
    }

    /// Whether a one-way message has its place: `None` while it waits for room (then `register` may store or renew
    /// the token).
    pub fn poll_ticket(
        &mut self,
        ticket: Ticket,
        register: impl FnOnce(&mut Option<T>),
    ) -> Option<Result<(), Failure>> {
        let waits = self.outbox.poll_ticket(ticket, register);
        match (waits, self.lifetime.closed()) {
            (true, Some(reason)) => Some(Err(Failure::not_sent(FailureKind::Closed(reason)))),
            (true, None) => None,
            (false, _) => Some(Ok(())),
        }
    }

    /// Takes a one-way message back that still waits for room. Returns it, to be dropped outside the lock.
    pub fn abandon_ticket(&mut self, ticket: Ticket) -> Option<Message> {
        self.outbox.withdraw_ticket(ticket)
    }

    /// Answers a request of the peer. Returns the fault that the dialect could not say, with its route, if so.
    pub fn answer(&mut self, answering: Answering) -> Option<(Route, Box<Fault>)> {
        let Answering { id: Some(id), route, result } = answering else { return None };
        self.answers.paid();
        if self.lifetime.closed().is_some() {
            return None;
        }
        // Asked before the reply is added: a single one of any size is bounded by the message limit.
        self.overdrawn |= self.outbox.replies() >= self.config.replies_max;
        let is_fault = result.is_err();
        let message = match result {
            Ok(body) => Message::reply(id, route, body),
            Err(fault) => Message::Fault { id, route, fault },
        };
        match self.check(&message).map_or_else(
            |failure| Err(Refusal::Encode(encode_error(failure))),
            |()| self.outbox.reply(&message, &mut *self.encoder),
        ) {
            Ok(()) => {
                self.stats.answered += 1;
                self.stats.answered_faults += u64::from(is_fault);
                self.stats.messages_out += 1;
                None
            }
            Err(Refusal::Encode(error)) => self.unsaid(message, &error),
            Err(Refusal::Broken | Refusal::Full) => {
                self.broken();
                None
            }
        }
    }

    /// An answer that the encoder refused: a fault is counted and handed back, a reply becomes a fault.
    fn unsaid(&mut self, message: Message, error: &EncodeError) -> Option<(Route, Box<Fault>)> {
        self.stats.unsaid_faults += 1;
        match message {
            Message::Fault { route, fault, .. } => Some((route, fault)),
            Message::Reply { id, route, .. } => {
                let fault = Fault::new(Code::Internal, error.to_string());
                let second = Message::fault(id, route.clone(), fault.clone());
                match self.outbox.reply(&second, &mut *self.encoder) {
                    Ok(()) => None,
                    Err(refusal) => {
                        if matches!(refusal, Refusal::Broken) {
                            self.broken();
                        }
                        Some((route, Box::new(fault)))
                    }
                }
            }
            _ => None,
        }
    }

    /// Starts to drain: nothing new begins, what was begun is finished. `limit` overrides the configured one.
    pub fn drain(&mut self, limit: Option<Duration>, now: Instant) {
        self.lifetime.drain(limit, now);
    }

    /// Starts to hand the transport over: waits for own calls and owed answers, says nothing to the peer.
    pub fn hijack(&mut self, now: Instant) {
        self.lifetime.hijack(now);
    }

    /// Ends the connection at once. Pending calls end with what is known of them. Only the first reason counts.
    pub fn close(&mut self, reason: CloseReason, work: &mut Work<T>) {
        let Some(reason) = self.lifetime.close(reason) else { return };
        let outbox = &self.outbox;
        let end = |place| {
            let outcome = if outbox.never_left(place) { Outcome::NotSent } else { Outcome::Unknown };
            Failure { outcome, kind: FailureKind::Closed(reason.clone()) }
        };
        self.stats.lost += self.calls.end_all(end, &mut work.wake);
        self.stats.dropped += self.outbox.abandon(&mut work.wake);
    }

    // ---- what the driver brings -----------------------------------------------------------------------------

    /// Bytes arrived.
    pub fn heard(&mut self, bytes: usize, now: Instant) {
        self.stats.reads += 1;
        self.stats.bytes_in += bytes as u64;
        self.keepalive.heard(now);
    }

    /// After decoding: `have` bytes of an unfinished message remain; `fresh` when messages were decoded before it.
    pub fn partial(&mut self, have: usize, fresh: bool, now: Instant) {
        self.keepalive.partial(have, fresh, now);
    }

    /// Messages arrived; drains `messages`.
    pub fn receive(&mut self, messages: &mut Vec<Message>, now: Instant, work: &mut Work<T>) {
        self.stats.messages_in += messages.len() as u64;
        for message in messages.drain(..) {
            if self.lifetime.closed().is_some() {
                work.drop.extend(message.body().cloned());
            } else if let Err(reason) = self.on_message(message, now, work) {
                self.close(reason, work);
            }
        }
        self.step(now, work);
    }

    /// The match over every verb. On a matched dialect anything may be an answer, control included.
    #[inline]
    fn on_message(&mut self, message: Message, now: Instant, work: &mut Work<T>) -> Result<(), CloseReason> {
        match message {
            Message::Request { id, route, body, extra } => match self.matched(id, &route) {
                Claim::Unknown => self.on_request(Some(id), route, body, extra, work),
                claim => self.settle(claim, id, Ok(Answer::Reply(body)), now, work),
            },
            Message::Reply { id, body, .. } => {
                let claim = self.tagged(id)?;
                self.settle(claim, id, Ok(Answer::Reply(body)), now, work);
            }
            Message::Fault { id, fault, .. } => {
                let claim = self.tagged(id)?;
                self.settle(claim, id, Ok(Answer::Fault(fault)), now, work);
            }
            Message::Notify { route, body, extra } => self.on_request(None, route, body, extra, work),
            Message::Ping { id, route, body } => match self.matched(id, &route) {
                Claim::Unknown => self.on_ping(id, route, body, now),
                claim => self.settle(claim, id, Ok(Answer::Reply(body)), now, work),
            },
            Message::Pong { .. } => self.on_pong(now),
            Message::Drain(drain) => match self.matched(drain.id, &drain.route) {
                Claim::Unknown => self.on_drain(*drain, now),
                claim => self.settle(claim, drain.id, Ok(Answer::Reply(drain.body)), now, work),
            },
            Message::Item { .. }
            | Message::End { .. }
            | Message::Reset { .. }
            | Message::Cancel { .. }
            | Message::Credit { .. } => {
                return Err(CloseReason::Violation("a stream's message without a stream"));
            }
        }
        Ok(())
    }

    #[inline]
    fn matched(&self, id: Id, route: &Route) -> Claim {
        if self.profile.pairing != Pairing::Matched || id.0 == 0 {
            return Claim::Unknown;
        }
        self.calls.claim(id, route.number().unwrap_or_default())
    }

    /// On a tagged dialect an answer must be to something we asked.
    fn tagged(&self, id: Id) -> Result<Claim, CloseReason> {
        match self.calls.code_of(id) {
            Some(code) => Ok(self.calls.claim(id, code)),
            None if self.calls.was_ours(id) => Ok(Claim::Late),
            None => Err(CloseReason::Violation("an answer to a call that was never made")),
        }
    }

    #[inline]
    fn settle(&mut self, claim: Claim, id: Id, end: End, _now: Instant, work: &mut Work<T>) {
        if claim != Claim::Waiting {
            self.stats.late_answers += 1;
            if let Ok(Answer::Reply(body)) = end {
                work.drop.push(body);
            }
            return;
        }
        match &end {
            Ok(Answer::Fault(_)) => self.stats.faults += 1,
            _ => self.stats.replies += 1,
        }
        work.wake.extend(self.calls.settle(id, end));
    }

    #[inline]
    fn on_request(
        &mut self,
        id: Option<Id>,
        route: Route,
        body: Bytes,
        extra: Option<Box<Extra>>,
        work: &mut Work<T>,
    ) {
        if self.lifetime.is_hijacking() {
            let message = match id {
                Some(id) => Message::request(id, route, body),
                None => Message::notify(route, body),
            };
            return self.keep(&message);
        }
        match id {
            Some(_) => {
                self.stats.requests += 1;
                self.answers.owe();
            }
            None => self.stats.notifications += 1,
        }
        if let Some(id) = id
            && self.refuses_while_draining()
        {
            self.stats.refused += 1;
            let fault = Box::new(Fault::refused(Code::Unavailable, "draining"));
            work.drop.push(body);
            self.answer(Answering { id: Some(id), route, result: Err(fault) });
            return;
        }
        work.requests.push(Incoming { id, route, body, extra });
    }

    fn on_ping(&mut self, id: Id, route: Route, body: Bytes, now: Instant) {
        if self.lifetime.is_hijacking() {
            return self.keep(&Message::Request { id, route, body, extra: None });
        }
        let matched = self.profile.pairing == Pairing::Matched;
        let asked = self.keepalive.asked();
        if self.keepalive.pinged(id.0 == 0, matched, now) {
            self.stats.peer_pings += 1;
            self.outbox.control(Message::Pong { id });
        } else if let Some(asked) = asked {
            self.pong(now.saturating_duration_since(asked));
        }
    }

    fn on_pong(&mut self, now: Instant) {
        if let Some(rtt) = self.keepalive.acknowledged(now) {
            self.pong(rtt);
        }
    }

    fn pong(&mut self, rtt: Duration) {
        self.stats.pongs += 1;
        self.stats.ping_rtt_us = u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX).max(1);
    }

    fn on_drain(&mut self, drain: Drain, now: Instant) {
        if self.lifetime.is_hijacking() {
            let Drain { id, route, body, .. } = drain;
            return self.keep(&Message::Request { id, route, body, extra: None });
        }
        self.lifetime.peer_drains(now);
    }

    /// Spells a message again for the new owner of the transport.
    fn keep(&mut self, message: &Message) {
        if self.encoder.encode(message, &mut self.kept).is_err() {
            self.stats.dropped += 1;
        }
    }

    /// What arrived after a hijack, as bytes, in order.
    pub fn take_kept(&mut self) -> Output {
        std::mem::take(&mut self.kept)
    }

    /// The peer will send no more bytes. Calls that wait are lost; answers that are owed may still leave.
    pub fn ended(&mut self, now: Instant, work: &mut Work<T>) {
        self.keepalive.ended();
        let left = self.left();
        if let Some(reason) = self.lifetime.peer_ended(left, now) {
            self.close(reason, work);
        }
        self.step(now, work);
    }

    /// Fills `output`, which must be empty, with the next write turn. `false`: there is nothing to write.
    pub fn take(&mut self, output: &mut Output, now: Instant, work: &mut Work<T>) -> bool {
        self.step(now, work);
        if self.lifetime.closed().is_some() || !self.outbox.has_next() {
            return false;
        }
        if self.flushes_later(now) {
            return false;
        }
        let calls = &mut self.calls;
        let wake = &mut work.wake;
        let mut ended = Vec::new();
        let taken = self.outbox.take(
            &mut *self.encoder,
            output,
            |id, place| match place {
                Ok(place) => calls.set_place(id, place),
                Err(error) => ended.extend(calls.settle(id, Err(Failure::not_sent(error.into())))),
            },
            wake,
        );
        wake.append(&mut ended);
        if taken.is_err() {
            self.broken();
            self.step(now, work);
            return false;
        }
        !output.is_empty()
    }

    /// Whether what waits to be written shall wait for more (setting `flush_delay`). A connection that ends does not.
    fn flushes_later(&mut self, now: Instant) -> bool {
        let delay = self.config.flush_delay;
        if delay.is_zero() {
            return false;
        }
        let since = *self.unflushed.get_or_insert(now);
        let enough = self.outbox.len() >= self.config.lane_bytes / 4;
        let later = self.lifetime.is_open() && !enough && now < since + delay;
        if !later {
            self.unflushed = None;
        }
        later
    }

    /// A layer took the whole write turn and made `n` bytes of it, which are what the transport takes from here on.
    pub const fn wrapped(&mut self, n: usize) {
        self.outbox.wrapped(n);
    }

    /// The transport took `n` bytes; `more` of the turn wait.
    #[inline]
    pub fn wrote(&mut self, n: usize, more: bool, now: Instant) {
        self.stats.writes += 1;
        self.stats.bytes_out += n as u64;
        self.outbox.wrote(n);
        self.keepalive.wrote(more, now);
    }

    /// The transport is not ready to take what waits.
    pub const fn blocked(&mut self, now: Instant) {
        self.keepalive.blocked(now);
    }

    /// What the clock brings about. Call it when [`deadline`](Self::deadline) has come, or at any other time.
    pub fn tick(&mut self, now: Instant, work: &mut Work<T>) {
        if self.lifetime.closed().is_some() {
            return;
        }
        let outbox = &mut self.outbox;
        let drop = &mut work.drop;
        self.stats.timeouts += self.calls.expire(
            now,
            |id, place| {
                let withdrawn = outbox.withdraw(place, id);
                let outcome = if withdrawn.is_some() { Outcome::NotSent } else { Outcome::Unknown };
                drop.extend(withdrawn.and_then(|message| message.body().cloned()));
                (Failure { outcome, kind: FailureKind::Timeout }, outcome == Outcome::Unknown)
            },
            &mut work.wake,
        );
        match self.keepalive.tick(now, self.outbox.len()) {
            Due::Nothing => {}
            Due::Ping => {
                self.stats.pings += 1;
                self.outbox.control(Message::Ping { id: Id(0), route: Route::NONE, body: Bytes::new() });
            }
            Due::Close(reason) => self.close(reason, work),
        }
        self.step(now, work);
    }

    /// Carries the life of the connection on, as far as it goes by itself.
    fn step(&mut self, now: Instant, work: &mut Work<T>) {
        work.wake.append(&mut self.orphans);
        if self.overdrawn {
            let reason = CloseReason::Overload {
                what: "bytes of replies that the peer does not read",
                value: self.outbox.replies(),
                limit: self.config.replies_max,
                setting: "replies_max",
            };
            return self.close(reason, work);
        }
        if self.lifetime.is_open() {
            return;
        }
        let left = self.left();
        match self.lifetime.step(left, now) {
            Step::Nothing => {}
            Step::Announce => self.outbox.last(Message::Drain(Box::new(Drain {
                last: None,
                id: Id(0),
                route: Route::NONE,
                body: Bytes::new(),
            }))),
            Step::Close(reason) => self.close(reason, work),
        }
    }

    fn left(&self) -> Left {
        Left { pending: self.calls.waiting(), owed: self.answers.owed(), flushed: self.outbox.is_idle() }
    }

    // ---- what can be asked ----------------------------------------------------------------------------------

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

    // ---- small checks ---------------------------------------------------------------------------------------

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
        let sayable = match (self.profile.numbers, self.profile.names) {
            (true, true) | (false, false) => true,
            (true, false) => route.number().is_some(),
            (false, true) => route.name().is_some(),
        };
        if !sayable {
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
