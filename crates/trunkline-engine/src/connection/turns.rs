//! What leaves, and what the clock brings about.
//!
//! In: how much the transport took, and the time. Out: write turns; the steps of the connection's own life.

use std::time::Instant;

use bytes::Bytes;
use trunkline_wire::{Drain, Id, Message, Output, Route};

use super::{Connection, Work};
use crate::error::{CloseReason, Failure, FailureKind, Outcome};
use crate::keepalive::Due;
use crate::lifetime::{Left, Step};
use crate::outbox::Mark;

impl<T> Connection<T> {
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

    /// A mark behind everything that was accepted so far.
    #[must_use]
    pub fn mark(&self) -> Mark {
        self.outbox.mark()
    }

    /// Whether the transport took everything before a mark, less what was taken back or gave way.
    pub fn has_passed(&self, mark: &mut Mark) -> bool {
        self.outbox.has_passed(mark)
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
    pub(super) fn step(&mut self, now: Instant, work: &mut Work<T>) {
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

    pub(super) fn left(&self) -> Left {
        Left { pending: self.calls.waiting(), owed: self.answers.owed(), flushed: self.outbox.is_idle() }
    }
}
