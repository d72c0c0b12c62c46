//! Close hooks of one connection.
//!
//! In: hooks, before, while and after the connection ends. Out: each runs exactly once, in the order of registration,
//! one at a time, and under no lock. A hook that was taken back does not run.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use trunkline_engine::CloseReason;

use crate::sync::{Mutex, MutexGuard};

pub(crate) type Hook = Box<dyn FnOnce(&CloseReason) + Send>;

/// A hook's place in the order; it takes the hook back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

pub(crate) struct Hooks {
    state: Mutex<State>,
}

struct State {
    waiting: VecDeque<(Ticket, Hook)>,
    next: u64,
    /// Set when every hook has run; later ones run where they are registered.
    over: Option<Arc<CloseReason>>,
}

impl Hooks {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State { waiting: VecDeque::new(), next: 0, over: None }) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a hook. While others run it waits for its turn; when all have run it runs at once, in here.
    pub(crate) fn add(&self, hook: Hook) -> Ticket {
        let mut state = self.lock();
        let ticket = Ticket(state.next);
        state.next += 1;
        // One section: whoever checks first and registers after it is forgotten by an end in between.
        let Some(reason) = state.over.clone() else {
            state.waiting.push_back((ticket, hook));
            return ticket;
        };
        drop(state);
        run(hook, &reason);
        ticket
    }

    /// Takes a hook back that has not run. It is dropped here, outside of the lock.
    pub(crate) fn forget(&self, ticket: Ticket) {
        let mut state = self.lock();
        let at = state.waiting.binary_search_by_key(&ticket, |(ticket, _)| *ticket).ok();
        let hook = at.and_then(|at| state.waiting.remove(at));
        drop(state);
        drop(hook);
    }

    /// The connection is over: runs every hook. To be called once.
    pub(crate) fn run(&self, reason: &Arc<CloseReason>) {
        loop {
            let mut state = self.lock();
            let Some((_, hook)) = state.waiting.pop_front() else {
                state.over = Some(reason.clone());
                return;
            };
            drop(state);
            run(hook, reason);
        }
    }
}

/// A hook is foreign code: its panic ends nothing but itself.
fn run(hook: Hook, reason: &CloseReason) {
    if catch_unwind(AssertUnwindSafe(|| hook(reason))).is_err() {
        tracing::error!("a close hook panicked");
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        write!(f, "Hooks({} waiting, over: {})", state.waiting.len(), state.over.is_some())
    }
}
