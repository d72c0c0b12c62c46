//! What leaves next.
//!
//! In: messages, in four lanes. Out: write turns of at most 256 KiB, and where each call's bytes are, which decides
//! how a call ends when its connection does. Never: the transport, the answers.
//!
//! ```text
//!  control ──┐  pings, drains: at most `max_control`, always first
//!  calls   ──┤  encoded at once into one buffer: the hot path    ◄── waiting (in arrival order, when full)
//!  shared  ──┤  broadcasts, encoded once for many peers, kept apart so that a policy can remove one
//!  bulk    ──┘  bodies over 16 KiB, kept as messages, encoded when taken
//!            └──► turn ──► transport
//! ```
//!
//! Order is promised within a lane. A stateful encoder, and a dialect without ids, have no bulk lane.

mod line;
mod shared;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use bytes::Bytes;
use trunkline_wire::{Encode, EncodeError, Id, Message, Output};

use self::line::Line;
pub(crate) use self::line::Owner;
pub use self::line::Ticket;
use self::shared::SharedLane;
pub use self::shared::{Overflow, Queued, Shared};
use crate::config::Config;

/// Bodies over this size go to the bulk lane.
pub(crate) const BULK_FROM: usize = 16 << 10;

/// The most that leaves in one write, as far as messages are not larger themselves.
const TURN: usize = 256 << 10;

/// Where the bytes of a call are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Not encoded: it waits for room.
    Waiting(Ticket),
    /// Not encoded: it waits in the bulk lane.
    Bulk,
    /// Encoded: its first byte is at this position of the calls lane.
    Lane(u64),
    /// Encoded into this write turn, at this offset.
    Turn(u64, usize),
}

/// Why a message found no place.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// No room; it may wait.
    Full,
    /// The encoder cannot say it.
    Encode(EncodeError),
    /// The encoder panicked: the connection is broken.
    Broken,
}

/// Everything that was accepted up to some moment.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    calls: u64,
    shared: u64,
    bulk: u64,
    /// The end of the line, as long as somebody before it waits for room.
    line: Option<Ticket>,
}

/// What of the current turn the transport took.
#[derive(Debug, Default)]
struct Turn {
    number: u64,
    len: usize,
    taken: usize,
    /// The calls lane's part: positions in the lane, offset in the turn.
    lane_from: u64,
    lane_to: u64,
    lane_at: usize,
    replies: usize,
    /// Bytes that a layer made of the turn and the transport has not taken.
    wrapped: usize,
}

#[derive(Debug)]
pub(crate) struct Outbox<T> {
    control: VecDeque<Message>,
    calls: Output,
    /// Bytes ever appended to the calls lane.
    lane_end: u64,
    waiting: Line<T>,
    shared: SharedLane,
    bulk: VecDeque<(Option<Id>, Message)>,
    bulk_bytes: usize,
    /// Messages that ever left the bulk lane.
    bulk_left: u64,
    /// Bytes of replies that wait in the lanes.
    replies: usize,
    turn: Turn,
    one_lane: bool,
    max_lane: usize,
    max_bulk: usize,
    max_control: usize,
}

impl<T> Outbox<T> {
    pub(crate) fn new(config: &Config, one_lane: bool) -> Self {
        Self {
            control: VecDeque::new(),
            calls: Output::new(),
            lane_end: 0,
            waiting: Line::default(),
            shared: SharedLane::new(config),
            bulk: VecDeque::new(),
            bulk_bytes: 0,
            bulk_left: 0,
            replies: 0,
            turn: Turn::default(),
            one_lane,
            max_lane: config.lane_bytes,
            max_bulk: config.bulk_bytes,
            max_control: config.max_control,
        }
    }

    /// A broadcast, under the policy of its group.
    pub(crate) fn share(&mut self, shared: Shared, overflow: Overflow, now: Instant) -> Queued {
        self.shared.push(shared, overflow, now)
    }

