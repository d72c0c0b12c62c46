//! The slots of a client, and the list of the connections that are up.
//!
//! In: demand from callers, connections from the slots' tasks, size changes, the end. Out: a list that is read without
//! a lock, and the end of every connection when the last client is gone.
//!
//! Everything that changes the list happens under one lock, which is never held across an await; calls do not take it.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::budget::Budget;
use super::dial::{Counted, Dialler};
use super::limit::Limit;
use super::pick::Pick;
use super::register::Register;
use super::slot::{Keeper, Redial};
use crate::error::{Error, ErrorKind};
use crate::link::{Link, now};
use crate::peer::Peer;

/// What a call gets when no connection is up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Offline {
    /// It waits for one, for `wait_timeout` at most.
    #[default]
    Wait,
    /// It fails at once with [`ErrorKind::Offline`] (go-iproto's `FailOnCutoff`).
    Fail,
}

/// The settings that the pool itself reads.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) pick: Pick,
    pub(super) offline: Offline,
    pub(super) redial: Redial,
    pub(super) backoff: Backoff,
    pub(super) wait_timeout: Duration,
}

pub(super) struct Pool {
    pub(super) settings: Settings,
    pub(super) dialler: Dialler,
    pub(super) limit: Option<Limit>,
    pub(super) budget: Budget,
    /// The connections that take calls.
    live: ArcSwap<Vec<Peer>>,
    /// Calls that asked for a connection.
    pub(super) picked: AtomicU64,
    /// One more slot may be dialled, and nobody is at it.
    short: AtomicBool,
    slots: Mutex<Slots>,
    /// Every connection that is not over, those that drain or log in included.
    pub(super) register: Arc<Register>,
    /// A connection came or went, an attempt failed, or the client stopped.
    pub(super) changed: Notify,
    waiting: AtomicUsize,
    /// Somebody began to wait.
    came: Notify,
    pub(super) wait_errors: AtomicU64,
    pub(super) repeats: AtomicU64,
    stop: CancellationToken,
}

#[derive(Default)]
struct Slots {
    all: Vec<Slot>,
    next_id: u64,
    last_error: Option<Error>,
}

struct Slot {
    id: u64,
    state: State,
    stop: CancellationToken,
    gifts: mpsc::Sender<Peer>,
    left: Arc<Notify>,
    pause: Option<u32>,
}

enum State {
    /// No task.
    Idle,
    /// Its task dials or pauses.
    Dialling,
    Live(Peer),
}

impl Pool {
    pub(super) fn new(settings: Settings, dialler: Dialler, limit: Option<Limit>, size: usize) -> Arc<Self> {
        let pool = Self {
            settings,
            dialler,
            limit,
            budget: Budget::new(now()),
            live: ArcSwap::default(),
            picked: AtomicU64::new(0),
            short: AtomicBool::new(false),
            slots: Mutex::default(),
            register: Arc::default(),
            changed: Notify::new(),
            waiting: AtomicUsize::new(0),
            came: Notify::new(),
            wait_errors: AtomicU64::new(0),
            repeats: AtomicU64::new(0),
            stop: CancellationToken::new(),
        };
        pool.resize(size);
        Arc::new(pool)
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- for callers ----------------------------------------------------------------------------------------

    /// The connection for the next call, if one is up; asks for one more slot if the client may have it. The connection
    /// may have begun to drain: then the call is not sent, and [`open`](Self::open) finds another.
    #[inline]
    pub(super) fn next(self: &Arc<Self>) -> Option<Peer> {
        self.at(self.picked.fetch_add(1, Ordering::Relaxed))
    }

    #[inline]
    fn at(self: &Arc<Self>, turn: u64) -> Option<Peer> {
        if self.short.load(Ordering::Relaxed) {
            self.grow(1);
        }
        self.settings.pick.choose(&self.live.load(), turn).cloned()
    }

    /// A connection that does not drain; such are taken out of the list.
    pub(super) fn open(self: &Arc<Self>, turn: u64) -> Option<Peer> {
        loop {
            let peer = self.at(turn)?;
            if peer.is_open() {
                return Some(peer);
            }
            self.leave(&peer);
        }
    }

    /// The connections that take calls.
    pub(super) fn peers(&self) -> Vec<Peer> {
        self.live.load().iter().filter(|peer| peer.is_open()).cloned().collect()
    }

    pub(super) fn is_offline(&self) -> bool {
        self.live.load().is_empty()
    }

    /// Somebody waits for a connection, until the guard is dropped: pauses become short.
    pub(super) fn wait(&self) -> Counted<'_> {
        let waiting = Counted::new(&self.waiting);
        self.came.notify_waiters();
        waiting
    }

