//! What a client is made of, and the mistakes that can be found before it dials.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use trunkline_engine::Config;
use trunkline_wire::{Dialect, Side};

use super::Client;
use super::backoff::Backoff;
use super::dial::{Connect, Dialler, Hook};
use super::limit::{Limit, Over};
use super::pick::{Pick, Targets};
use super::pool::{Offline, Pool, Settings};
use super::resolve::Resolve;
use super::slot::Redial;
use crate::address::{Address, IntoAddresses};
use crate::dialects;
use crate::dispatch::Gate;
use crate::error::{Error, ErrorKind};
use crate::link::now;
use crate::peer::{Peer, Setup};
use crate::router::{Router, Table};
use crate::transport::Io;

/// How long `connect` takes at most, and how long a call waits for a connection. README of go-iproto.
const CONNECT: Duration = Duration::from_secs(1);

/// How long background redials go on. README of go-iproto.
const REDIAL: Duration = Duration::from_secs(3_600);

/// How long one attempt to connect may take: a lost SYN is sent again after 1 s and after 3 s.
const DIAL: Duration = Duration::from_secs(3);

/// Builds a [`Client`].
#[must_use = "a client is made with `connect`, `connect_all` or `connect_lazy`"]
pub struct ClientBuilder {
    table: Result<Arc<Table>, Error>,
    dialect: Option<Arc<dyn Dialect>>,
    configure: Vec<crate::server::Configure>,
    settings: Settings,
    size: usize,
    connect_timeout: Duration,
    dial_timeout: Duration,
    dial_throttle: Duration,
    rate: (u32, u32, Over),
    resolver: Option<Arc<dyn Resolve>>,
    connect: Option<Connect>,
    on_peer: Option<Hook>,
}

impl ClientBuilder {
    pub(super) fn new() -> Self {
        let settings = Settings {
            pick: Pick::default(),
            offline: Offline::default(),
            redial: Redial::For(REDIAL),
            backoff: Backoff::default(),
            wait_timeout: CONNECT,
        };
        Self {
            table: Ok(Arc::default()),
            dialect: None,
            configure: Vec::new(),
            settings,
            size: 1,
            connect_timeout: CONNECT,
            dial_timeout: DIAL,
            dial_throttle: Duration::ZERO,
            rate: (0, 0, Over::Fail),
            resolver: None,
            connect: None,
            on_peer: None,
        }
    }

