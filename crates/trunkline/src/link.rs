//! The only lock: the engine of one connection, with the waker of its driver.
//!
//! Callers take it for one engine step each; the driver for two sections a turn. No user code runs under it: bodies
//! are made before, wakers woken and bodies dropped after. A panic elsewhere must not take the connection along, so
//! poison is ignored.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};
use trunkline_engine::{CloseReason, Config, Connection, Mark, Work};
use trunkline_wire::{Dialect, Profile, SharedKey, Side};

use crate::hooks::Hooks;
use crate::peer::Setup;
use crate::transport::Io;

/// Hands out [`Facts::id`]: unique in this process, never reused.
static NEXT_PEER: AtomicU64 = AtomicU64::new(1);

/// What never changes about a connection.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) id: u64,
    pub(crate) profile: &'static Profile,
    pub(crate) dialect: Arc<dyn Dialect>,
    /// Peers with equal keys are sent the same bytes in a broadcast.
    pub(crate) shared_key: Option<SharedKey>,
    pub(crate) config: Arc<Config>,
    pub(crate) side: Side,
    pub(crate) transport: &'static str,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) remote: Option<SocketAddr>,
    /// For errors and logs.
    pub(crate) address: String,
}

impl Facts {
    pub(crate) fn new(setup: &Setup, shared_key: Option<SharedKey>, io: &Io, address: String) -> Self {
        let Setup { dialect, config, side, .. } = setup;
        let (dialect, config, side) = (dialect.clone(), config.clone(), *side);
        Self {
            id: NEXT_PEER.fetch_add(1, Ordering::Relaxed),
            profile: dialect.profile(),
            dialect,
            shared_key,
            config,
            side,
            transport: io.name(),
            local: io.local(),
            remote: io.remote(),
            address,
        }
    }
}

pub(crate) type HijackSender = oneshot::Sender<(Io, Bytes)>;

pub(crate) struct Link {
    pub(crate) facts: Facts,
    inner: Mutex<Inner>,
    pub(crate) hooks: Hooks,
    /// Set when the driver has ended and every hook has run.
    ended: OnceLock<Arc<CloseReason>>,
    pub(crate) over: Notify,
    /// The user's own state of this peer.
    pub(crate) state: OnceLock<Box<dyn Any + Send + Sync>>,
}

pub(crate) struct Inner {
    pub(crate) conn: Connection<Waker>,
    /// The driver sleeps and is woken by this.
    driver: Option<Waker>,
    pub(crate) hijack: Option<HijackSender>,
    /// Who waits until the transport took everything up to a mark.
    flushes: Vec<(Mark, oneshot::Sender<()>)>,
}

impl Link {
    pub(crate) fn new(facts: Facts, conn: Connection<Waker>) -> Arc<Self> {
        Arc::new(Self {
            facts,
            inner: Mutex::new(Inner { conn, driver: None, hijack: None, flushes: Vec::new() }),
            hooks: Hooks::new(),
            ended: OnceLock::new(),
            over: Notify::new(),
            state: OnceLock::new(),
        })
    }

    /// A section under the lock.
    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A section that may leave something for the driver to do: it is woken, after the lock.
    #[inline]
    pub(crate) fn command<R>(&self, section: impl FnOnce(&mut Inner) -> R) -> R {
        let mut inner = self.lock();
        let result = section(&mut inner);
        let driver = inner.driver.take();
        drop(inner);
        if let Some(driver) = driver {
            driver.wake();
        }
        result
    }

    /// Wakes the driver, if it sleeps.
    pub(crate) fn wake(&self) {
        self.command(|_| ());
    }

    /// The driver goes to sleep, unless there is something to write. Its last act of a turn.
    #[inline]
    pub(crate) fn sleep(inner: &mut Inner, waker: &Waker) {
        match &inner.driver {
            Some(driver) if driver.will_wake(waker) => {}
            _ => inner.driver = Some(waker.clone()),
        }
    }

    /// Ends the connection; the driver notices. Only the first reason counts.
    pub(crate) fn close(&self, reason: CloseReason) {
        let mut work = Work::default();
        self.command(|inner| inner.conn.close(reason, &mut work));
        work.wake.drain(..).for_each(Waker::wake);
    }

    /// Starts to drain.
    pub(crate) fn drain(&self, limit: Option<std::time::Duration>) {
        self.command(|inner| inner.conn.drain(limit, now()));
    }

    /// Why the connection ended, once its driver has ended and every hook has run.
    pub(crate) fn ended(&self) -> Option<&Arc<CloseReason>> {
        self.ended.get()
    }

    /// Completes when the transport took everything that is accepted now; fails when it never will. `None`: it has.
    pub(crate) fn flush(&self) -> Option<oneshot::Receiver<()>> {
        let (sender, receiver) = oneshot::channel();
        self.command(|inner| {
            if inner.conn.closed().is_some() {
                // Dropping the sender is the failure.
                return Some(receiver);
            }
            let mut mark = inner.conn.mark();
            if inner.conn.has_passed(&mut mark) {
                return None;
            }
            inner.flushes.push((mark, sender));
            Some(receiver)
        })
    }

    /// The transport took all that it was given: tells those whose mark is passed, outside the lock.
    #[inline]
    pub(crate) fn flushed(inner: &mut Inner) -> Vec<oneshot::Sender<()>> {
        if inner.flushes.is_empty() {
            return Vec::new();
        }
        let Inner { conn, flushes, .. } = inner;
        let passed = flushes.extract_if(.., |(mark, _)| conn.has_passed(mark));
        passed.map(|(_, sender)| sender).collect()
    }

    /// The driver has ended: hooks run once, in order, and whoever waits for the end is told.
    pub(crate) fn finish(&self, reason: Arc<CloseReason>) {
        let flushes = std::mem::take(&mut self.lock().flushes);
        drop(flushes);
        self.hooks.run(&reason);
        let _ = self.ended.set(reason);
        self.over.notify_waiters();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// Now, by the clock of the runtime, so that a paused runtime pauses everything.
#[inline]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
