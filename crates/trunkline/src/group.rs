//! Many peers addressed as one.
//!
//! In: peers under keys. Out: one message to all of them, encoded once for those who spell alike, and a report of what
//! became of it. A peer that closes leaves by itself. No lock is held while anything is sent, and none while user code
//! runs.

mod broadcast;
mod members;

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use trunkline_engine::Overflow;
use trunkline_wire::Route;

use self::broadcast::Broadcast;
use self::members::Members;
use crate::body::IntoBody;
use crate::error::Error;
use crate::peer::Peer;

/// A keyed set of peers. Cheap to clone; it does not keep connections open.
///
/// The same peer may be under several keys and in several groups. `S` is state of the group's own.
pub struct Group<K, S = ()> {
    inner: Arc<Inner<K, S>>,
}

struct Inner<K, S> {
    members: Arc<Members<K>>,
    overflow: Overflow,
    state: S,
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
        Self { inner: Arc::new(Inner { members: Members::new(), overflow, state }) }
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
        Ok(self.inner.members.join(key, peer))
    }

    /// Takes the peer under a key out; it stays connected.
    pub fn leave(&self, key: &K) -> Option<Peer> {
        self.inner.members.leave(key)
    }

    /// The peer under a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<Peer> {
        self.inner.members.get(key)
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.members.len()
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The keys and peers as they are now: a snapshot, which may be walked while the group changes.
    #[must_use]
    pub fn members(&self) -> Vec<(K, Peer)> {
        self.inner.members.all()
    }

    /// Empties the group; its peers stay connected. Returns them.
    pub fn clear(&self) -> Vec<(K, Peer)> {
        self.inner.members.clear()
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
        for peer in self.inner.members.snapshot().iter() {
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
        for peer in self.inner.members.snapshot().iter().filter(|peer| wanted(peer)) {
            broadcast.to(peer);
        }
        broadcast.delivered
    }
}

impl<K, S> Clone for Group<K, S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<K, S> fmt::Debug for Group<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Group({} members, {:?})", self.inner.members.len(), self.inner.overflow)
    }
}
