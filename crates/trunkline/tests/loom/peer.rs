//! A peer that can be hooked and closed, and nothing else.

use std::fmt;
use std::sync::Arc;

use loom::sync::Mutex;
use trunkline_engine::{CloseReason, Stats};

use crate::hooks::{Hook, Hooks, Ticket};

#[derive(Clone)]
pub(crate) struct Peer(Arc<End>);

struct End {
    id: u64,
    hooks: Hooks,
    planted: Option<Planted>,
}

/// A list of hooks as link has it (L12): whether the peer is closed is looked at first, and the hook registered after
/// that, in a section of its own.
#[derive(Default)]
struct Planted {
    over: Mutex<bool>,
    waiting: Mutex<Vec<Hook>>,
}

impl Peer {
    pub(crate) fn new(id: u64) -> Self {
        Self(Arc::new(End { id, hooks: Hooks::new(), planted: None }))
    }

    pub(crate) fn planted(id: u64) -> Self {
        Self(Arc::new(End { id, hooks: Hooks::new(), planted: Some(Planted::default()) }))
    }

    pub(crate) fn id(&self) -> u64 {
        self.0.id
    }

    pub(crate) fn hook(&self, hook: Hook) -> Ticket {
        let Some(planted) = &self.0.planted else { return self.0.hooks.add(hook) };
        let over = *planted.over.lock().expect("no panic");
        if over {
            hook(&CloseReason::Local);
        } else {
            planted.waiting.lock().expect("no panic").push(hook);
        }
        self.0.hooks.add(Box::new(|_| ()))
    }

    pub(crate) fn forget_hook(&self, hook: Ticket) {
        self.0.hooks.forget(hook);
    }

    pub(crate) fn on_close(&self, hook: impl FnOnce(&CloseReason) + Send + 'static) {
        self.hook(Box::new(hook));
    }

    /// What a driver does at its end.
    pub(crate) fn close(&self) {
        if let Some(planted) = &self.0.planted {
            *planted.over.lock().expect("no panic") = true;
            let waiting = std::mem::take(&mut *planted.waiting.lock().expect("no panic"));
            waiting.into_iter().for_each(|hook| hook(&CloseReason::Local));
        }
        self.0.hooks.run(&Arc::new(CloseReason::Local));
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        stats.notified = 1;
        stats
    }
}

impl PartialEq for Peer {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peer({})", self.id())
    }
}