    /// A call, notification or raw message, if there is room.
    #[inline]
    pub(crate) fn offer(
        &mut self,
        message: &Message,
        call: Option<Id>,
        encoder: &mut dyn Encode,
    ) -> Result<Place, Refusal> {
        let placed =
            if self.waiting.is_empty() { self.place(message, call, encoder) } else { Err(Refusal::Full) };
        match placed {
            // It may wait, so it is asked now whether it can be said.
            Err(Refusal::Full) => Err(checked(message, encoder).err().unwrap_or(Refusal::Full)),
            placed => placed,
        }
    }

    fn place(
        &mut self,
        message: &Message,
        call: Option<Id>,
        encoder: &mut dyn Encode,
    ) -> Result<Place, Refusal> {
        if self.is_bulk(message) {
            if self.bulk_bytes >= self.max_bulk {
                return Err(Refusal::Full);
            }
            checked(message, encoder)?;
            self.bulk_bytes = self.bulk_bytes.saturating_add(body_len(message));
            self.bulk.push_back((call, message.clone()));
            return Ok(Place::Bulk);
        }
        if self.calls.len() >= self.max_lane {
            return Err(Refusal::Full);
        }
        let at = self.lane_end;
        self.encode(message, encoder)?;
        Ok(Place::Lane(at))
    }

    /// A message that found no room waits for it, in arrival order.
    pub(crate) fn wait(&mut self, message: Message, owner: Owner<T>) -> Ticket {
        self.waiting.join(message, owner)
    }

    /// A reply or fault: it never waits.
    #[inline]
    pub(crate) fn reply(&mut self, message: &Message, encoder: &mut dyn Encode) -> Result<(), Refusal> {
        if self.is_bulk(message) {
            checked(message, encoder)?;
            let len = body_len(message);
            self.replies = self.replies.saturating_add(len);
            self.bulk_bytes = self.bulk_bytes.saturating_add(len);
            self.bulk.push_back((None, message.clone()));
            return Ok(());
        }
        let before = self.calls.len();
        self.encode(message, encoder)?;
        self.replies = self.replies.saturating_add(self.calls.len().saturating_sub(before));
        Ok(())
    }

    /// A control message: it goes first.
    pub(crate) fn control(&mut self, message: Message) {
        self.control.push_back(message);
    }

    /// A message that must leave after everything that was accepted before it: behind the bulk lane, which leaves
    /// behind the calls lane. The peer may close as soon as it has read it.
    pub(crate) fn last(&mut self, message: Message) {
        if self.waiting.is_empty() {
            self.bulk.push_back((None, message));
        } else {
            self.wait(message, Owner::OneWay(None));
        }
    }

    /// Whether so much control waits that reading has to pause.
    pub(crate) fn control_is_full(&self) -> bool {
        self.control.len() >= self.max_control
    }

    fn is_bulk(&self, message: &Message) -> bool {
        !self.one_lane && (body_len(message) > BULK_FROM || matches!(message, Message::Drain(_)))
    }

    #[inline]
    fn encode(&mut self, message: &Message, encoder: &mut dyn Encode) -> Result<(), Refusal> {
        let before = self.calls.len();
        let result = guarded(message, encoder, &mut self.calls);
        if result.is_err() {
            self.calls.truncate(before);
        }
        self.lane_end = self.lane_end.saturating_add(self.calls.len().saturating_sub(before) as u64);
        result
    }

    /// Whether a write turn is under way.
    pub(crate) const fn is_writing(&self) -> bool {
        self.turn.taken < self.turn.len || self.turn.wrapped > 0
    }

