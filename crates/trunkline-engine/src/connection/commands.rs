//! What the user asks for: calls, notifications, answers, the end.
//!
//! In: commands of the ring above, with messages made before the lock. Out: ids, tickets, failures that say what is known.

use std::time::{Duration, Instant};

use trunkline_wire::{Code, EncodeError, Fault, Id, Message, Pairing, Route};

use super::{Accepted, Answering, Connection, WhenFull, Work, encode_error};
use crate::calls::Answer;
use crate::error::{CloseReason, Failure, FailureKind, Outcome};
use crate::outbox::{Overflow, Owner, Place, Queued, Refusal, Shared, Ticket};

impl<T> Connection<T> {
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
}
