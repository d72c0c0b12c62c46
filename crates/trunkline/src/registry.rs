//! The peers of a server, by their ids.
//!
//! In: peers that connect. Out: who is connected, and the counters of all, past ones included. A peer leaves by itself
//! when it closes. Ten thousand that come and go do not meet on one lock: ids are spread over shards, and nothing is
//! held while another lock is taken.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use trunkline_engine::Stats;

use crate::peer::Peer;
use crate::sync::{AtomicUsize, Mutex, MutexGuard};

/// Ids are counted up, so their remainders are even over the shards. link's number.
const SHARDS: usize = 32;

pub(crate) struct Registry {
    shards: Vec<Mutex<Shard>>,
    open: AtomicUsize,
    limit: usize,
}

#[derive(Default)]
struct Shard {
    peers: HashMap<u64, Peer>,
    /// Counters of connections that are over.
    past: Stats,
    /// The server drains or is gone: whoever was still being welcomed comes too late.
    closed: bool,
}

impl Registry {
    /// A registry with room for `limit` peers.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Self::with_shards(SHARDS, limit)
    }

    fn with_shards(shards: usize, limit: usize) -> Arc<Self> {
        let shards = (0..shards).map(|_| Mutex::new(Shard::default())).collect();
        Arc::new(Self { shards, open: AtomicUsize::new(0), limit })
    }

    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    /// Enters a peer and has it leave by itself, or says why not.
    pub(crate) fn enter(self: &Arc<Self>, peer: &Peer) -> Result<(), &'static str> {
        let room = |open| (open < self.limit).then_some(open + 1);
        if self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_err() {
            return Err("`max_connections` are open");
        }
        let id = peer.id();
        let mut shard = self.shard(id);
        if shard.closed {
            drop(shard);
            self.open.fetch_sub(1, Ordering::Relaxed);
            return Err("the server drains");
        }
        shard.peers.insert(id, peer.clone());
        drop(shard);
        // Entered first and hooked second: a peer that closes in between runs the hook at once and leaves.
        let registry = Arc::downgrade(self);
        peer.on_close(move |_| {
            if let Some(registry) = registry.upgrade() {
                registry.leave(id);
            }
        });
        Ok(())
    }

    /// No peer may enter any more; those that are there. Whoever enters meanwhile is among them or is refused.
    pub(crate) fn close(&self) -> Vec<Peer> {
        let mut peers = Vec::with_capacity(self.len());
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.closed = true;
            peers.extend(shard.peers.values().cloned());
        }
        peers
    }

    fn leave(&self, id: u64) {
        let Some(peer) = self.get(id) else { return };
        let stats = peer.stats();
        let mut shard = self.shard(id);
        if shard.peers.remove(&id).is_some() {
            shard.past += stats;
            drop(shard);
            self.open.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn get(&self, id: u64) -> Option<Peer> {
        self.shard(id).peers.get(&id).cloned()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// The peers, shard by shard: each was there when its shard was looked at.
    pub(crate) fn peers(&self) -> Vec<Peer> {
        let mut peers = Vec::with_capacity(self.len());
        for shard in &self.shards {
            peers.extend(lock(shard).peers.values().cloned());
        }
        peers
    }

    /// The counters of all peers, those that left included, each once.
    pub(crate) fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for shard in &self.shards {
            let shard = lock(shard);
            let (past, peers) = (shard.past, shard.peers.values().cloned().collect::<Vec<_>>());
            drop(shard);
            stats += past;
            peers.iter().for_each(|peer| stats += peer.stats());
        }
        stats
    }

    fn shard(&self, id: u64) -> MutexGuard<'_, Shard> {
        let at = usize::try_from(id).unwrap_or(usize::MAX) % self.shards.len();
        lock(&self.shards[at])
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registry({} of {} peers)", self.len(), self.limit)
    }
}
