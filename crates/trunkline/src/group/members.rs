//! Who is in a group.
//!
//! In: peers that join and leave. Out: a snapshot of them. A peer that closes leaves by itself, also when it closes
//! while it joins. The lock is held for one step on the table; hooks are registered, run and dropped outside of it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, PoisonError};

use crate::hooks::Ticket;
use crate::peer::Peer;
use crate::sync::{Mutex, MutexGuard};

pub(crate) struct Members<K> {
    table: Mutex<Table<K>>,
}

struct Table<K> {
    by_key: HashMap<K, Member>,
    /// The members as broadcasts see them; made again after a change.
    snapshot: Option<Arc<[Peer]>>,
}

struct Member {
    peer: Peer,
    /// Takes its close hook back; `None` while it is being registered.
    hook: Option<Ticket>,
}

impl Member {
    /// The peer, whose close no longer concerns the group.
    fn forget(self) -> Peer {
        if let Some(hook) = self.hook {
            self.peer.forget_hook(hook);
        }
        self.peer
    }
}

impl<K> Members<K> {
    fn lock(&self) -> MutexGuard<'_, Table<K>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().by_key.len()
    }
}

impl<K: Hash + Eq + Clone + Send + 'static> Members<K> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { table: Mutex::new(Table { by_key: HashMap::new(), snapshot: None }) })
    }

    /// Puts a peer under a key; returns who was there before.
    pub(crate) fn join(self: &Arc<Self>, key: K, peer: &Peer) -> Option<Peer> {
        let id = peer.id();
        let before = {
            let mut table = self.lock();
            table.snapshot = None;
            table.by_key.insert(key.clone(), Member { peer: peer.clone(), hook: None })
        };
        let before = before.map(Member::forget);
        // Entered first and hooked second: a peer that closes in between runs the hook at once and leaves.
        let (members, hooked) = (Arc::downgrade(self), key.clone());
        let hook = peer.hook(Box::new(move |_| {
            if let Some(members) = members.upgrade() {
                drop(members.remove(&hooked, Some(id)));
            }
        }));
        let mut table = self.lock();
        match table.by_key.get_mut(&key) {
            Some(member) if member.peer.id() == id && member.hook.is_none() => member.hook = Some(hook),
            // Replaced or removed in the meantime: its hook has nothing to do any more.
            _ => {
                drop(table);
                peer.forget_hook(hook);
            }
        }
        before
    }

    /// Takes the peer under a key out.
    pub(crate) fn leave(&self, key: &K) -> Option<Peer> {
        self.remove(key, None).map(Member::forget)
    }

    /// Takes everyone out.
    pub(crate) fn clear(&self) -> Vec<(K, Peer)> {
        let all = {
            let mut table = self.lock();
            table.snapshot = None;
            std::mem::take(&mut table.by_key)
        };
        all.into_iter().map(|(key, member)| (key, member.forget())).collect()
    }

    pub(crate) fn get(&self, key: &K) -> Option<Peer> {
        self.lock().by_key.get(key).map(|member| member.peer.clone())
    }

    pub(crate) fn all(&self) -> Vec<(K, Peer)> {
        self.lock().by_key.iter().map(|(key, member)| (key.clone(), member.peer.clone())).collect()
    }

    pub(crate) fn snapshot(&self) -> Arc<[Peer]> {
        let mut table = self.lock();
        let Table { by_key, snapshot } = &mut *table;
        snapshot.get_or_insert_with(|| by_key.values().map(|member| member.peer.clone()).collect()).clone()
    }

    /// Takes a member out; with an id only if it is still that peer.
    fn remove(&self, key: &K, id: Option<u64>) -> Option<Member> {
        let mut table = self.lock();
        let Entry::Occupied(entry) = table.by_key.entry(key.clone()) else { return None };
        if id.is_some_and(|id| entry.get().peer.id() != id) {
            return None;
        }
        let member = entry.remove();
        table.snapshot = None;
        Some(member)
    }
}
