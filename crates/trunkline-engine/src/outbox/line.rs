//! Messages that wait for room, in arrival order.
//!
//! In: messages with their owners, and withdrawals. Out: the next one, when there is room.

use std::collections::VecDeque;

use trunkline_wire::{Id, Message};

/// A place in the queue for room; numbers grow in arrival order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// Who waits for room.
#[derive(Debug)]
pub(crate) enum Owner<T> {
    /// A call, by its id.
    Call(Id),
    /// A notification or raw message; the token is woken when it has a place.
    OneWay(Option<T>),
}

#[derive(Debug)]
struct Waiting<T> {
    ticket: Ticket,
    owner: Owner<T>,
    message: Message,
}

#[derive(Debug)]
pub(super) struct Line<T> {
    queue: VecDeque<Waiting<T>>,
    /// The ticket of the next to join.
    joined: u64,
    /// The ticket of the one who stepped out last.
    left: Ticket,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), joined: 0, left: Ticket(0) }
    }
}

impl<T> Line<T> {
    pub(super) fn join(&mut self, message: Message, owner: Owner<T>) -> Ticket {
        let ticket = Ticket(self.joined);
        self.joined = self.joined.saturating_add(1);
        self.queue.push_back(Waiting { ticket, owner, message });
        ticket
    }

    /// The first in the line steps out.
    pub(super) fn next(&mut self) -> Option<(Owner<T>, Message)> {
        let Waiting { ticket, owner, message } = self.queue.pop_front()?;
        self.left = ticket;
        Some((owner, message))
    }

    /// The one who stepped out last found no room after all, and is first again.
    pub(super) fn go_back(&mut self, owner: Owner<T>, message: Message) {
        self.queue.push_front(Waiting { ticket: self.left, owner, message });
    }

    pub(super) fn withdraw(&mut self, ticket: Ticket) -> Option<Message> {
        let at = self.find(ticket)?;
        Some(self.queue.remove(at)?.message)
    }

    /// Whether a message still waits; while it does, `register` may store or renew its token.
    pub(super) fn poll(&mut self, ticket: Ticket, register: impl FnOnce(&mut Option<T>)) -> bool {
        let waiting = self.find(ticket).and_then(|at| self.queue.get_mut(at));
        let Some(Waiting { owner: Owner::OneWay(token), .. }) = waiting else { return false };
        register(token);
        true
    }

    /// Tickets grow along the line.
    fn find(&self, ticket: Ticket) -> Option<usize> {
        self.queue.binary_search_by_key(&ticket, |waiting| waiting.ticket).ok()
    }

    pub(super) fn wake_all(&mut self, wake: &mut Vec<T>) {
        for waiting in &mut self.queue {
            if let Owner::OneWay(token) = &mut waiting.owner {
                wake.extend(token.take());
            }
        }
    }

    /// Behind everyone who joined so far.
    pub(super) const fn end(&self) -> Ticket {
        Ticket(self.joined)
    }

    /// Whether everyone before that end has left.
    pub(super) fn has_passed(&self, end: Ticket) -> bool {
        self.queue.front().is_none_or(|waiting| waiting.ticket >= end)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn release(&mut self) {
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
    }
}
