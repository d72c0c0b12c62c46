//! What the demo plays on: a server with the built-in routes and a few of its own, and clients of it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::Handle;
use tokio::sync::{Mutex, Notify};
use trunkline::bytes::Bytes;
use trunkline::{Client, Code, Fault, Peer, Request, Router, Server};

use super::Wrong;
use crate::builtins;
use crate::exit::Failure;

/// Routes of the demo beside the built-in ones.
pub(super) const TELL: u32 = 100;
pub(super) const CALL_BACK: u32 = 101;
pub(super) const SERIAL: u32 = 102;
pub(super) const RAW: u32 = 103;
/// No handler has it.
pub(super) const NOBODY: u32 = 104;

/// Cheap to clone; every row gets one.
#[derive(Clone)]
pub(super) struct Stage {
    pub(super) tcp: Client,
    pub(super) unix: Client,
    /// What the client's own handlers heard.
    pub(super) client_heard: Arc<Counter>,
    pub(super) seen: Seen,
    /// Taken by the row that ends it.
    pub(super) server: Arc<Mutex<Option<Server>>>,
    pub(super) urls: Arc<[String]>,
}

/// What the server's handlers saw.
#[derive(Clone, Default)]
pub(super) struct Seen {
    pub(super) told: Arc<Counter>,
    /// Handlers of the serial route that run now, and the most there ever were.
    running: Arc<AtomicU64>,
    pub(super) most_running: Arc<AtomicU64>,
}

/// Counts, and lets somebody wait for a count.
#[derive(Default)]
pub(super) struct Counter {
    count: AtomicU64,
    changed: Notify,
}

impl Counter {
    fn add(&self) {
        self.count.fetch_add(1, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// Completes when it is at least `count`.
    pub(super) async fn reaches(&self, count: u64) {
        loop {
            let changed = self.changed.notified();
            if self.count.load(Ordering::Acquire) >= count {
                return;
            }
            changed.await;
        }
    }

    pub(super) fn get(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }
}

impl Stage {
    /// Starts the server on `servers`, and connects to it from here.
    pub(super) async fn start(servers: &Handle) -> Result<Self, Failure> {
        let seen = Seen::default();
        let server = Server::builder()
            .router(builtins::router().merge(server_routes(seen.clone())))
            .listen("iproto://127.0.0.1:0")
            .listen(format!("iproto+unix://{}", socket().display()));
        let server =
            servers.spawn(server.start()).await.map_err(|error| Failure::from(io::Error::from(error)))??;
        let urls: Arc<[String]> = server.addresses().iter().map(ToString::to_string).collect();
        let client_heard = Arc::new(Counter::default());
        let mut clients = Vec::new();
        for url in urls.iter() {
            let router = client_routes(client_heard.clone());
            clients.push(Client::builder().router(router).connect(url).await?);
        }
        let [tcp, unix] = [clients.remove(0), clients.remove(0)];
        Ok(Self { tcp, unix, client_heard, seen, server: Arc::new(Mutex::new(Some(server))), urls })
    }

    pub(super) fn urls(&self) -> &[String] {
        &self.urls
    }

    /// The connection over TCP.
    pub(super) fn peer(&self) -> Result<Peer, Wrong> {
        self.tcp.peer().ok_or_else(|| Wrong("the client has no connection".to_owned()))
    }

    /// A counter of the server.
    pub(super) async fn stats(&self) -> trunkline::Stats {
        self.server.lock().await.as_ref().map(Server::stats).unwrap_or_default()
    }
}

/// A socket of this process alone.
fn socket() -> PathBuf {
    std::env::temp_dir().join(format!("trunkline-demo-{}.sock", std::process::id()))
}

fn server_routes(seen: Seen) -> Router<Seen> {
    Router::with_state(seen)
        .route(TELL, async |seen: Seen, _: Request| seen.told.add())
        .route(CALL_BACK, call_back)
        .route_serial(SERIAL, serial)
        .route(RAW, async |_: Seen, request: Request| request.body)
}

async fn call_back(_: Seen, request: Request) -> Result<Bytes, Fault> {
    Ok(request.peer.call(CALL_BACK, request.body).await?)
}

async fn serial(seen: Seen, request: Request) -> Bytes {
    let running = seen.running.fetch_add(1, Ordering::AcqRel) + 1;
    seen.most_running.fetch_max(running, Ordering::AcqRel);
    tokio::task::yield_now().await;
    seen.running.fetch_sub(1, Ordering::AcqRel);
    request.body
}

fn client_routes(heard: Arc<Counter>) -> Router<Arc<Counter>> {
    Router::with_state(heard)
        .route(CALL_BACK, async |_: Arc<Counter>, request: Request| request.body)
        // A reply that nobody waits for is a request on iproto. Answering it would go on for ever.
        .route(RAW, async |heard: Arc<Counter>, _: Request| -> Result<(), Fault> {
            heard.add();
            Err(Fault::new(Code::Unimplemented, "heard"))
        })
}
