//! Open, draining, closed, and why.
//!
//! In: our wish to drain, the peer's, the end of its bytes, reasons to close. Out: whether new calls may begin, when
//! to announce our drain, when to close. Never: what the calls are.
//!
//! ```text
//!          drain, peer drains, end of bytes with answers owed
//!  Open ───────────────────────────────────────────────────► Draining
//!    │                                                          │ nothing pending, nothing owed, all written,
//!    │ close, error                                             │ drains exchanged; or the time limit
//!    └─────────────────────► Closed ◄───────────────────────────┘
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::CloseReason;

/// Where a connection is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Calls may begin.
    Open,
    /// What was begun is finished; nothing new begins.
    Draining,
    /// Over, and why.
    Closed(Arc<CloseReason>),
}

/// What the other rooms have left to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left {
    /// Calls that wait for their answer.
    pub(crate) pending: usize,
    /// Answers that are owed.
    pub(crate) owed: usize,
    /// Whether everything was written.
    pub(crate) flushed: bool,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Nothing,
    Announce,
    Close(CloseReason),
}

#[derive(Debug)]
pub(crate) struct Lifetime {
    phase: Phase,
    limit: Duration,
    /// The dialect has words for draining.
    announces: bool,
    said: bool,
    heard: bool,
    /// The peer will send no more bytes.
    ended: bool,
    asked_by_peer: bool,
    hijacking: bool,
    deadline: Option<Instant>,
}

impl Lifetime {
    pub(crate) const fn new(limit: Duration, announces: bool) -> Self {
        Self {
            phase: Phase::Open,
            limit,
            announces,
            said: false,
            heard: false,
            ended: false,
            asked_by_peer: false,
            hijacking: false,
            deadline: None,
        }
    }

    pub(crate) const fn phase(&self) -> &Phase {
        &self.phase
    }

    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    pub(crate) fn closed(&self) -> Option<Arc<CloseReason>> {
        match &self.phase {
            Phase::Closed(reason) => Some(reason.clone()),
            _ => None,
        }
    }

    pub(crate) const fn is_hijacking(&self) -> bool {
        self.hijacking
    }

    /// The peer will send no more bytes.
    pub(crate) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// We want to drain. A shorter limit than one already running wins.
    pub(crate) fn drain(&mut self, limit: Option<Duration>, now: Instant) {
        if matches!(self.phase, Phase::Closed(_)) {
            return;
        }
        self.phase = Phase::Draining;
        let limit = limit.unwrap_or(self.limit);
        let at = now + limit;
        if self.deadline.is_none_or(|deadline| at < deadline) {
            self.deadline = Some(at);
            self.limit = limit;
        }
    }

    /// The owner wants the transport: finish what was begun, and say nothing.
    pub(crate) fn hijack(&mut self, now: Instant) {
        self.hijacking = true;
        self.drain(None, now);
    }

    /// The peer announced its drain.
    pub(crate) fn peer_drains(&mut self, now: Instant) {
        self.heard = true;
        if self.is_open() {
            self.asked_by_peer = true;
            self.drain(None, now);
        }
    }

    /// The peer's bytes ended. `Some` closes at once; `None` lets owed answers leave first.
    pub(crate) fn peer_ended(&mut self, left: Left, now: Instant) -> Option<CloseReason> {
        self.ended = true;
        if left.pending > 0 {
            return Some(CloseReason::PeerLost { pending: left.pending });
        }
        if left.owed == 0 && left.flushed {
            return Some(self.gone());
        }
        self.drain(None, now);
        None
    }

    /// The reason, when the peer's bytes have ended and nothing is left to do.
    const fn gone(&self) -> CloseReason {
        if self.said { CloseReason::Drained } else { CloseReason::Peer }
    }

