//! Many peers addressed as one.
//!
//! In: peers under keys. Out: one message to all of them, encoded once for those who spell alike, and a report of what
//! became of it. A peer that closes leaves by itself. No lock is held while anything is sent, and none while user code
//! runs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use trunkline_engine::{CloseReason, Overflow, Queued, Shared};
use trunkline_wire::{Limits, Message, Output, Profile, Route, SharedKey};

use crate::body::IntoBody;
use crate::error::Error;
use crate::link::now;
use crate::peer::Peer;

/// A keyed set of peers. Cheap to clone; it does not keep connections open.
///
/// The same peer may be under several keys and in several groups. `S` is state of the group's own.
pub struct Group<K, S = ()> {
    inner: Arc<Inner<K, S>>,
}

struct Inner<K, S> {
    members: Mutex<Members<K>>,
    overflow: Overflow,
    state: S,
}

struct Members<K> {
    by_key: HashMap<K, Member>,
    /// The members as broadcasts see them; made again after a change.
    snapshot: Option<Arc<[Peer]>>,
}

struct Member {
    peer: Peer,
    hook: u64,
}

/// What became of a broadcast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivered {
    /// Peers for whom it waits to be sent.
    pub queued: usize,
    /// Messages that were dropped: this one, or older ones that gave way.
    pub dropped: usize,
    /// Peers that are closed, were closed for taking too little, or are draining.
    pub closed: usize,
    /// Peers whose dialect has no words for it.
    pub unsayable: usize,
}

impl<K: Hash + Eq + Clone + Send + 'static> Group<K> {
    /// An empty group that closes peers who take too little.
    #[must_use]
    pub fn new() -> Self {
        Self::with_overflow(Overflow::Close)
    }

    /// An empty group, and what happens to peers who take too little.
    #[must_use]
    pub fn with_overflow(overflow: Overflow) -> Self {
        Self::with_state(overflow, ())
    }
}

