//! Questions we asked and are waiting for.
//!
//! In: `insert` from the user, `settle` from the hallway, `expire` from the clock, `abandon` from a caller who gave
//! up. Out: each call's end, exactly once, through `poll`; tokens of callers to wake. Never: bytes, tasks, what the
//! peer asked of us.
//!
//! Calls lie in a ring whose size is a power of two: slot = id & mask. Ids are a counter, so slots are used in turn
//! and nothing is hashed or allocated per call. The slot stores the whole id; the ring doubles at half load. A call
//! that was given up after its bytes had left becomes a tombstone, which recognises its late answer.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_wire::{Fault, Id};

use crate::error::Failure;
use crate::outbox::Place;

/// What the peer answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes, and this.
    Reply(Bytes),
    /// No, and why.
    Fault(Box<Fault>),
}

pub(crate) type End = Result<Answer, Failure>;

/// What an arriving answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// The answer to a call that waits.
    Waiting,
    /// The answer to a call that has ended: count it and drop it.
    Late,
    /// Nothing we know.
    Unknown,
}

#[derive(Debug)]
enum State<T> {
    Free,
    Waiting(Option<T>),
    Ended(End),
}

#[derive(Debug)]
struct Slot<T> {
    id: u64,
    code: u32,
    deadline: Option<Instant>,
    place: Place,
    state: State<T>,
}

/// 24 bytes that recognise a late answer.
#[derive(Clone, Copy, Debug)]
struct Tombstone {
    id: u64,
    code: u32,
    /// Milliseconds since the ring was made.
    until: u64,
}

#[derive(Debug)]
pub(crate) struct Calls<T> {
    slots: Vec<Slot<T>>,
    /// Slots that are not free.
    used: usize,
    /// Calls that wait for their answer.
    waiting: usize,
    first: u64,
    last: u64,
    next: u64,
    wrapped: bool,
    /// No deadline is earlier than this.
    earliest: Option<Instant>,
    tombstones: VecDeque<Tombstone>,
    tombstone_time: Duration,
    max_tombstones: usize,
    epoch: Instant,
}

/// The least slots of a ring in use.
const LEAST: usize = 16;

impl<T> Calls<T> {
    pub(crate) const fn new(range: (u64, u64, u64), tombstones: (Duration, usize), now: Instant) -> Self {
        Self {
            slots: Vec::new(),
            used: 0,
            waiting: 0,
            first: range.0,
            last: range.1,
            next: range.2,
            wrapped: false,
            earliest: None,
            tombstones: VecDeque::new(),
            tombstone_time: tombstones.0,
            max_tombstones: tombstones.1,
            epoch: now,
        }
    }

    /// Calls that wait for their answer.
    pub(crate) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Calls that wait, or whose end was not picked up yet.
    pub(crate) const fn used(&self) -> usize {
        self.used
    }

    /// The id for the next call: the counter, skipping what is in use or might still be answered late.
    #[inline]
    pub(crate) fn next_id(&mut self) -> Id {
        if self.used.saturating_mul(2) >= self.slots.len() {
            self.resize(self.slots.len().saturating_mul(2).max(LEAST));
        }
        loop {
            let id = self.next;
            self.next = if id == self.last {
                self.wrapped = true;
                self.first
            } else {
                id.wrapping_add(1)
            };
            let free = self.slots.get(self.index(id)).is_some_and(|slot| matches!(slot.state, State::Free));
            if free && !(self.wrapped && self.tombstone(id).is_some()) {
                return Id(id);
            }
        }
    }

