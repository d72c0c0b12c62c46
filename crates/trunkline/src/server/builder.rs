//! What a server is made of, and the mistakes that can be found before it runs.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use trunkline_engine::Config;
use trunkline_wire::{Dialect, Side};

use super::accept::{AcceptLoop, Ways};
use super::{MAX_CONNECTIONS, MAX_RUNNING, Server};
use crate::address::{Address, IntoAddresses};
use crate::dialects;
use crate::dispatch::Gate;
use crate::error::{Error, ErrorKind};
use crate::peer::{Peer, Setup};
use crate::registry::Registry;
use crate::router::{Router, Table};
use crate::transport::{Io, Listener};

pub(crate) type PeerHook =
    Arc<dyn Fn(Peer) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> + Send + Sync>;
pub(crate) type AcceptHook =
    Arc<dyn Fn(Io) -> Pin<Box<dyn Future<Output = std::io::Result<Io>> + Send>> + Send + Sync>;
pub(crate) type Configure = Arc<dyn Fn(&mut Config) + Send + Sync>;

/// An address to listen on, and the dialect where it is not the scheme's.
type Listen = (Address, Option<Arc<dyn Dialect>>);

/// Builds a [`Server`].
#[must_use = "a server is started with `start`"]
pub struct ServerBuilder {
    table: Result<Arc<Table>, Error>,
    listeners: Vec<Result<Listen, Error>>,
    configure: Vec<Configure>,
    max_connections: usize,
    max_running: usize,
    drain_timeout: Option<Duration>,
    ways: Ways,
}

impl ServerBuilder {
    pub(super) fn new() -> Self {
        Self {
            table: Ok(Arc::default()),
            listeners: Vec::new(),
            configure: Vec::new(),
            max_connections: MAX_CONNECTIONS,
            max_running: MAX_RUNNING,
            drain_timeout: None,
            ways: Ways::default(),
        }
    }

    /// What answers, on every listener.
    pub fn router<S: Clone + Send + Sync + 'static>(mut self, router: Router<S>) -> Self {
        self.table = router.build();
        self
    }

    /// Listens on one or several addresses. May be called more than once.
    pub fn listen(mut self, addresses: impl IntoAddresses) -> Self {
        match addresses.into_addresses() {
            Ok(addresses) => self.listeners.extend(addresses.into_iter().map(|address| Ok((address, None)))),
            Err(error) => self.listeners.push(Err(error)),
        }
        self
    }

    /// Listens with a dialect of your own, or with one that was configured. The address' scheme is only its name.
    pub fn listen_as(mut self, addresses: impl IntoAddresses, dialect: impl Dialect) -> Self {
        let dialect: Arc<dyn Dialect> = Arc::new(dialect);
        match addresses.into_addresses() {
            Ok(addresses) => self
                .listeners
                .extend(addresses.into_iter().map(|address| Ok((address, Some(dialect.clone()))))),
            Err(error) => self.listeners.push(Err(error)),
        }
        self
    }

    /// Changes the settings of every connection, after the defaults of its dialect.
    pub fn configure(mut self, change: impl Fn(&mut Config) + Send + Sync + 'static) -> Self {
        self.configure.push(Arc::new(change));
        self
    }

    /// Connections at the same time; further ones are closed at once. Default 10,000.
    pub const fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// Handlers that may wait at the same time over all connections. Default 8,192.
    pub const fn max_running(mut self, handlers: usize) -> Self {
        self.max_running = handlers;
        self
    }

    /// How long a drain may take, over the configured time of each connection.
    pub const fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = Some(timeout);
        self
    }

    /// Runs for every new peer, in a task of its own; it may call the peer. An error closes the peer.
    ///
    /// What it does before it first waits, such as [`Peer::set_state`], is done before the first request is read. From
    /// then on requests are answered beside it: a layer that depends on what the hook finds out refuses those that come
    /// too early.
    pub fn on_peer<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Peer) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Error>> + Send + 'static,
    {
        self.ways.on_peer = Some(Arc::new(move |peer| Box::pin(hook(peer))));
        self
    }

    /// Sees every accepted transport before anything else, in a task of its own: it may refuse it with an error, or give
    /// another one back that wraps it.
    pub fn accept<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Io) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = std::io::Result<Io>> + Send + 'static,
    {
        self.ways.accept = Some(Arc::new(move |io| Box::pin(hook(io))));
        self
    }

    /// Listens and begins to serve.
    ///
    /// # Errors
    /// When the router has two handlers for one route, an address is none, or a listener cannot be had.
    pub async fn start(self) -> Result<Server, Error> {
        let table = self.table?;
        let gate = Gate::new(self.max_running);
        let registry = Registry::new(self.max_connections);
        if self.listeners.is_empty() {
            let what = "a server needs an address: use `listen`".to_owned();
            return Err(Error::not_sent(ErrorKind::Config(what)));
        }
        let mut bound = Vec::new();
        for listener in self.listeners {
            let (address, dialect) = listener?;
            let (dialect, mut config) = match dialect {
                Some(dialect) => {
                    let config = Config::for_dialect(dialect.profile());
                    (dialect, config)
                }
                None => dialects::of(&address)?,
            };
            self.configure.iter().for_each(|change| change(&mut config));
            let (listener, endpoint) = Listener::bind(&address.endpoint).await.map_err(|error| {
                Error::not_sent(ErrorKind::Io(Arc::new(error))).at(&address.to_string(), None)
            })?;
            let setup = Setup {
                dialect,
                config: Arc::new(config),
                table: table.clone(),
                gate: gate.clone(),
                side: Side::Accepting,
            };
            bound.push((address.with_endpoint(endpoint), listener, setup));
        }
        let mut addresses = Vec::new();
        let mut loops = Vec::new();
        for (address, listener, setup) in bound {
            tracing::info!(%address, "listening");
            if address.is_public() {
                tracing::warn!(%address, "this listener is reachable from other machines and is not encrypted");
            }
            addresses.push(address.clone());
            let accepting =
                AcceptLoop { address, listener, setup, registry: registry.clone(), ways: self.ways.clone() };
            loops.push(tokio::spawn(accepting.run()));
        }
        Ok(Server { registry, addresses, loops, drain_timeout: self.drain_timeout })
    }
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder")
            .field("router", &self.table)
            .field("max_connections", &self.max_connections)
            .field("max_running", &self.max_running)
            .finish_non_exhaustive()
    }
}
