//! What arrives: the one match over every verb.
//!
//! In: messages that a decoder read, and the end of the peer's bytes. Out: requests to serve, calls that have ended. On a
//! dialect with matched pairing anything may be an answer, control included, so that is asked first.

use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_wire::{Code, Drain, Extra, Fault, Id, Message, Output, Pairing, Route};

use super::{Answering, Connection, Incoming, Work};
use crate::calls::{Answer, Claim, End};
use crate::error::CloseReason;

impl<T> Connection<T> {
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
                claim => self.settle(claim, id, Ok(Answer::Reply(body)), work),
            },
            Message::Reply { id, body, .. } => {
                let claim = self.tagged(id)?;
                self.settle(claim, id, Ok(Answer::Reply(body)), work);
            }
            Message::Fault { id, fault, .. } => {
                let claim = self.tagged(id)?;
                self.settle(claim, id, Ok(Answer::Fault(fault)), work);
            }
            Message::Notify { route, body, extra } => self.on_request(None, route, body, extra, work),
            Message::Ping { id, route, body } => match self.matched(id, &route) {
                Claim::Unknown => self.on_ping(id, route, body, now),
                claim => self.settle(claim, id, Ok(Answer::Reply(body)), work),
            },
            Message::Pong { .. } => self.on_pong(now),
            Message::Drain(drain) => match self.matched(drain.id, &drain.route) {
                Claim::Unknown => self.on_drain(*drain, now),
                claim => self.settle(claim, drain.id, Ok(Answer::Reply(drain.body)), work),
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
    fn settle(&mut self, claim: Claim, id: Id, end: End, work: &mut Work<T>) {
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
}
