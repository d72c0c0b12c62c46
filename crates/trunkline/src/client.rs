//! A client: one or more addresses, kept connected. A pool that never becomes unusable.
//!
//! ```text
//!  call ──► rate limit ──► pick a connection ──► peer ──► answered, or repeated when that is safe
//!  (client/)   limit          pick, pool                        budget
//!                               ▲
//!          slot tasks: pause ─► resolve ─► dial ─► login ─► live ─► again
//!                      backoff   resolve    dial             slot
//! ```
//!
//! In: addresses, calls. Out: peers that can be called. A connection lives while a clone of its client lives; peers,
//! requests and groups do not keep it.

mod backoff;
mod budget;
mod builder;
mod dial;
mod limit;
mod pick;
mod pool;
mod register;
mod resolve;
mod slot;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use trunkline_engine::{CloseReason, Outcome, Stats};
use trunkline_wire::{Profile, Route};

pub use backoff::Backoff;
pub use builder::ClientBuilder;
pub use limit::Over;
pub use pick::Pick;
pub use pool::Offline;
pub use resolve::{EachIp, Resolve};
pub use slot::Redial;

use crate::address::IntoAddresses;
use crate::batch::Batch;
use crate::body::{FromBody, IntoBody};
use crate::call::{Call, Target};
use crate::error::{Error, ErrorKind};
use crate::link::now;
use crate::peer::Peer;
use crate::server::DrainReport;
use crate::transport::Io;
use pool::Pool;

/// How often a call is made at most, where repeating it costs the peer something. gRPC's retry design: 3.
const ATTEMPTS: u32 = 3;

/// A client. Cheap to clone; the last clone dropped drains its connections.
#[derive(Clone)]
pub struct Client {
    owner: Arc<Owner>,
}

/// Ends the pool with the last clone of its client. Tasks hold the pool, never this.
struct Owner(Arc<Pool>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// What a client counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientStats {
    /// The sum over all connections, those that are over included.
    pub connections: Stats,
    /// Connections that take calls now.
    pub online: usize,
    /// Connections there may be.
    pub size: usize,
    /// Attempts to connect.
    pub dials: u64,
    /// Attempts that did not give a connection.
    pub dial_errors: u64,
    /// Calls that waited for a connection in vain.
    pub wait_errors: u64,
    /// Calls that were made again.
    pub repeats: u64,
}

impl Client {
    /// Connects to one of the addresses, with the defaults of its dialect. Further connections are made as they are
    /// needed.
    ///
    /// # Errors
    /// When nobody answers within 1 s.
    pub async fn connect(addresses: impl IntoAddresses) -> Result<Self, Error> {
        Self::builder().connect(addresses).await
    }

    /// A client that connects when it is first used.
    ///
    /// # Errors
    /// When an address is none. Never because nobody answers.
    pub fn connect_lazy(addresses: impl IntoAddresses) -> Result<Self, Error> {
        Self::builder().connect_lazy(addresses)
    }