    /// Starts the next turn: moves what leaves next into `output`, which must be empty. `lost` hears of messages
    /// that could not be encoded after all; `moved` of calls whose bytes moved; `wake` gets who has room now.
    pub(crate) fn take(
        &mut self,
        encoder: &mut dyn Encode,
        output: &mut Output,
        mut moved: impl FnMut(Id, Result<Place, EncodeError>),
        wake: &mut Vec<T>,
    ) -> Result<u64, Refusal> {
        // Room that a withdrawal gave back is theirs who wait; else a turn without a byte would leave them waiting.
        self.refill(encoder, &mut moved, wake)?;
        let mut messages = 0;
        let number = self.turn.number.wrapping_add(1);
        while let Some(message) = self.control.pop_front() {
            messages += 1;
            ignore_unsayable(guarded(&message, encoder, output))?;
        }
        let lane_at = output.len();
        let lane_to = self.lane_end;
        let lane_from = lane_to.saturating_sub(self.calls.len() as u64);
        output.append(&mut self.calls);
        self.turn =
            Turn { number, len: 0, taken: 0, lane_from, lane_to, lane_at, replies: self.replies, wrapped: 0 };
        while output.len() < TURN
            && let Some(bytes) = self.shared.pop()
        {
            messages += 1;
            output.put_body(&bytes);
        }
        self.replies = 0;
        // One at least, or a calls lane that is always full would hold the bulk lane up for ever.
        let mut room = TURN.saturating_sub(output.len()).max(1);
        while room > 0
            && let Some((call, message)) = self.bulk.pop_front()
        {
            messages += 1;
            self.bulk_left = self.bulk_left.saturating_add(1);
            let len = body_len(&message);
            self.bulk_bytes = self.bulk_bytes.saturating_sub(len);
            room = room.saturating_sub(len);
            let at = output.len();
            match (guarded(&message, encoder, output), call) {
                (Ok(()), Some(id)) => moved(id, Ok(Place::Turn(number, at))),
                (Err(Refusal::Encode(error)), Some(id)) => moved(id, Err(error)),
                (result, _) => ignore_unsayable(result)?,
            }
        }
        // Replies of the bulk lane that stay behind are counted again.
        let behind = self.bulk.iter().filter(|(_, message)| matches!(message, Message::Reply { .. }));
        self.replies = behind.map(|(_, message)| body_len(message)).sum();
        self.turn.replies = self.turn.replies.saturating_sub(self.replies);
        self.turn.len = output.len();
        self.refill(encoder, &mut moved, wake)?;
        Ok(messages)
    }

    /// Gives room to those who wait, in arrival order.
    fn refill(
        &mut self,
        encoder: &mut dyn Encode,
        mut moved: impl FnMut(Id, Result<Place, EncodeError>),
        wake: &mut Vec<T>,
    ) -> Result<(), Refusal> {
        while let Some((owner, message)) = self.waiting.next() {
            let call = if let Owner::Call(id) = &owner { Some(*id) } else { None };
            let placed = match self.place(&message, call, encoder) {
                Err(Refusal::Full) => {
                    self.waiting.go_back(owner, message);
                    return Ok(());
                }
                Err(Refusal::Broken) => return Err(Refusal::Broken),
                Ok(place) => Ok(place),
                Err(Refusal::Encode(error)) => Err(error),
            };
            match owner {
                Owner::Call(id) => moved(id, placed),
                Owner::OneWay(token) => wake.extend(token),
            }
        }
        Ok(())
    }

    /// A layer took the whole turn and made `n` bytes of it: every message in it counts as handed over.
    pub(crate) const fn wrapped(&mut self, n: usize) {
        self.turn.taken = self.turn.len;
        self.turn.wrapped = n;
    }

    /// The transport took `n` bytes of the turn, or of what a layer made of it.
    pub(crate) fn wrote(&mut self, n: usize) {
        match self.turn.wrapped.checked_sub(n) {
            Some(left) if self.turn.wrapped > 0 => self.turn.wrapped = left,
            _ => {
                self.turn.wrapped = 0;
                self.turn.taken = self.turn.taken.saturating_add(n).min(self.turn.len);
            }
        }
        if !self.is_writing() {
            self.turn.replies = 0;
        }
    }