    /// What follows from what is left.
    pub(crate) fn step(&mut self, left: Left, now: Instant) -> Step {
        if !matches!(self.phase, Phase::Draining) {
            return Step::Nothing;
        }
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            let Left { pending, owed, .. } = left;
            return Step::Close(CloseReason::DrainTimeout { limit: self.limit, pending, owed });
        }
        if left.pending > 0 {
            return Step::Nothing;
        }
        let idle = left.owed == 0 && left.flushed;
        if self.hijacking {
            return if idle { Step::Close(CloseReason::Hijacked) } else { Step::Nothing };
        }
        if self.ended {
            return if idle { Step::Close(self.gone()) } else { Step::Nothing };
        }
        // The asked side owes the answers that it still serves; the one that asks says so at once and goes on
        // serving until the peer is ready too. The notice leaves behind everything that is queued.
        if self.announces && !self.said && (left.owed == 0 || !self.asked_by_peer) {
            self.said = true;
            return Step::Announce;
        }
        let agreed = !self.announces || (self.said && self.heard);
        if agreed && idle { Step::Close(CloseReason::Drained) } else { Step::Nothing }
    }

    /// The end. Only the first reason counts.
    pub(crate) fn close(&mut self, reason: CloseReason) -> Option<Arc<CloseReason>> {
        if matches!(self.phase, Phase::Closed(_)) {
            return None;
        }
        let reason = Arc::new(reason);
        self.phase = Phase::Closed(reason.clone());
        self.deadline = None;
        Some(reason)
    }

    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DONE: Left = Left { pending: 0, owed: 0, flushed: true };

    fn now() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "a test needs some instant to count from")]
        Instant::now()
    }

    fn lifetime() -> Lifetime {
        Lifetime::new(Duration::from_secs(5), true)
    }

    #[test]
    fn the_one_who_asks_waits_for_its_calls_and_serves_until_the_peer_agrees() {
        let (mut life, now) = (lifetime(), now());
        life.drain(None, now);
        assert_eq!(life.step(Left { pending: 1, ..DONE }, now), Step::Nothing);
        assert_eq!(life.step(Left { owed: 1, ..DONE }, now), Step::Announce);
        assert_eq!(life.step(DONE, now), Step::Nothing, "said once, now the peer's turn");
        life.peer_drains(now);
        assert_eq!(life.step(Left { owed: 1, ..DONE }, now), Step::Nothing);
        assert_eq!(life.step(Left { flushed: false, ..DONE }, now), Step::Nothing);
        assert_eq!(life.step(DONE, now), Step::Close(CloseReason::Drained));
    }

    #[test]
    fn the_one_who_is_asked_answers_first() {
        let (mut life, now) = (lifetime(), now());
        life.peer_drains(now);
        assert!(!life.is_open());
        assert_eq!(life.step(Left { owed: 1, ..DONE }, now), Step::Nothing, "defect I20 of the original");
        assert_eq!(life.step(DONE, now), Step::Announce);
        assert_eq!(life.step(DONE, now), Step::Close(CloseReason::Drained));
    }

    #[test]
    fn a_silent_peer_ends_the_drain_by_time() {
        let (mut life, now) = (lifetime(), now());
        life.drain(Some(Duration::from_secs(1)), now);
        assert_eq!(life.step(DONE, now), Step::Announce);
        let Step::Close(reason) = life.step(DONE, now + Duration::from_secs(1)) else { panic!("must close") };
        assert!(!reason.is_error());
    }

    #[test]
    fn owed_answers_outlive_a_half_closed_peer() {
        let (mut life, now) = (lifetime(), now());
        assert_eq!(life.peer_ended(Left { owed: 2, ..DONE }, now), None);
        assert_eq!(life.step(Left { owed: 1, ..DONE }, now), Step::Nothing);
        assert_eq!(life.step(DONE, now), Step::Close(CloseReason::Peer));
        assert_eq!(lifetime().peer_ended(DONE, now), Some(CloseReason::Peer));
        assert_eq!(
            lifetime().peer_ended(Left { pending: 3, ..DONE }, now),
            Some(CloseReason::PeerLost { pending: 3 })
        );
    }

    #[test]
    fn the_first_reason_counts() {
        let mut life = lifetime();
        assert!(life.close(CloseReason::Local).is_some());
        assert!(life.close(CloseReason::Peer).is_none());
        assert_eq!(life.closed().as_deref(), Some(&CloseReason::Local));
    }
}
