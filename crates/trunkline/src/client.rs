//! A client: an address, kept connected.
//!
//! One connection for now; what makes it a pool is in the rooms below as they come.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex as AsyncMutex;
use trunkline_engine::{CloseReason, Config, Stats};
use trunkline_wire::{Profile, Route, Side};

use crate::address::{Address, IntoAddresses};
use crate::batch::Batch;
use crate::body::{FromBody, IntoBody};
use crate::call::{Call, Target};
use crate::dialects;
use crate::dispatch::Gate;
use crate::error::{Error, ErrorKind};
use crate::link::now;
use crate::peer::{Peer, Setup};
use crate::router::{Router, Table};
use crate::transport;

/// How long a first connection may take.
const CONNECT: Duration = Duration::from_secs(1);

/// A client. Cheap to clone; the last clone dropped drains its connection.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    address: Address,
    setup: Setup,
    peer: Mutex<Option<Peer>>,
    dialling: AsyncMutex<()>,
}

/// Builds a [`Client`].
#[must_use = "a client is made with `connect`"]
pub struct ClientBuilder {
    table: Result<Arc<Table>, Error>,
    configure: Vec<crate::server::Configure>,
    connect_timeout: Duration,
}

impl ClientBuilder {
    /// What answers when the other end calls.
    pub fn router<S: Clone + Send + Sync + 'static>(mut self, router: Router<S>) -> Self {
        self.table = router.build();
        self
    }

    /// Changes the settings of every connection, after the defaults of its dialect.
    pub fn configure(mut self, change: impl Fn(&mut Config) + Send + Sync + 'static) -> Self {
        self.configure.push(Arc::new(change));
        self
    }

    /// How long connecting may take. Default 1 s (README of go-iproto).
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Connects.
    ///
    /// # Errors
    /// When nobody answers in time.
    pub async fn connect(self, address: impl IntoAddresses) -> Result<Client, Error> {
        let timeout = self.connect_timeout;
        let client = self.connect_lazy(address)?;
        client.available(Some(now() + timeout)).await?;
        Ok(client)
    }

    /// A client that connects when it is first used.
    ///
    /// # Errors
    /// When the address is none.
    pub fn connect_lazy(self, address: impl IntoAddresses) -> Result<Client, Error> {
        let table = self.table?;
        let mut addresses = address.into_addresses()?.into_iter();
        let Some(address) = addresses.next() else {
            return Err(Error::not_sent(ErrorKind::Config("a client needs an address".to_owned())));
        };
        let (dialect, mut config) = dialects::of(&address)?;
        self.configure.iter().for_each(|change| change(&mut config));
        let gate = Gate::new(crate::server::MAX_RUNNING);
        let setup = Setup { dialect, config: Arc::new(config), table, gate, side: Side::Dialling };
        let inner = Inner { address, setup, peer: Mutex::default(), dialling: AsyncMutex::default() };
        Ok(Client { inner: Arc::new(inner) })
    }
}

impl Client {
    /// Connects to an address with the defaults of its dialect.
    ///
    /// # Errors
    /// When nobody answers in time.
    pub async fn connect(address: impl IntoAddresses) -> Result<Self, Error> {
        Self::builder().connect(address).await
    }

    /// A client is built step by step.
    pub fn builder() -> ClientBuilder {
        ClientBuilder { table: Ok(Arc::default()), configure: Vec::new(), connect_timeout: CONNECT }
    }

    /// The connection, if it is up.
    #[must_use]
    pub fn peer(&self) -> Option<Peer> {
        let peer = self.inner.peer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        peer.filter(Peer::is_open)
    }

    /// A call: nothing happens until it is awaited or started.
    pub fn call<R: FromBody>(&self, route: impl Into<Route>, body: impl IntoBody) -> Call<R> {
        Call::new(Target::Client(self.clone()), route.into(), body.into_body(self.profile()))
    }

    /// A message that wants no answer.
    ///
    /// # Errors
    /// When it was not accepted; nothing was sent then.
    pub async fn notify(&self, route: impl Into<Route>, body: impl IntoBody) -> Result<(), Error> {
        let peer = self.available(Some(now() + self.inner.setup.config.notify_timeout)).await?;
        peer.notify(route, body).await
    }

    /// Many calls that leave together.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn batch(&self) -> Result<Batch, Error> {
        Ok(self.available(Some(now() + self.inner.setup.config.call_timeout)).await?.batch())
    }

    /// Finishes what was begun, then closes.
    pub async fn drain(&self) -> Option<Arc<CloseReason>> {
        let peer = self.inner.peer.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(peer.drain(None).await)
    }

    /// What the dialect can say.
    #[must_use]
    pub fn profile(&self) -> &'static Profile {
        self.inner.setup.dialect.profile()
    }

    /// The counters of the connection.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let peer = self.inner.peer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        peer.map(|peer| peer.stats()).unwrap_or_default()
    }

    /// A peer for a call that begins now; `None` while there is none.
    #[expect(clippy::unnecessary_wraps, reason = "rate limits and fail-fast come with the pool")]
    pub(crate) fn pick(&self) -> Result<Option<Peer>, Error> {
        Ok(self.peer())
    }

    /// A peer as soon as there is one.
    pub(crate) async fn available(&self, deadline: Option<Instant>) -> Result<Peer, Error> {
        let deadline = deadline.unwrap_or_else(|| now() + CONNECT);
        let found = tokio::time::timeout_at(deadline.into(), async {
            let _dialling = self.inner.dialling.lock().await;
            loop {
                if let Some(peer) = self.peer() {
                    return peer;
                }
                match transport::connect(&self.inner.address.endpoint).await {
                    Ok(io) => {
                        let (peer, driver) = self.inner.setup.start(io, self.inner.address.to_string());
                        tokio::spawn(driver.run());
                        *self.inner.peer.lock().unwrap_or_else(PoisonError::into_inner) = Some(peer);
                    }
                    Err(error) => {
                        tracing::debug!(address = %self.inner.address, %error, "cannot connect");
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                }
            }
        });
        found.await.map_err(|_| Error::not_sent(ErrorKind::NoPeer).at(&self.inner.address.to_string(), None))
    }

    pub(crate) fn may_repeat(&self, error: &Error, _idempotent: bool, repeats: u32) -> bool {
        repeats < 3
            && matches!(error.kind(), ErrorKind::Draining | ErrorKind::Closed(_))
            && error.is_safe_to_repeat()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(peer) = self.peer.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            peer.link.drain(None);
        }
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("router", &self.table).finish_non_exhaustive()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.inner.address)
    }
}