    /// A mark behind everything that was accepted so far.
    pub(crate) fn mark(&self) -> Mark {
        let bulk = self.bulk_left.saturating_add(self.bulk.len() as u64);
        let line = (!self.waiting.is_empty()).then(|| self.waiting.end());
        Mark { calls: self.lane_end, shared: self.shared.joined(), bulk, line }
    }

    /// Whether the transport took everything before a mark. Those who waited for room stand elsewhere once they have
    /// it, so the mark moves with them.
    pub(crate) fn has_passed(&self, mark: &mut Mark) -> bool {
        if let Some(end) = mark.line {
            if !self.waiting.has_passed(end) {
                return false;
            }
            *mark = Mark { line: None, ..self.mark() };
        }
        let calls = self.lane_end.saturating_sub(self.calls.len() as u64);
        let bulk = self.bulk.is_empty() || self.bulk_left >= mark.bulk;
        !self.is_writing() && calls >= mark.calls && bulk && self.shared.has_passed(mark.shared)
    }

    /// Bytes of replies that wait to be written.
    pub(crate) const fn replies(&self) -> usize {
        self.replies.saturating_add(self.turn.replies)
    }

    /// Bytes that wait to be written, as far as they are encoded or counted.
    pub(crate) const fn len(&self) -> usize {
        self.calls
            .len()
            .saturating_add(self.bulk_bytes)
            .saturating_add(self.shared.bytes())
            .saturating_add(self.turn.len.saturating_sub(self.turn.taken))
            .saturating_add(self.turn.wrapped)
    }

    /// Bytes that wait in the calls lane.
    pub(crate) const fn lane_len(&self) -> usize {
        self.calls.len()
    }

    /// Whether nothing waits in any lane and the turn was taken whole.
    pub(crate) fn is_idle(&self) -> bool {
        !self.is_writing() && !self.has_next()
    }

    /// Whether another turn would carry anything.
    pub(crate) fn has_next(&self) -> bool {
        !(self.calls.is_empty()
            && self.control.is_empty()
            && self.shared.is_empty()
            && self.bulk.is_empty()
            && self.waiting.is_empty())
    }

    /// Whether no byte of what lies there was handed to the transport, and, the connection being dead, never will be.
    pub(crate) fn never_left(&self, place: Place) -> bool {
        match place {
            Place::Waiting(_) | Place::Bulk => true,
            Place::Lane(at) if at >= self.turn.lane_to => true,
            Place::Lane(at) if at < self.turn.lane_from => false,
            Place::Lane(at) => {
                let offset = usize::try_from(at.saturating_sub(self.turn.lane_from)).unwrap_or(usize::MAX);
                self.turn.lane_at.saturating_add(offset) >= self.turn.taken
            }
            Place::Turn(number, at) => number == self.turn.number && at >= self.turn.taken,
        }
    }

    /// Takes a message back that was not encoded yet; `None` when it was.
    pub(crate) fn withdraw(&mut self, place: Place, id: Id) -> Option<Message> {
        match place {
            Place::Waiting(ticket) => self.withdraw_ticket(ticket),
            Place::Bulk => {
                let index = self.bulk.iter().position(|(call, _)| *call == Some(id))?;
                let (_, message) = self.bulk.remove(index)?;
                self.bulk_bytes = self.bulk_bytes.saturating_sub(body_len(&message));
                Some(message)
            }
            Place::Lane(_) | Place::Turn(..) => None,
        }
    }

    /// Takes a waiting message back; `None` when it has a place already.
    pub(crate) fn withdraw_ticket(&mut self, ticket: Ticket) -> Option<Message> {
        self.waiting.withdraw(ticket)
    }

    /// Whether the message of a ticket still waits; while it does, `register` may store or renew its token.
    pub(crate) fn poll_ticket(&mut self, ticket: Ticket, register: impl FnOnce(&mut Option<T>)) -> bool {
        self.waiting.poll(ticket, register)
    }

