//! One round of dialling: from the addresses of a client to a peer that may be used.
//!
//! ```text
//!  resolve ──► order the targets ──► for each: throttle ──► connect ──► driver ──► login hook ──► a peer
//! ```
//!
//! A round ends with the first target that lets us in, or with the last error. User code (resolver, dialler, hook) may
//! panic or hang: that is a failed attempt like any other.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::pick::{Claim, Targets};
use super::resolve::{self, Resolve};
use crate::address::Address;
use crate::error::{Error, ErrorKind};
use crate::handler::BoxFuture;
use crate::link::now;
use crate::peer::{Peer, Setup};
use crate::transport::{self, Io};

/// How long the login hook of a new connection may take; the handshake limit of the server's side, too.
const LOGIN: Duration = Duration::from_secs(5);

/// While other targets are left, one is given this long (doubled every round) before the next is tried; RFC 8305's
/// connection attempt delay.
const NEXT_TARGET: Duration = Duration::from_millis(250);

pub(super) type Hook = Arc<dyn Fn(Peer) -> BoxFuture<Result<(), Error>> + Send + Sync>;
pub(super) type Connect = Arc<dyn Fn(Address) -> BoxFuture<io::Result<Io>> + Send + Sync>;
/// Told of every connection as soon as it exists, before its driver runs.
pub(super) type Enter<'a> = &'a (dyn Fn(&Peer) + Send + Sync);

pub(super) struct Dialler {
    pub(super) setup: Setup,
    pub(super) addresses: Vec<Address>,
    pub(super) resolver: Option<Arc<dyn Resolve>>,
    pub(super) connect: Option<Connect>,
    pub(super) on_peer: Option<Hook>,
    pub(super) timeout: Duration,
    pub(super) throttle: Duration,
    pub(super) targets: Arc<Targets>,
    pub(super) dials: AtomicU64,
    pub(super) errors: AtomicU64,
    /// Attempts that run now, those that the throttle holds back not counted.
    pub(super) running: AtomicUsize,
    /// When the last attempt began, or will begin.
    pub(super) last: Mutex<Option<Instant>>,
}

/// What a round needs to know of the pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    /// Connections that the client wants.
    pub(super) size: usize,
    /// None is up.
    pub(super) offline: bool,
    /// Rounds that were in vain since the last success.
    pub(super) tried: u32,
}

impl Dialler {
    /// One round over all targets.
    ///
    /// # Errors
    /// That of the last target.
    pub(super) async fn round(&self, need: Need, enter: Enter<'_>) -> Result<(Peer, Claim), Error> {
        let resolved = resolve::targets(&self.addresses, self.resolver.as_ref());
        let found = match guarded("resolver", tokio::time::timeout(self.timeout, resolved)).await? {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => return Err(self.lost(error)),
            Err(_) => return Err(self.lost(slow("the resolver", self.timeout))),
        };
        let share = need.size.div_ceil(found.len().max(1));
        let targets = self.targets.order(found, share, need.offline);
        let mut last = None;
        for (n, target) in targets.iter().enumerate() {
            let limit = if n + 1 == targets.len() {
                self.timeout
            } else {
                NEXT_TARGET.saturating_mul(1 << need.tried.min(10)).min(self.timeout)
            };
            self.throttled().await;
            let claim = self.targets.claim(target);
            match self.attempt(target, limit, enter).await {
                Ok(peer) => {
                    claim.succeeded();
                    return Ok((peer, claim));
                }
                Err(error) => {
                    tracing::debug!(address = %target, %error, "cannot connect");
                    claim.failed(now());
                    last = Some(error);
                }
            }
        }
        Err(last.unwrap_or_else(|| Error::not_sent(ErrorKind::NoPeer)))
    }

    /// One attempt at one target.
    async fn attempt(&self, target: &Address, limit: Duration, enter: Enter<'_>) -> Result<Peer, Error> {
        self.dials.fetch_add(1, Ordering::Relaxed);
        let _running = Counted::new(&self.running);
        let connecting = async {
            match &self.connect {
                Some(connect) => connect(target.clone()).await,
                None => transport::connect(&target.endpoint).await,
            }
        };
        let address = target.to_string();
        let connected = match guarded("dialler", tokio::time::timeout(limit, connecting)).await {
            Ok(Ok(connected)) => connected.map_err(connect_error),
            Ok(Err(_)) => Err(connect_error(slow("connecting", limit))),
            Err(panicked) => Err(panicked),
        };
        let io = connected.map_err(|error| self.count(error).at(&address, None))?;
        self.welcome(io, address, enter).await.map_err(|error| self.count(error))
    }

    /// From a connected transport to a peer that has logged in. Giving up closes the connection.
    pub(super) async fn welcome(&self, io: Io, address: String, enter: Enter<'_>) -> Result<Peer, Error> {
        let (peer, driver) = self.setup.start(io, address);
        enter(&peer);
        tokio::spawn(driver.run());
        let Some(hook) = &self.on_peer else { return Ok(peer) };
        let mut unwelcome = Unwelcome(Some(peer.clone()));
        let hook = async { hook(peer.clone()).await };
        let login = guarded("peer hook", tokio::time::timeout(LOGIN, hook)).await;
        login?.unwrap_or_else(|_| Err(connect_error(slow("the peer hook", LOGIN)))).map_err(|error| {
            tracing::warn!(peer = peer.id(), address = peer.address(), %error, "closed by the peer hook");
            error.at(peer.address(), None)
        })?;
        unwelcome.0 = None;
        Ok(peer)
    }

    /// Waits until the throttle lets one more attempt begin, and takes that place.
    async fn throttled(&self) {
        if self.throttle.is_zero() {
            return;
        }
        let at = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let at = last.map_or_else(now, |last| now().max(last + self.throttle));
            *last = Some(at);
            at
        };
        tokio::time::sleep_until(at.into()).await;
    }

    /// Whether nothing is being tried, because the throttle holds it back.
    pub(super) fn holds_back(&self) -> bool {
        if self.throttle.is_zero() || self.running.load(Ordering::Relaxed) > 0 {
            return false;
        }
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| now() < last + self.throttle)
    }

    fn lost(&self, error: io::Error) -> Error {
        self.count(connect_error(error))
    }

    fn count(&self, error: Error) -> Error {
        self.errors.fetch_add(1, Ordering::Relaxed);
        error
    }
}

impl fmt::Display for Dialler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, address) in self.addresses.iter().enumerate() {
            write!(f, "{}{address}", if n == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// Runs user code; a panic in it is an error.
async fn guarded<T>(whose: &'static str, work: impl Future<Output = T>) -> Result<T, Error> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_| {
        tracing::error!("the {whose} panicked");
        Error::not_sent(ErrorKind::DialPanicked(whose))
    })
}

fn connect_error(error: io::Error) -> Error {
    Error::not_sent(ErrorKind::Connect(Arc::new(error)))
}

fn slow(what: &str, limit: Duration) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("{what} took longer than {limit:?}"))
}

/// Closes a peer that did not get through its login, however that ended.
struct Unwelcome(Option<Peer>);

impl Drop for Unwelcome {
    fn drop(&mut self) {
        if let Some(peer) = &self.0 {
            peer.close();
        }
    }
}

/// Counts what runs.
pub(super) struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    pub(super) fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