    /// A client is built step by step.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    fn over(pool: Arc<Pool>) -> Self {
        Self { owner: Arc::new(Owner(pool)) }
    }

    fn pool(&self) -> &Arc<Pool> {
        &self.owner.0
    }

    // ---- calling --------------------------------------------------------------------------------------------

    /// A call: nothing happens until it is awaited or started.
    ///
    /// It takes the next connection, waits for one if none is up, and is made again by itself on another one when it was
    /// certainly not executed: not sent, or refused. [`Call::idempotent`] ones are made again also when it is unknown
    /// whether they were. At most 3 attempts, within a budget of 20 % of the calls and 3 a second; one that was not sent
    /// costs nothing.
    ///
    /// # Panics
    /// When it is awaited or started outside of a tokio runtime and a connection is to be dialled.
    pub fn call<R: FromBody>(&self, route: impl Into<Route>, body: impl IntoBody) -> Call<R> {
        Call::new(Target::Client(self.clone()), route.into(), body.into_body(self.profile()))
    }

    /// A message that wants no answer, on the next connection. `Ok` means that it has its place in that connection's
    /// output.
    ///
    /// # Errors
    /// When it was not accepted; nothing was sent then.
    pub async fn notify(&self, route: impl Into<Route>, body: impl IntoBody) -> Result<(), Error> {
        let route = route.into();
        let body =
            body.into_body(self.profile()).map_err(|fault| Error::not_sent(ErrorKind::Fault(fault)))?;
        let deadline = now() + self.pool().dialler.setup.config.notify_timeout;
        let mut admitted = false;
        loop {
            let peer = match self.pick(&mut admitted)? {
                Some(peer) => peer,
                None => self.available(deadline, admitted).await?,
            };
            admitted = true;
            match peer.notify(route.clone(), body.clone()).await {
                Err(error) if self.may_repeat(&error, false, 0) && now() < deadline => {
                    self.pool().leave(&peer);
                }
                ended => return ended,
            }
        }
    }

    /// Many calls that leave together, on one connection. Takes one token of the rate limit.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn batch(&self) -> Result<Batch, Error> {
        let deadline = now() + self.call_timeout();
        let mut admitted = false;
        match self.pick(&mut admitted)?.filter(Peer::is_open) {
            Some(peer) => Ok(peer.batch()),
            None => Ok(self.available(deadline, admitted).await?.batch()),
        }
    }

    // ---- connections ----------------------------------------------------------------------------------------

    /// The next connection, to be used for more than one call: what is sent to one peer from one task keeps its order.
    /// `None` while none is up; one is dialled then. Takes no token of the rate limit.
    ///
    /// # Panics
    /// Outside of a tokio runtime, when a connection is to be dialled.
    #[must_use]
    pub fn peer(&self) -> Option<Peer> {
        let turn = self.pool().picked.fetch_add(1, Ordering::Relaxed);
        self.pool().open(turn)
    }

    /// The connections that take calls now.
    #[must_use]
    pub fn peers(&self) -> Vec<Peer> {
        self.pool().peers()
    }

    /// How many connections there may be.
    #[must_use]
    pub fn size(&self) -> usize {
        self.pool().size()
    }

    /// Changes how many connections there may be. Surplus ones drain; missing ones are dialled as calls are made.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for 0.
    pub fn resize(&self, size: usize) -> Result<(), Error> {
        if size == 0 {
            let what = "a client of size 0 could not call anybody (setting `size`)".to_owned();
            return Err(Error::not_sent(ErrorKind::Config(what)));
        }
        self.pool().resize(size);
        Ok(())
    }

    /// Takes a ready connection into the client, as if it had dialled it: the hook of
    /// [`on_peer`](ClientBuilder::on_peer) runs first. When it ends, its slot dials the client's addresses.
    ///
    /// # Errors
    /// [`ErrorKind::PoolFull`] when all `size` connections are up, [`ErrorKind::ClientClosed`] after the end, or that of
    /// the hook. The connection is closed then.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn adopt(&self, io: Io) -> Result<Peer, Error> {
        let pool = self.pool();
        let refusal = |pool: &Pool| {
            let stopped = pool.is_stopped();
            pool.error(if stopped { ErrorKind::ClientClosed } else { ErrorKind::PoolFull })
        };
        if pool.is_stopped() || !pool.has_room() {
            return Err(refusal(pool));
        }
        let address = io.remote().map_or_else(|| "adopted".to_owned(), |at| at.to_string());
        let peer = pool.dialler.welcome(io, address, &|peer| pool.enter(peer)).await?;
        if pool.adopt(&peer) {
            return Ok(peer);
        }
        peer.close();
        Err(refusal(pool))
    }

    /// Finishes what was begun, then closes every connection; nothing new begins, neither calls nor dials. Ends within
    /// the `drain_timeout` of the connections, and says what was cut.
    ///
    /// Cancel safe: dropping the future does not stop the drain.
    pub async fn drain(&self) -> DrainReport {
        let began = now();
        let links = self.pool().stop();
        DrainReport::of(links, began).await
    }

    /// Closes every connection at once and says nothing to the peers. Calls that wait end with what is known of them.
    pub fn close(&self) {
        for link in self.pool().stop() {
            link.close(CloseReason::Local);
        }
    }

    /// Completes when the client was drained or closed and all of its connections are over.
    ///
    /// Cancel safe.
    pub async fn closed(&self) {
        self.pool().over().await;
    }

    /// What the dialect can say.
    #[must_use]
    pub fn profile(&self) -> &'static Profile {
        self.pool().dialler.setup.dialect.profile()
    }

    /// The counters of all connections and of the client.
    #[must_use]
    pub fn stats(&self) -> ClientStats {
        let pool = self.pool();
        ClientStats {
            connections: pool.register.stats(),
            online: pool.peers().len(),
            size: pool.size(),
            dials: pool.dialler.dials.load(Ordering::Relaxed),
            dial_errors: pool.dialler.errors.load(Ordering::Relaxed),
            wait_errors: pool.wait_errors.load(Ordering::Relaxed),
            repeats: pool.repeats.load(Ordering::Relaxed),
        }
    }

    // ---- for calls ------------------------------------------------------------------------------------------

    /// A peer for a call that begins now; `None` while it has to wait for one, or for its token.
    #[inline]
    pub(crate) fn pick(&self, admitted: &mut bool) -> Result<Option<Peer>, Error> {
        let pool = self.pool();
        if !*admitted {
            if let Some(limit) = &pool.limit
                && !limit.take()?
            {
                return Ok(None);
            }
            *admitted = true;
        }
        match pool.next() {
            Some(peer) => Ok(Some(peer)),
            None => pool.hopeless().map_or(Ok(None), Err),
        }
    }

    /// A peer as soon as there is one. `admitted`: the call has its token.
    ///
    /// Cancel safe.
    pub(crate) async fn available(&self, deadline: Instant, admitted: bool) -> Result<Peer, Error> {
        let pool = self.pool();
        if let Some(limit) = &pool.limit
            && !admitted
        {
            limit.wait(deadline).await?;
        }
        if let Some(peer) = pool.open(fastrand::u64(..)) {
            return Ok(peer);
        }
        let _waiting = pool.wait();
        let patience = deadline.min(now() + pool.settings.wait_timeout);
        let found = pool.wait_until(patience, || match pool.open(fastrand::u64(..)) {
            Some(peer) => Some(Ok(peer)),
            None => pool.hopeless().map(Err),
        });
        found.await.unwrap_or_else(|| {
            pool.wait_errors.fetch_add(1, Ordering::Relaxed);
            Err(pool.error(if patience == deadline { ErrorKind::Timeout } else { ErrorKind::NoPeer }))
        })
    }

    /// Whether a call that ended so is made again. What was not sent because its connection ends may always be: the
    /// next attempt waits for one that is open, and the deadline ends it.
    pub(crate) fn may_repeat(&self, error: &Error, idempotent: bool, repeats: u32) -> bool {
        let pool = self.pool();
        let ended = matches!(error.kind(), ErrorKind::Draining | ErrorKind::Closed(_) | ErrorKind::Hijacked);
        let in_budget =
            || repeats + 1 < ATTEMPTS && pool.budget.take(pool.picked.load(Ordering::Relaxed), now());
        let may = match error.outcome() {
            Outcome::NotSent => ended,
            Outcome::Refused => in_budget(),
            Outcome::Unknown => ended && idempotent && in_budget(),
            Outcome::Answered => false,
        };
        if may {
            pool.repeats.fetch_add(1, Ordering::Relaxed);
        }
        may
    }

    /// A connection refused a call because it is about to end: no other call takes it.
    pub(crate) fn leave(&self, peer: &Peer) {
        self.pool().leave(peer);
    }

    pub(crate) fn call_timeout(&self) -> Duration {
        self.pool().dialler.setup.config.call_timeout
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.pool().dialler)
    }
}

#[cfg(test)]
mod tests {
    use trunkline_wire::{Code, Fault};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_was_refused_is_repeated_within_the_budget_and_what_was_answered_never() {
        let client = Client::connect_lazy("iproto+mem://nobody").expect("lazy");
        let refused = Error::fault(Fault::refused(Code::Unavailable, "draining"));
        assert_eq!(refused.outcome(), Outcome::Refused);
        assert!(!client.may_repeat(&refused, true, ATTEMPTS - 1), "the last attempt");
        assert_eq!((0..100).filter(|_| client.may_repeat(&refused, false, 0)).count(), 3, "3 a second");
        let answered = Error::fault(Fault::new(Code::Unavailable, "no"));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(!client.may_repeat(&answered, true, 0));
        assert!(!client.may_repeat(&Error::not_sent(ErrorKind::NoPeer), true, 0), "waiting was the repeat");
        assert_eq!((0..100).filter(|_| client.may_repeat(&refused, false, 0)).count(), 30);
    }
}