    /// The connection is over: wakes everyone who waits for room and says how many messages are lost.
    pub(crate) fn abandon(&mut self, wake: &mut Vec<T>) -> u64 {
        self.waiting.wake_all(wake);
        let lost = |(call, message): &&(Option<Id>, Message)| call.is_none() && message.body().is_some();
        let one_way = self.bulk.iter().filter(lost).count();
        self.control.clear();
        one_way.saturating_add(self.shared.len()) as u64
    }

    /// What is left to drop once the connection is over; dropped by the caller, outside the lock.
    pub(crate) fn remains(&mut self) -> Remains {
        let bulk = std::mem::take(&mut self.bulk).into_iter().map(|(_, message)| message);
        Remains {
            _messages: bulk.collect(),
            _shared: self.shared.take(),
            _calls: std::mem::take(&mut self.calls),
        }
    }

    /// Gives memory back; for a connection that falls idle.
    pub(crate) fn release(&mut self) {
        if self.is_idle() {
            self.calls.release();
            self.waiting.release();
            self.bulk = VecDeque::new();
            self.shared.release();
        }
    }
}

/// Bodies that nobody needs any more.
#[derive(Debug)]
pub(crate) struct Remains {
    _messages: Vec<Message>,
    _shared: VecDeque<(u64, Shared)>,
    _calls: Output,
}

fn body_len(message: &Message) -> usize {
    message.body().map_or(0, Bytes::len)
}

/// An encoder is foreign code under our lock: a panic in it ends this connection and nothing else.
#[inline]
fn guarded(message: &Message, encoder: &mut dyn Encode, output: &mut Output) -> Result<(), Refusal> {
    match catch_unwind(AssertUnwindSafe(|| encoder.encode(message, output))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Refusal::Encode(error)),
        Err(_) => Err(Refusal::Broken),
    }
}

/// The same before a message waits as one.
fn checked(message: &Message, encoder: &dyn Encode) -> Result<(), Refusal> {
    match catch_unwind(AssertUnwindSafe(|| encoder.check(message))) {
        Ok(checked) => checked.map_err(Refusal::Encode),
        Err(_) => Err(Refusal::Broken),
    }
}

/// For messages that nobody waits for: they were checked when they were accepted.
fn ignore_unsayable(result: Result<(), Refusal>) -> Result<(), Refusal> {
    match result {
        Err(Refusal::Encode(_)) => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use trunkline_wire::{Dialect, Limits, Side, iproto};

    use super::*;

    #[test]
    fn callers_that_give_up_leave_nothing_behind() {
        let config = Config { lane_bytes: 64, ..Config::for_dialect(&iproto::PROFILE) };
        let mut encoder = iproto::Iproto::new().start(Side::Dialling, &Limits::default()).encoder;
        let mut outbox = Outbox::<u32>::new(&config, false);
        let message = |body: &'static str| Message::notify(1.into(), body.into());
        while outbox.offer(&message("fills the lane"), None, &mut *encoder).is_ok() {}
        let first = outbox.wait(message("first"), Owner::OneWay(None));
        for _ in 0..10_000 {
            let ticket = outbox.wait(message("gives up"), Owner::OneWay(None));
            assert!(outbox.withdraw_ticket(ticket).is_some());
            assert!(outbox.withdraw_ticket(ticket).is_none(), "once");
        }
        let last = outbox.wait(message("last"), Owner::OneWay(None));
        for ticket in [first, last] {
            assert!(outbox.poll_ticket(ticket, |token| *token = Some(7)), "still waits");
        }
        let (mut output, mut wake) = (Output::new(), Vec::new());
        outbox.take(&mut *encoder, &mut output, |_, _| (), &mut wake).expect("encodes");
        assert_eq!(wake, [7, 7], "both have their place");
        output.clear();
        outbox.wrote(usize::MAX);
        outbox.take(&mut *encoder, &mut output, |_, _| (), &mut Vec::new()).expect("encodes");
        let sent = output.to_vec();
        assert!(sent.ends_with(b"last") && sent.windows(5).any(|window| window == b"first"));
        assert!(!sent.windows(8).any(|window| window == b"gives up"));
    }
}