    /// A call begins under an id from [`next_id`](Self::next_id).
    #[inline]
    pub(crate) fn insert(&mut self, id: Id, code: u32, deadline: Option<Instant>, place: Place, token: T) {
        let index = self.index(id.0);
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = Slot { id: id.0, code, deadline, place, state: State::Waiting(Some(token)) };
            self.used = self.used.saturating_add(1);
            self.waiting = self.waiting.saturating_add(1);
        }
        if let Some(deadline) = deadline {
            self.earliest = Some(self.earliest.map_or(deadline, |earliest| earliest.min(deadline)));
        }
    }

    /// What an answer with this id and code would be.
    #[inline]
    pub(crate) fn claim(&self, id: Id, code: u32) -> Claim {
        if let Some(slot) = self.slot(id)
            && slot.code == code
        {
            return if matches!(slot.state, State::Waiting(_)) { Claim::Waiting } else { Claim::Late };
        }
        match self.tombstone(id.0) {
            Some(index) if self.tombstones.get(index).is_some_and(|tomb| tomb.code == code) => Claim::Late,
            _ => Claim::Unknown,
        }
    }

    /// The code of a call that waits or was given up: for dialects whose answers carry the id alone.
    pub(crate) fn code_of(&self, id: Id) -> Option<u32> {
        if let Some(slot) = self.slot(id) {
            return Some(slot.code);
        }
        self.tombstone(id.0).and_then(|index| self.tombstones.get(index)).map(|tomb| tomb.code)
    }

    /// Whether we gave this id to a call at some time.
    pub(crate) const fn was_ours(&self, id: Id) -> bool {
        id.0 >= self.first && id.0 <= self.last && (self.wrapped || id.0 < self.next)
    }

    /// A call ends; returns the token of its caller. Nothing happens to a call that has ended already.
    #[inline]
    pub(crate) fn settle(&mut self, id: Id, end: End) -> Option<T> {
        let slot = self.slot_mut(id)?;
        let State::Waiting(token) = &mut slot.state else { return None };
        let token = token.take();
        slot.state = State::Ended(end);
        self.waiting = self.waiting.saturating_sub(1);
        token
    }

    /// Picks up a call's end, once. Until then `register` may store or renew the caller's token.
    #[inline]
    pub(crate) fn poll(&mut self, id: Id, register: impl FnOnce(&mut Option<T>)) -> Option<End> {
        let slot = self.slot_mut(id)?;
        match &mut slot.state {
            State::Waiting(token) => {
                register(token);
                None
            }
            State::Ended(_) => {
                let State::Ended(end) = std::mem::replace(&mut slot.state, State::Free) else { return None };
                self.used = self.used.saturating_sub(1);
                Some(end)
            }
            State::Free => None,
        }
    }

    /// Where the bytes of a call are, while it waits.
    pub(crate) fn place(&self, id: Id) -> Option<Place> {
        self.slot(id).filter(|slot| matches!(slot.state, State::Waiting(_))).map(|slot| slot.place)
    }

    /// The bytes of a call have moved.
    pub(crate) fn set_place(&mut self, id: Id, place: Place) {
        if let Some(slot) = self.slot_mut(id) {
            slot.place = place;
        }
    }

    /// The caller gave up. With `remember`, a late answer will be recognised. Returns what must be dropped.
    pub(crate) fn abandon(
        &mut self,
        id: Id,
        remember: bool,
        now: Instant,
    ) -> Option<(Option<T>, Option<End>)> {
        let slot = self.slot_mut(id)?;
        let code = slot.code;
        let (token, end) = match std::mem::replace(&mut slot.state, State::Free) {
            State::Free => return None,
            State::Waiting(token) => {
                self.waiting = self.waiting.saturating_sub(1);
                if remember {
                    self.bury(id.0, code, now);
                }
                (token, None)
            }
            State::Ended(end) => (None, Some(end)),
        };
        self.used = self.used.saturating_sub(1);
        Some((token, end))
    }

    /// Ends every call whose deadline has passed. `end` says how, and whether to remember it.
    pub(crate) fn expire(
        &mut self,
        now: Instant,
        mut end: impl FnMut(Id, Place) -> (Failure, bool),
        wake: &mut Vec<T>,
    ) -> u64 {
        if self.earliest.is_none_or(|earliest| earliest > now) {
            return 0;
        }
        let mut expired = 0;
        let mut earliest: Option<Instant> = None;
        let mut buried = Vec::new();
        for slot in &mut self.slots {
            let (State::Waiting(token), Some(deadline)) = (&mut slot.state, slot.deadline) else { continue };
            if deadline > now {
                earliest = Some(earliest.map_or(deadline, |earliest| earliest.min(deadline)));
                continue;
            }
            wake.extend(token.take());
            let (failure, remember) = end(Id(slot.id), slot.place);
            slot.state = State::Ended(Err(failure));
            self.waiting = self.waiting.saturating_sub(1);
            expired += 1;
            if remember {
                buried.push((slot.id, slot.code));
            }
        }
        // At most one scan per millisecond, however many deadlines lie close together.
        self.earliest = earliest.map(|earliest| earliest.max(now + Duration::from_millis(1)));
        for (id, code) in buried {
            self.bury(id, code, now);
        }
        expired
    }

    /// Ends every call that waits.
    pub(crate) fn end_all(&mut self, mut end: impl FnMut(Place) -> Failure, wake: &mut Vec<T>) -> u64 {
        let mut ended = 0;
        for slot in &mut self.slots {
            let State::Waiting(token) = &mut slot.state else { continue };
            wake.extend(token.take());
            slot.state = State::Ended(Err(end(slot.place)));
            ended += 1;
        }
        self.waiting = 0;
        self.earliest = None;
        self.tombstones = VecDeque::new();
        ended
    }

    /// No deadline is earlier than this.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.waiting == 0 { None } else { self.earliest }
    }

    /// Gives memory back; for a connection that falls idle.
    pub(crate) fn release(&mut self) {
        if self.used == 0 && self.slots.len() > LEAST {
            self.slots = Vec::new();
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the mask keeps only bits that an index has")]
    const fn index(&self, id: u64) -> usize {
        id as usize & self.slots.len().wrapping_sub(1)
    }

    #[inline]
    fn slot(&self, id: Id) -> Option<&Slot<T>> {
        let slot = self.slots.get(self.index(id.0))?;
        (slot.id == id.0 && !matches!(slot.state, State::Free)).then_some(slot)
    }

    #[inline]
    fn slot_mut(&mut self, id: Id) -> Option<&mut Slot<T>> {
        let index = self.index(id.0);
        let slot = self.slots.get_mut(index)?;
        (slot.id == id.0 && !matches!(slot.state, State::Free)).then_some(slot)
    }

    fn resize(&mut self, len: usize) {
        let free = || Slot { id: 0, code: 0, deadline: None, place: Place::Lane(0), state: State::Free };
        let old = std::mem::replace(&mut self.slots, std::iter::repeat_with(free).take(len).collect());
        for slot in old {
            if !matches!(slot.state, State::Free) {
                let index = self.index(slot.id);
                if let Some(place) = self.slots.get_mut(index) {
                    *place = slot;
                }
            }
        }
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX)
    }

    /// Tombstones lie in the order of their ids, which is nearly the order of time.
    fn bury(&mut self, id: u64, code: u32, now: Instant) {
        let now = self.millis(now);
        while let Some(front) = self.tombstones.front() {
            if front.until > now && self.tombstones.len() < self.max_tombstones {
                break;
            }
            self.tombstones.pop_front();
        }
        let until = now.saturating_add(u64::try_from(self.tombstone_time.as_millis()).unwrap_or(u64::MAX));
        let tomb = Tombstone { id, code, until };
        match self.tombstones.back() {
            Some(back) if back.id > id => {
                let index = self.tombstones.partition_point(|tomb| tomb.id < id);
                self.tombstones.insert(index, tomb);
            }
            _ => self.tombstones.push_back(tomb),
        }
    }

    #[inline]
    fn tombstone(&self, id: u64) -> Option<usize> {
        if self.tombstones.is_empty() {
            return None;
        }
        self.tombstones.binary_search_by_key(&id, |tomb| tomb.id).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{FailureKind, Outcome};

    fn calls(first: u64, last: u64) -> (Calls<u32>, Instant) {
        let now = Instant::now_for_tests();
        (Calls::new((first, last, first), (Duration::from_secs(60), 100), now), now)
    }

    trait TestClock {
        fn now_for_tests() -> Self;
    }

    impl TestClock for Instant {
        #[expect(clippy::disallowed_methods, reason = "a test needs some instant to count from")]
        fn now_for_tests() -> Self {
            Self::now()
        }
    }

    fn timeout() -> Failure {
        Failure { outcome: Outcome::Unknown, kind: FailureKind::Timeout }
    }

    #[test]
    fn ids_skip_calls_that_wait_when_the_range_wraps() {
        let (mut calls, _) = calls(10, 13);
        let mut given = Vec::new();
        for n in 0..3 {
            let id = calls.next_id();
            calls.insert(id, 1, None, Place::Lane(0), n);
            given.push(id.0);
        }
        assert_eq!(given, [10, 11, 12]);
        calls.settle(Id(11), Ok(Answer::Reply(Bytes::new())));
        assert!(calls.poll(Id(11), |_| ()).is_some());
        assert_eq!(calls.next_id(), Id(13));
        assert_eq!(calls.next_id(), Id(11), "10 and 12 wait");
    }

    #[test]
    fn a_call_ends_once() {
        let (mut calls, _) = calls(1, 100);
        let id = calls.next_id();
        calls.insert(id, 5, None, Place::Lane(0), 7);
        assert_eq!(calls.claim(id, 6), Claim::Unknown, "the code must match as well");
        assert_eq!(calls.settle(id, Ok(Answer::Reply(Bytes::new()))), Some(7));
        assert_eq!(calls.settle(id, Err(timeout())), None);
        assert_eq!(calls.claim(id, 5), Claim::Late, "a second copy of the answer");
        assert_eq!(calls.poll(id, |_| ()), Some(Ok(Answer::Reply(Bytes::new()))));
        assert_eq!(calls.poll(id, |_| ()), None);
    }

    #[test]
    fn a_late_answer_is_recognised_for_a_while() {
        let (mut calls, now) = calls(1, 100);
        let id = calls.next_id();
        calls.insert(id, 5, Some(now + Duration::from_secs(1)), Place::Lane(0), 7);
        assert_eq!(calls.deadline(), Some(now + Duration::from_secs(1)));
        let mut wake = Vec::new();
        assert_eq!(calls.expire(now + Duration::from_secs(1), |_, _| (timeout(), true), &mut wake), 1);
        assert_eq!(wake, [7]);
        assert_eq!(calls.poll(id, |_| ()), Some(Err(timeout())));
        assert_eq!(calls.claim(id, 5), Claim::Late);
        assert_eq!(calls.claim(id, 6), Claim::Unknown);
        // The next burial after a minute clears what is old.
        let later = now + Duration::from_secs(62);
        let other = calls.next_id();
        calls.insert(other, 5, None, Place::Lane(0), 8);
        calls.abandon(other, true, later);
        assert_eq!(calls.claim(id, 5), Claim::Unknown);
        assert_eq!(calls.claim(other, 5), Claim::Late);
    }

    #[test]
    fn tombstones_are_bounded_and_small() {
        assert_eq!(size_of::<Tombstone>(), 24);
        let (mut calls, now) = calls(1, 100_000);
        for _ in 0..1000 {
            let id = calls.next_id();
            calls.insert(id, 5, None, Place::Lane(0), 0);
            calls.abandon(id, true, now);
        }
        assert_eq!(calls.tombstones.len(), 100);
        assert_eq!(calls.used(), 0);
        assert!(calls.slots.len() <= LEAST, "a ring of abandoned calls does not grow");
    }

    #[test]
    fn the_ring_keeps_its_calls_when_it_grows() {
        let (mut calls, _) = calls(1, u64::MAX);
        let ids: Vec<_> = (0..1000)
            .map(|n| {
                let id = calls.next_id();
                calls.insert(id, n, None, Place::Lane(0), n);
                id
            })
            .collect();
        for (n, id) in ids.into_iter().enumerate() {
            let n = u32::try_from(n).expect("small");
            assert_eq!(calls.settle(id, Ok(Answer::Reply(Bytes::new()))), Some(n));
        }
        assert_eq!(calls.waiting(), 0);
    }
}