impl<K: Hash + Eq + Clone + Send + 'static> Default for Group<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Hash + Eq + Clone + Send + 'static, S: Send + Sync + 'static> Group<K, S> {
    /// An empty group with state of its own.
    #[must_use]
    pub fn with_state(overflow: Overflow, state: S) -> Self {
        let members = Mutex::new(Members { by_key: HashMap::new(), snapshot: None });
        Self { inner: Arc::new(Inner { members, overflow, state }) }
    }

    /// The group's state.
    #[must_use]
    pub fn state(&self) -> &S {
        &self.inner.state
    }

    /// Puts a peer under a key; returns who was there before, who stays connected. A peer that is closed, or closes
    /// meanwhile, leaves at once.
    ///
    /// # Errors
    /// When the peer's dialect cannot be notified (gorpc).
    pub fn join(&self, key: K, peer: &Peer) -> Result<Option<Peer>, Error> {
        // What a stateful encoder sends has one order, and broadcasts have a lane of their own.
        if !peer.profile().notify || peer.profile().stateful {
            return Err(Error::unsayable(peer.dialect(), "notify", ": it cannot join a group"));
        }
        let id = peer.id();
        let before = {
            let mut members = self.inner.lock();
            members.snapshot = None;
            members.by_key.insert(key.clone(), Member { peer: peer.clone(), hook: u64::MAX })
        };
        let before = before.map(Member::forget);
        // Entered first and hooked second: a peer that closes in between runs the hook at once and leaves.
        let group = Arc::downgrade(&self.inner);
        let hooked = key.clone();
        let hook = peer.link.on_close(Box::new(move |_| {
            if let Some(group) = group.upgrade() {
                drop(group.remove(&hooked, Some(id)));
            }
        }));
        let mut members = self.inner.lock();
        match members.by_key.get_mut(&key) {
            Some(member) if member.peer.id() == id => member.hook = hook,
            // Replaced or removed in the meantime: its hook has nothing to do any more.
            _ => {
                drop(members);
                peer.link.forget_hook(hook);
            }
        }
        Ok(before)
    }

    /// Takes the peer under a key out; it stays connected.
    pub fn leave(&self, key: &K) -> Option<Peer> {
        self.inner.remove(key, None).map(Member::forget)
    }

    /// The peer under a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<Peer> {
        self.inner.lock().by_key.get(key).map(|member| member.peer.clone())
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.lock().by_key.len()
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The keys and peers as they are now: a snapshot, which may be walked while the group changes.
    #[must_use]
    pub fn members(&self) -> Vec<(K, Peer)> {
        self.inner.lock().by_key.iter().map(|(key, member)| (key.clone(), member.peer.clone())).collect()
    }

    /// Empties the group; its peers stay connected. Returns them.
    pub fn clear(&self) -> Vec<(K, Peer)> {
        let all = {
            let mut members = self.inner.lock();
            members.snapshot = None;
            std::mem::take(&mut members.by_key)
        };
        all.into_iter().map(|(key, member)| (key, member.forget())).collect()
    }

    /// Sends a notification to every member, without waiting.
    pub fn broadcast(&self, route: impl Into<Route>, body: impl IntoBody + Clone) -> Delivered {
        self.send(&route.into(), body, None, |_| true)
    }

    /// Sends a notification to every member but one.
    pub fn broadcast_except(
        &self,
        but: &Peer,
        route: impl Into<Route>,
        body: impl IntoBody + Clone,
    ) -> Delivered {
        self.send(&route.into(), body, None, |peer| peer != but)
    }

    /// Sends a notification that makes waiting ones with the same `about` needless ([`Overflow::Coalesce`]).
    pub fn broadcast_latest(
        &self,
        about: u64,
        route: impl Into<Route>,
        body: impl IntoBody + Clone,
    ) -> Delivered {
        self.send(&route.into(), body, Some(about), |_| true)
    }

    /// Sends a notification to every member and waits, for at most `limit` in all, until each has room for it.
    ///
    /// Cancel safe: members that were not reached yet are not sent it.
    pub async fn broadcast_wait(
        &self,
        route: impl Into<Route>,
        body: impl IntoBody + Clone,
        limit: Duration,
    ) -> Delivered {
        let (route, until) = (route.into(), tokio::time::Instant::now() + limit);
        let mut delivered = Delivered::default();
        for peer in self.inner.snapshot().iter() {
            match tokio::time::timeout_at(until, peer.notify(route.clone(), body.clone())).await {
                Ok(Ok(())) => delivered.queued += 1,
                Ok(Err(error)) if error.is_closed() => delivered.closed += 1,
                Ok(Err(error)) if error.is_unsayable() => delivered.unsayable += 1,
                Ok(Err(_)) | Err(_) => delivered.dropped += 1,
            }
        }
        delivered
    }

    /// Sends a notification to the peer under one key. `None`: nobody is there.
    pub fn send_to(
        &self,
        key: &K,
        route: impl Into<Route>,
        body: impl IntoBody + Clone,
    ) -> Option<Delivered> {
        let peer = self.get(key)?;
        let mut broadcast = Broadcast::new(route.into(), body, None, self.inner.overflow);
        broadcast.to(&peer);
        Some(broadcast.delivered)
    }

    fn send(
        &self,
        route: &Route,
        body: impl IntoBody + Clone,
        about: Option<u64>,
        wanted: impl Fn(&Peer) -> bool,
    ) -> Delivered {
        let mut broadcast = Broadcast::new(route.clone(), body, about, self.inner.overflow);
        for peer in self.inner.snapshot().iter().filter(|peer| wanted(peer)) {
            broadcast.to(peer);
        }
        broadcast.delivered
    }
}

impl Member {
    /// The peer, whose close no longer concerns the group.
    fn forget(self) -> Peer {
        self.peer.link.forget_hook(self.hook);
        self.peer
    }
}