    pub(super) fn somebody_waits(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Starts idle slots, `most` at a time and none while others dial already, except when all are wanted.
    pub(super) fn grow(self: &Arc<Self>, most: usize) {
        let mut slots = self.slots();
        if self.stop.is_cancelled() {
            return;
        }
        let mut free = most.saturating_sub(slots.dialling());
        for slot in slots.all.iter_mut().filter(|slot| matches!(slot.state, State::Idle)) {
            if free == 0 {
                break;
            }
            free -= 1;
            self.start(slot);
        }
        self.publish(&slots);
    }

    fn start(self: &Arc<Self>, slot: &mut Slot) {
        // A gift that waits for the task is kept by making the channel before the task, and only here.
        let (gifts, received) = mpsc::channel(1);
        slot.gifts = gifts;
        slot.state = State::Dialling;
        let keeper = Keeper {
            pool: self.clone(),
            slot: slot.id,
            stop: slot.stop.clone(),
            gifts: received,
            left: slot.left.clone(),
            pause: slot.pause,
        };
        tokio::spawn(keeper.run());
    }

    // ---- for the tasks of the slots -------------------------------------------------------------------------

    /// The pause before redial number `n`: short while somebody waits, long while nobody does.
    pub(super) async fn pause(&self, n: u32) {
        let (backoff, began) = (self.settings.backoff, now());
        let hurried = began + backoff.hurried(n);
        let calm = began + backoff.calm(n);
        let hurry = async {
            tokio::time::sleep_until(hurried.into()).await;
            until(&self.came, || self.somebody_waits()).await;
        };
        tokio::select! {
            () = hurry => {}
            () = tokio::time::sleep_until(calm.into()) => {}
        }
    }

    /// A connection is ready: into its slot and the list. `false`: the slot was given up or filled otherwise.
    pub(super) fn fill(&self, id: u64, peer: &Peer) -> bool {
        let mut slots = self.slots();
        let filled = match slots.get(id) {
            Some(slot) if matches!(slot.state, State::Dialling) => {
                slot.state = State::Live(peer.clone());
                true
            }
            _ => false,
        };
        if filled {
            self.publish(&slots);
        }
        filled
    }

    /// Whether the slot's connection is this one.
    pub(super) fn holds(&self, id: u64, peer: &Peer) -> bool {
        matches!(self.slots().get(id), Some(Slot { state: State::Live(held), .. }) if held == peer)
    }

    /// The slot's connection is over or drains; the task of the slot goes on.
    pub(super) fn vacate(&self, id: u64, peer: &Peer, pause: Option<u32>) {
        let mut slots = self.slots();
        let Some(slot) = slots.get(id) else { return };
        slot.pause = pause;
        if matches!(&slot.state, State::Live(held) if held == peer) {
            slot.state = State::Dialling;
        }
        self.publish(&slots);
    }

    /// The slot's task ends. `false`: it must go on, a connection was adopted meanwhile.
    pub(super) fn rest(&self, id: u64, pause: Option<u32>) -> bool {
        let mut slots = self.slots();
        let Some(slot) = slots.get(id) else { return true };
        slot.pause = pause;
        let rests = matches!(slot.state, State::Dialling);
        if rests {
            slot.state = State::Idle;
        }
        self.publish(&slots);
        rests
    }

    /// A round of dialling was in vain.
    pub(super) fn missed(&self, error: Error) {
        self.slots().last_error = Some(error);
        self.changed.notify_waiters();
    }

    pub(super) fn last_error(&self) -> Option<Error> {
        self.slots().last_error.clone()
    }

    /// A connection takes no more calls: out of the list, before it is over. Its slot dials another.
    pub(super) fn leave(&self, peer: &Peer) {
        let mut slots = self.slots();
        for slot in &mut slots.all {
            if matches!(&slot.state, State::Live(held) if held == peer) {
                slot.state = State::Dialling;
                slot.left.notify_one();
            }
        }
        self.publish(&slots);
    }

    /// Makes the list from the slots. Called after every change, under the lock.
    fn publish(&self, slots: &Slots) {
        let live = slots.live().cloned().collect::<Vec<_>>();
        let idle = slots.all.iter().any(|slot| matches!(slot.state, State::Idle));
        self.short.store(idle && slots.dialling() == 0, Ordering::Relaxed);
        let before = self.live.load();
        if **before != live {
            self.live.store(Arc::new(live));
        }
        self.changed.notify_waiters();
    }

    // ---- size, adopted connections, the end -----------------------------------------------------------------

    pub(super) fn size(&self) -> usize {
        self.slots().all.len()
    }

    /// Surplus connections drain; missing ones are dialled as they are needed.
    pub(super) fn resize(&self, size: usize) {
        let mut slots = self.slots();
        let kept = size.min(slots.all.len());
        let surplus = slots.all.split_off(kept);
        while slots.all.len() < size {
            slots.next_id += 1;
            let id = slots.next_id;
            slots.all.push(Slot {
                id,
                state: State::Idle,
                stop: self.stop.child_token(),
                gifts: mpsc::channel(1).0,
                left: Arc::default(),
                pause: None,
            });
        }
        self.publish(&slots);
        drop(slots);
        for slot in surplus {
            slot.stop.cancel();
            if let State::Live(peer) = slot.state {
                peer.link.drain(None);
            }
        }
    }

    /// Whether a connection could be adopted now.
    pub(super) fn has_room(&self) -> bool {
        let slots = self.slots();
        slots.live().count() < slots.all.len()
    }

    /// Puts a ready connection into a free slot. `false`: all are filled, or the client has stopped.
    pub(super) fn adopt(self: &Arc<Self>, peer: &Peer) -> bool {
        let mut slots = self.slots();
        if self.stop.is_cancelled() {
            return false;
        }
        let Some(slot) = slots.all.iter_mut().find(|slot| !matches!(slot.state, State::Live(_))) else {
            return false;
        };
        if matches!(slot.state, State::Idle) {
            self.start(slot);
        }
        if slot.gifts.try_send(peer.clone()).is_err() {
            return false;
        }
        slot.state = State::Live(peer.clone());
        self.publish(&slots);
        true
    }

    /// Enters a connection that has just been made into the register.
    pub(super) fn enter(self: &Arc<Self>, peer: &Peer) {
        let pool = Arc::downgrade(self);
        self.register.enter(peer, move || {
            if let Some(pool) = pool.upgrade() {
                pool.changed.notify_waiters();
            }
        });
        if self.stop.is_cancelled() {
            peer.link.drain(None);
        }
    }

    /// Nothing begins any more; connections drain. Returns those there were.
    pub(super) fn stop(&self) -> Vec<Arc<Link>> {
        self.stop.cancel();
        self.publish_none();
        let links = self.register.links();
        links.iter().for_each(|link| link.drain(None));
        links
    }

    fn publish_none(&self) {
        let mut slots = self.slots();
        slots.all.iter_mut().for_each(|slot| slot.state = State::Idle);
        self.publish(&slots);
        self.short.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Completes when the client has stopped and all of its connections are over.
    pub(super) async fn over(&self) {
        self.stop.cancelled().await;
        until(&self.changed, || self.register.is_empty()).await;
    }

    /// What a caller hears when there is no connection and none is worth waiting for.
    pub(super) fn hopeless(&self) -> Option<Error> {
        let kind = if self.is_stopped() {
            ErrorKind::ClientClosed
        } else if !self.is_offline() {
            return None;
        } else if self.settings.offline == Offline::Fail {
            ErrorKind::Offline
        } else if self.dialler.holds_back() {
            ErrorKind::DialThrottled
        } else {
            return None;
        };
        Some(self.error(kind))
    }

    pub(super) fn error(&self, kind: ErrorKind) -> Error {
        Error::not_sent(kind).at(&self.dialler.to_string(), None)
    }

    /// Waits until `ready`, or until the deadline: then `None`.
    pub(super) async fn wait_until<T>(
        &self,
        deadline: Instant,
        mut ready: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        let mut found = None;
        let wait = until(&self.changed, || {
            found = ready();
            found.is_some()
        });
        let _ = tokio::time::timeout_at(deadline.into(), wait).await;
        found
    }
}

/// Waits until a condition holds, asking again whenever `changed` says that it may.
async fn until(changed: &Notify, mut holds: impl FnMut() -> bool) {
    loop {
        // Made before the question, so that no news between it and the await is missed.
        let news = changed.notified();
        if holds() {
            return;
        }
        news.await;
    }
}

impl Slots {
    fn get(&mut self, id: u64) -> Option<&mut Slot> {
        self.all.iter_mut().find(|slot| slot.id == id)
    }

    fn live(&self) -> impl Iterator<Item = &Peer> {
        self.all.iter().filter_map(|slot| match &slot.state {
            State::Live(peer) => Some(peer),
            _ => None,
        })
    }

    fn dialling(&self) -> usize {
        self.all.iter().filter(|slot| matches!(slot.state, State::Dialling)).count()
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("to", &self.dialler.to_string()).finish_non_exhaustive()
    }
}
