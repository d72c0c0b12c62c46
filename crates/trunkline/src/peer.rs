//! A handle to the other end of one live connection. Both ends have one, and both may call.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use trunkline_engine::{CloseReason, Config, Connection, Inbox, Outcome, Phase, Stats};
use trunkline_wire::{Dialect, Id, Message, Profile, Route, Side};

use crate::batch::Batch;
use crate::body::{FromBody, IntoBody};
use crate::call::{Call, Target};
use crate::dispatch::{Dispatch, Gate};
use crate::driver::Driver;
use crate::error::{Error, ErrorKind};
use crate::hooks::{Hook, Ticket};
use crate::link::{Facts, Link, now};
use crate::notify::Notify;
use crate::router::{Router, Table};
use crate::transport::{AnyIo, Io};

/// The other end of one connection: cheap to clone, and it does not keep the connection open.
#[derive(Clone)]
pub struct Peer {
    pub(crate) link: Arc<Link>,
}

/// How a connection is made into a peer.
pub(crate) struct Setup {
    pub(crate) dialect: Arc<dyn Dialect>,
    pub(crate) config: Arc<Config>,
    pub(crate) table: Arc<Table>,
    pub(crate) gate: Gate,
    pub(crate) side: Side,
}

impl Setup {
    /// The peer, and the driver that somebody must run.
    pub(crate) fn start(&self, io: Io, address: String) -> (Peer, Driver) {
        let profile = self.dialect.profile();
        io.tune(profile.ping);
        let codec = self.dialect.start(self.side, &self.config.limits);
        let facts = Facts::new(self, codec.encoder.shared_key(), &io, address);
        let conn = Connection::new(profile, self.side, self.config.clone(), codec.encoder, now());
        let link = Link::new(facts, conn);
        let can_refuse = profile.faults && !profile.stateful;
        let dispatch =
            Dispatch::new(self.table.clone(), Inbox::new(&self.config, can_refuse), self.gate.clone());
        let driver = Driver::new(link.clone(), io, codec.decoder, codec.layer, dispatch);
        (Peer { link }, driver)
    }
}

impl Peer {
    pub(crate) const fn from_link(link: Arc<Link>) -> Self {
        Self { link }
    }