    /// What answers when the other end calls.
    pub fn router<S: Clone + Send + Sync + 'static>(mut self, router: Router<S>) -> Self {
        self.table = router.build();
        self
    }

    /// Speaks a dialect of your own, or one that was configured. The scheme of the addresses is only its name then.
    pub fn dialect(mut self, dialect: impl Dialect) -> Self {
        self.dialect = Some(Arc::new(dialect));
        self
    }

    /// Changes the settings of every connection, after the defaults of its dialect.
    pub fn configure(mut self, change: impl Fn(&mut Config) + Send + Sync + 'static) -> Self {
        self.configure.push(Arc::new(change));
        self
    }

    // ---- connections ------------------------------------------------------------------------------------------

    /// How many connections the client has at most, at least 1. Default 1. The first is made by `connect`, each further
    /// one when a call is made while there are fewer; [`Client::resize`] changes it later.
    pub const fn size(mut self, connections: usize) -> Self {
        self.size = connections;
        self
    }

    /// Which connection takes the next call. Default [`Pick::RoundRobin`].
    pub const fn pick(mut self, pick: Pick) -> Self {
        self.settings.pick = pick;
        self
    }

    /// Runs on every new connection, adopted ones included, before it takes calls: a login, for example. An error
    /// closes the connection and counts as a failed dial. Limit: 5 s.
    pub fn on_peer<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Peer) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Error>> + Send + 'static,
    {
        self.on_peer = Some(Arc::new(move |peer| Box::pin(hook(peer))));
        self
    }

    /// Says where the addresses lead, asked again before every dial. Without one a name is looked up by connecting to
    /// it.
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.resolver = Some(Arc::new(resolver));
        self
    }

    /// Connects in a way of your own: through a proxy, or to something in this process. Bounded by `dial_timeout`;
    /// dropping the future gives up.
    pub fn dialler<F, Fut>(mut self, dial: F) -> Self
    where
        F: Fn(Address) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<Io>> + Send + 'static,
    {
        self.connect = Some(Arc::new(move |address| Box::pin(dial(address))));
        self
    }

    // ---- dialling ---------------------------------------------------------------------------------------------

    /// How long `connect` and `connect_all` may take. Default 1 s (README of go-iproto).
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long one attempt to connect may take. Default 3 s: a lost SYN is sent again after 1 s.
    pub const fn dial_timeout(mut self, timeout: Duration) -> Self {
        self.dial_timeout = timeout;
        self
    }

    /// The least time between the starts of two attempts to connect. While it holds back the only dial, calls fail with
    /// [`ErrorKind::DialThrottled`]. Default 0: off.
    pub const fn dial_throttle(mut self, time: Duration) -> Self {
        self.dial_throttle = time;
        self
    }

    /// The pauses between attempts to connect.
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.settings.backoff = backoff;
        self
    }

    /// When the client dials by itself. Default: for 1 h after a loss (README of go-iproto).
    pub const fn redial(mut self, redial: Redial) -> Self {
        self.settings.redial = redial;
        self
    }

    // ---- calls ------------------------------------------------------------------------------------------------

    /// What a call gets when no connection is up. Default: it waits.
    pub const fn offline(mut self, offline: Offline) -> Self {
        self.settings.offline = offline;
        self
    }

    /// How long a call waits for a connection before it ends with [`ErrorKind::NoPeer`]. Default 1 s (README of
    /// go-iproto). The call's own deadline counts, too.
    pub const fn wait_timeout(mut self, timeout: Duration) -> Self {
        self.settings.wait_timeout = timeout;
        self
    }

    /// Calls and notifications per second, with at most `burst` at once. One token for each, however often it is
    /// repeated. A burst of 0 is off, the default; a rate of 0 with a burst is an error of `connect`.
    pub const fn rate_limit(mut self, per_second: u32, burst: u32, over: Over) -> Self {
        self.rate = (per_second, burst, over);
        self
    }

    // ---- building ---------------------------------------------------------------------------------------------

    /// Connects: ready when the first connection is.
    ///
    /// Cancel safe: dropping the future gives the client up.
    ///
    /// # Errors
    /// When the settings contradict each other, an address is none, or nobody answers within `connect_timeout`: the
    /// error of the last attempt.
    pub async fn connect(self, addresses: impl IntoAddresses) -> Result<Client, Error> {
        let timeout = self.connect_timeout;
        let client = self.connect_lazy(addresses)?;
        client.online_within(1, timeout).await?;
        Ok(client)
    }

    /// Connects: ready when all `size` connections are.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_all(self, addresses: impl IntoAddresses) -> Result<Client, Error> {
        let (size, timeout) = (self.size, self.connect_timeout);
        let client = self.connect_lazy(addresses)?;
        client.online_within(size, timeout).await?;
        Ok(client)
    }

    /// A client that connects when it is first used. Never waits and never fails because nobody answers.
    ///
    /// # Errors
    /// When the settings contradict each other or an address is none.
    pub fn connect_lazy(self, addresses: impl IntoAddresses) -> Result<Client, Error> {
        let addresses = addresses.into_addresses()?;
        let setup = self.setup(&addresses)?;
        let Backoff { first, max } = self.settings.backoff;
        if self.size == 0 {
            return Err(contradiction(
                "a client of size 0 could not call anybody (setting `size`)".to_owned(),
            ));
        }
        if first.is_zero() || first > max {
            return Err(contradiction(format!(
                "pauses that grow from {first:?} to {max:?} do not (setting `backoff`)"
            )));
        }
        let (per_second, burst, over) = self.rate;
        let limit = Limit::new(per_second, burst, over)?;
        let dialler = Dialler {
            setup,
            addresses,
            resolver: self.resolver,
            connect: self.connect,
            on_peer: self.on_peer,
            timeout: self.dial_timeout,
            throttle: self.dial_throttle,
            targets: Arc::new(Targets::default()),
            dials: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            running: AtomicUsize::new(0),
            last: Mutex::default(),
        };
        Ok(Client::over(Pool::new(self.settings, dialler, limit, self.size)))
    }

    /// What all connections of the client have in common: one dialect and one set of settings.
    fn setup(&self, addresses: &[Address]) -> Result<Setup, Error> {
        let Some(first) = addresses.first() else {
            return Err(contradiction("a client needs an address".to_owned()));
        };
        if let Some(other) =
            addresses.iter().find(|it| (&it.dialect, &it.options) != (&first.dialect, &first.options))
        {
            return Err(contradiction(format!("a client speaks one dialect: {first} and {other} are two")));
        }
        let (dialect, mut config) = match &self.dialect {
            Some(dialect) => (dialect.clone(), Config::for_dialect(dialect.profile())),
            None => dialects::of(first)?,
        };
        self.configure.iter().for_each(|change| change(&mut config));
        let gate = Gate::new(crate::server::MAX_RUNNING);
        Ok(Setup {
            dialect,
            config: Arc::new(config),
            table: self.table.clone()?,
            gate,
            side: Side::Dialling,
        })
    }
}

fn contradiction(what: String) -> Error {
    Error::not_sent(ErrorKind::Config(what))
}

impl Client {
    /// Waits until so many connections are up.
    async fn online_within(&self, wanted: usize, timeout: Duration) -> Result<(), Error> {
        let pool = self.pool();
        let _waiting = pool.wait();
        pool.grow(wanted);
        let up = pool.wait_until(now() + timeout, || (pool.peers().len() >= wanted).then_some(())).await;
        let late = || io::Error::new(io::ErrorKind::TimedOut, format!("nobody answered within {timeout:?}"));
        up.ok_or_else(|| {
            pool.last_error().unwrap_or_else(|| pool.error(ErrorKind::Connect(Arc::new(late()))))
        })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("router", &self.table)
            .field("size", &self.size)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