impl<K: Hash + Eq, S> Inner<K, S> {
    fn lock(&self) -> MutexGuard<'_, Members<K>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn snapshot(&self) -> Arc<[Peer]> {
        let mut members = self.lock();
        let Members { by_key, snapshot } = &mut *members;
        snapshot.get_or_insert_with(|| by_key.values().map(|member| member.peer.clone()).collect()).clone()
    }

    /// Takes a member out; with an id only if it is still that peer.
    fn remove(&self, key: &K, id: Option<u64>) -> Option<Member>
    where
        K: Clone,
    {
        let mut members = self.lock();
        let Entry::Occupied(entry) = members.by_key.entry(key.clone()) else { return None };
        if id.is_some_and(|id| entry.get().peer.id() != id) {
            return None;
        }
        let member = entry.remove();
        members.snapshot = None;
        Some(member)
    }
}

/// One message on its way to many.
struct Broadcast<B> {
    route: Route,
    body: B,
    about: Option<u64>,
    overflow: Overflow,
    /// What was encoded already, by who shares it.
    encoded: Vec<(SharedKey, Option<Bytes>)>,
    delivered: Delivered,
}

impl<B: IntoBody + Clone> Broadcast<B> {
    fn new(route: Route, body: B, about: Option<u64>, overflow: Overflow) -> Self {
        Self { route, body, about, overflow, encoded: Vec::new(), delivered: Delivered::default() }
    }

    fn to(&mut self, peer: &Peer) {
        let facts = &peer.link.facts;
        let Some(key) = facts.shared_key else { return self.alone(peer) };
        let known = self.encoded.iter().find(|(known, _)| *known == key).map(|(_, bytes)| bytes.clone());
        let bytes = known.unwrap_or_else(|| {
            let bytes = self.encode(peer);
            self.encoded.push((key, bytes.clone()));
            bytes
        });
        let Some(bytes) = bytes else {
            self.delivered.unsayable += 1;
            return;
        };
        let shared = Shared { bytes, key: self.about };
        let now = now();
        match peer.link.command(|inner| inner.conn.share(shared, self.overflow, now)) {
            Err(_) => self.delivered.closed += 1,
            Ok(Queued::Queued) => self.delivered.queued += 1,
            Ok(Queued::Displaced(gone)) => {
                self.delivered.queued += 1;
                self.delivered.dropped += gone.len();
            }
            Ok(Queued::Dropped) => self.delivered.dropped += 1,
            Ok(Queued::Overflowed { waiting, limit }) => {
                self.delivered.closed += 1;
                peer.link.close(CloseReason::Overload {
                    what: "bytes of broadcasts that wait",
                    value: waiting,
                    limit,
                    setting: "shared_bytes",
                });
            }
        }
    }

    /// The bytes for everyone with the same key, by a fresh encoder of the same dialect and side.
    fn encode(&self, peer: &Peer) -> Option<Bytes> {
        let facts = &peer.link.facts;
        let body = self.body.clone().into_body(facts.profile).ok()?;
        if !sayable(facts.profile, &self.route) || body.len() > facts.config.limits.max_message {
            return None;
        }
        let limits: &Limits = &facts.config.limits;
        let mut encoder = facts.dialect.start(facts.side, limits).encoder;
        let mut output = Output::new();
        encoder.encode(&Message::notify(self.route.clone(), body), &mut output).ok()?;
        Some(output.to_vec().into())
    }

    /// A peer whose encoder shares nothing is sent a message of its own.
    fn alone(&mut self, peer: &Peer) {
        match peer.try_notify(self.route.clone(), self.body.clone()) {
            Ok(()) => self.delivered.queued += 1,
            Err(error) if error.is_closed() => self.delivered.closed += 1,
            Err(error) if error.is_unsayable() => self.delivered.unsayable += 1,
            Err(_) => self.delivered.dropped += 1,
        }
    }
}

/// Whether a route can be said at all; dialects without routes do not mind.
fn sayable(profile: &Profile, route: &Route) -> bool {
    match (profile.numbers, profile.names) {
        (false, false) | (true, true) => true,
        (true, false) => route.number().is_some(),
        (false, true) => route.name().is_some(),
    }
}

impl<K, S> Clone for Group<K, S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<K, S> fmt::Debug for Group<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self.inner.members.lock().unwrap_or_else(PoisonError::into_inner).by_key.len();
        write!(f, "Group({members} members, {:?})", self.inner.overflow)
    }
}