    /// Speaks a dialect over any transport. The connection lives until it is closed or drained; both sides may call.
    ///
    /// # Errors
    /// When the router has two handlers for one route.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn over<S: Clone + Send + Sync + 'static>(
        io: impl AnyIo,
        side: Side,
        dialect: impl Dialect,
        router: Router<S>,
    ) -> Result<Self, Error> {
        let config = Config::for_dialect(dialect.profile());
        Self::over_with(io, side, dialect, router, config)
    }

    /// As [`over`](Self::over), with settings.
    ///
    /// # Errors
    /// When the router has two handlers for one route.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn over_with<S: Clone + Send + Sync + 'static>(
        io: impl AnyIo,
        side: Side,
        dialect: impl Dialect,
        router: Router<S>,
        config: Config,
    ) -> Result<Self, Error> {
        let setup = Setup {
            dialect: Arc::new(dialect),
            config: Arc::new(config),
            table: router.build()?,
            gate: Gate::new(crate::server::MAX_RUNNING),
            side,
        };
        let (peer, driver) = setup.start(Io::Other(Box::new(io)), "other".to_owned());
        tokio::spawn(driver.run());
        Ok(peer)
    }

    // ---- calling ----------------------------------------------------------------------------------------------

    /// A call: nothing happens until it is awaited or [started](Call::start).
    pub fn call<R: FromBody>(&self, route: impl Into<Route>, body: impl IntoBody) -> Call<R> {
        Call::new(Target::Peer(self.clone()), route.into(), body.into_body(self.profile()))
    }

    /// A message that wants no answer. `Ok` means that it has its place in the connection's ordered output.
    pub fn notify(&self, route: impl Into<Route>, body: impl IntoBody) -> Notify {
        let message = body.into_body(self.profile()).map(|body| Message::notify(route.into(), body));
        Notify::new(self.link.clone(), message)
    }

    /// Sends a notification now, or fails when there is no room.
    ///
    /// # Errors
    /// When it was not accepted; nothing was sent then.
    pub fn try_notify(&self, route: impl Into<Route>, body: impl IntoBody) -> Result<(), Error> {
        let body = body.into_body(self.profile()).map_err(Error::fault)?;
        crate::notify::try_send(&self.link, &Message::notify(route.into(), body))
    }

    /// Sends a request under an id of your own choice: no answer is paired with it. It may be sent while the connection
    /// drains.
    pub fn send_raw(&self, route: impl Into<Route>, id: Id, body: impl IntoBody) -> Notify {
        let message = body.into_body(self.profile()).map(|body| Message::request(id, route.into(), body));
        Notify::new(self.link.clone(), message)
    }

    /// Waits until the transport took everything that was accepted before, broadcasts included.
    ///
    /// That is not the peer's word that it arrived. Cancel safe: dropping the future takes nothing back.
    ///
    /// # Errors
    /// When the connection ended before that.
    pub async fn flush(&self) -> Result<(), Error> {
        let Some(flushed) = self.link.flush() else { return Ok(()) };
        flushed.await.map_err(|_| {
            let kind = self.close_reason().map_or(ErrorKind::Draining, ErrorKind::Closed);
            Error::new(kind, Outcome::Unknown).at(self.address(), None)
        })
    }

    /// Many calls that leave together, in one write.
    pub fn batch(&self) -> Batch {
        Batch::new(self.clone())
    }

    // ---- its life ---------------------------------------------------------------------------------------------

    /// Drains: nothing new begins, what was begun is finished, then the connection closes. `limit` overrides the
    /// configured `drain_timeout`. Returns the reason why the connection ended.
    ///
    /// Cancel safe: dropping the future does not stop the drain.
    pub async fn drain(&self, limit: Option<Duration>) -> Arc<CloseReason> {
        self.link.drain(limit);
        self.closed().await
    }

    /// Closes at once and says nothing to the peer. Calls that wait end with what is known of them.
    pub fn close(&self) {
        self.link.close(CloseReason::Local);
    }

    /// Completes when the connection is over and its close hooks have run; why it ended.
    ///
    /// Cancel safe.
    pub async fn closed(&self) -> Arc<CloseReason> {
        let over = self.link.over.notified();
        let mut over = std::pin::pin!(over);
        loop {
            over.as_mut().enable();
            if let Some(reason) = self.link.ended() {
                return reason.clone();
            }
            over.as_mut().await;
            over.set(self.link.over.notified());
        }
    }

    /// Why the connection ended, if it has.
    #[must_use]
    pub fn close_reason(&self) -> Option<Arc<CloseReason>> {
        self.link.lock().conn.closed()
    }

    /// Whether new calls may begin.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.link.lock().conn.phase(), Phase::Open)
    }

    /// Runs `hook` once when the connection is over: after the hooks registered before it, and at once when it is over
    /// already.
    pub fn on_close(&self, hook: impl FnOnce(&CloseReason) + Send + 'static) {
        self.hook(Box::new(hook));
    }

    /// As [`on_close`](Self::on_close); the ticket takes the hook back.
    pub(crate) fn hook(&self, hook: Hook) -> Ticket {
        self.link.hooks.add(hook)
    }

    pub(crate) fn forget_hook(&self, hook: Ticket) {
        self.link.hooks.forget(hook);
    }

    /// Takes the connection over, for another protocol: waits for own calls and owed answers, then hands out the
    /// transport and the bytes that were read from it and not used. Nothing is said to the peer.
    ///
    /// # Errors
    /// When the connection ends before that, or somebody took it over already.
    pub async fn hijack(&self) -> Result<(Io, Bytes), Error> {
        let (sender, receiver) = oneshot::channel();
        let taken = self.link.command(|inner| {
            let free = inner.hijack.is_none() && matches!(inner.conn.phase(), Phase::Open);
            if free {
                inner.hijack = Some(sender);
                inner.conn.hijack(now());
            }
            free
        });
        if !taken {
            let hijacked = self.link.lock().hijack.is_some()
                || self.close_reason().as_deref() == Some(&CloseReason::Hijacked);
            let kind = if hijacked { ErrorKind::Hijacked } else { ErrorKind::Draining };
            return Err(Error::not_sent(kind).at(self.address(), None));
        }
        let lost = || match self.close_reason() {
            Some(reason) => Error::new(ErrorKind::Closed(reason), Outcome::NotSent),
            None => Error::not_sent(ErrorKind::Draining),
        };
        receiver.await.map_err(|_| lost())
    }

    // ---- what is known of it ----------------------------------------------------------------------------------

    /// Unique in this process, never reused.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.link.facts.id
    }

    /// The dialect's name.
    #[must_use]
    pub fn dialect(&self) -> &'static str {
        self.profile().name
    }

    /// What the dialect can say.
    #[must_use]
    pub fn profile(&self) -> &'static Profile {
        self.link.facts.profile
    }

    /// "tcp", "unix", "mem" or "other".
    #[must_use]
    pub fn transport(&self) -> &'static str {
        self.link.facts.transport
    }

    /// Which end we are.
    #[must_use]
    pub fn side(&self) -> Side {
        self.link.facts.side
    }

    /// The address as a URL, for people.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.link.facts.address
    }

    /// Our address, on TCP.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.link.facts.local
    }

    /// The peer's address, on TCP.
    #[must_use]
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.link.facts.remote
    }

    /// The settings of this connection.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.link.facts.config
    }

    /// Calls that wait for their answer: a measure of load for balancing.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.link.lock().conn.pending()
    }

    /// Bytes that wait to be sent.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.link.lock().conn.queued()
    }

    /// The counters of this connection.
    #[must_use]
    pub fn stats(&self) -> Stats {
        *self.link.lock().conn.stats()
    }

    /// Attaches state of your own, once. `false`: there is some already.
    pub fn set_state<T: Any + Send + Sync>(&self, state: T) -> bool {
        self.link.state.set(Box::new(state)).is_ok()
    }

    /// The state that was attached, if it is a `T`.
    #[must_use]
    pub fn state<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.link.state.get()?.downcast_ref()
    }
}

impl PartialEq for Peer {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Peer {}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peer(#{} {})", self.id(), self.address())
    }
}
