//! A server within this process that can be killed, revived and counted, and waiting for conditions.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;
use trunkline::bytes::Bytes;
use trunkline::wire::iproto::Iproto;
use trunkline::{Client, ClientBuilder, Io, Peer, Request, Router, Server, Side, Text};

/// Waits until a condition holds; it must within `limit`. Returns how long it took.
pub(crate) async fn eventually(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    began.elapsed()
}

pub(crate) async fn is_online(client: &Client, connections: usize) -> Duration {
    eventually("online", Duration::from_secs(10), || client.peers().len() == connections).await
}

/// Echo, and waiting for as many milliseconds as the body says.
pub(crate) fn router() -> Router {
    Router::new().route(1, async |request: Request| request.body).route(3, async |request: Request<Text>| {
        let time = request.body.0.parse().unwrap_or(0);
        tokio::time::sleep(Duration::from_millis(time)).await;
        request.body
    })
}

pub(crate) async fn echo(client: &Client) -> Result<Bytes, trunkline::Error> {
    client.call(1, "hello").await
}

/// What a dialler leads to: connections in memory, refused while it is down.
#[derive(Clone)]
pub(crate) struct Place {
    shared: Arc<Shared>,
}

struct Shared {
    up: AtomicBool,
    router: fn() -> Router,
    peers: Mutex<Vec<Peer>>,
    dials: Mutex<Vec<Instant>>,
    running: AtomicUsize,
    most: AtomicUsize,
    takes: Duration,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::taking(Duration::ZERO)
    }

    /// Where connecting takes some time.
    pub(crate) fn taking(takes: Duration) -> Self {
        let shared = Shared {
            up: AtomicBool::new(true),
            router,
            peers: Mutex::default(),
            dials: Mutex::default(),
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            takes,
        };
        Self { shared: Arc::new(shared) }
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        let place = self.clone();
        Client::builder().dialler(move |_| {
            let place = place.clone();
            async move { place.dial().await }
        })
    }

    pub(crate) async fn dial(&self) -> io::Result<Io> {
        let shared = &self.shared;
        shared.dials.lock().expect("no panic").push(Instant::now());
        let running = shared.running.fetch_add(1, Ordering::SeqCst) + 1;
        shared.most.fetch_max(running, Ordering::SeqCst);
        tokio::time::sleep(shared.takes).await;
        shared.running.fetch_sub(1, Ordering::SeqCst);
        if !shared.up.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let peer = Peer::over(theirs, Side::Accepting, Iproto::new(), (shared.router)()).expect("a router");
        shared.peers.lock().expect("no panic").push(peer);
        Ok(Io::Memory(ours))
    }

    /// Refuses new connections and cuts those there are.
    pub(crate) fn kill(&self) {
        self.shared.up.store(false, Ordering::SeqCst);
        self.peers().iter().for_each(Peer::close);
        self.shared.peers.lock().expect("no panic").clear();
    }

    pub(crate) fn revive(&self) {
        self.shared.up.store(true, Ordering::SeqCst);
    }

    /// The server's side of every connection since the last kill.
    pub(crate) fn peers(&self) -> Vec<Peer> {
        self.shared.peers.lock().expect("no panic").clone()
    }

    pub(crate) fn dials(&self) -> Vec<Instant> {
        self.shared.dials.lock().expect("no panic").clone()
    }

    /// The most dials that ran at the same time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.shared.most.load(Ordering::SeqCst)
    }
}

/// An address for clients whose dialler does not look at it.
pub(crate) const ANY: &str = "iproto+mem://anywhere";

/// A server on a port of its own; revived on the same.
pub(crate) async fn listen(router: Router, address: &str) -> Server {
    let began = Instant::now();
    loop {
        match Server::builder().router(router.clone()).listen(address).start().await {
            Ok(server) => return server,
            Err(error) => assert!(began.elapsed() < Duration::from_secs(5), "{error}"),
        }
        // The listener of the server before is closed by a task that has yet to run.
        tokio::task::yield_now().await;
    }
}
