//! Every connection of a client that is not over, and what those counted that are.
//!
//! In: connections, as soon as they exist. Out: their counters, and all of them when the client ends. A connection
//! leaves by itself when it is over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trunkline_engine::Stats;

use crate::link::Link;
use crate::peer::Peer;

#[derive(Debug, Default)]
pub(super) struct Register(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    links: HashMap<u64, Arc<Link>>,
    past: Stats,
}

impl Register {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a connection; `gone` runs when it has left.
    pub(super) fn enter(self: &Arc<Self>, peer: &Peer, gone: impl FnOnce() + Send + 'static) {
        self.entries().links.insert(peer.id(), peer.link.clone());
        let (register, id) = (Arc::downgrade(self), peer.id());
        peer.on_close(move |_| {
            if let Some(register) = register.upgrade() {
                register.remove(id);
            }
            gone();
        });
    }

    fn remove(&self, id: u64) {
        let mut entries = self.entries();
        let link = entries.links.remove(&id);
        if let Some(link) = &link {
            entries.past += *link.lock().conn.stats();
        }
        // The last handle of a connection may drop what is the user's: after the lock.
        drop(entries);
        drop(link);
    }

    pub(super) fn links(&self) -> Vec<Arc<Link>> {
        self.entries().links.values().cloned().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries().links.is_empty()
    }

    /// The counters of all connections, those that are over included.
    pub(super) fn stats(&self) -> Stats {
        let entries = self.entries();
        let mut stats = entries.past;
        entries.links.values().for_each(|link| stats += *link.lock().conn.stats());
        stats
    }
}
