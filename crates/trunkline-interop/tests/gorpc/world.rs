//! The two ends of a case, plain or compressed, and what they send.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use trunkline::{Client, Peer, Server};
use trunkline_interop::GoPeer;

use crate::service::Service;

/// A program of the Go peer.
pub(crate) type Go = Arc<PathBuf>;

/// The sizes of the echo cases.
pub(crate) const SIZES: [usize; 5] = [0, 1, 255, 65_535, 1 << 20];

/// Whether the connection is compressed: the side that dials decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Plain,
    Compressed,
}

pub(crate) async fn go_server(go: &Go, flags: &[&str]) -> GoPeer {
    GoPeer::server(go, flags).await.expect("the Go server starts")
}

/// Our client of a Go server.
pub(crate) async fn connect(server: &GoPeer, mode: Mode) -> Client {
    let compress = u8::from(mode == Mode::Compressed);
    connect_to(&format!("gorpc://{}?compress={compress}", server.address())).await
}

pub(crate) async fn connect_to(url: &str) -> Client {
    Client::builder().connect_timeout(Duration::from_secs(10)).connect(url).await.expect("connects")
}

pub(crate) fn go_client(go: &Go, address: &str, mode: Mode, name: &str, flags: &[&str]) -> GoPeer {
    let mut all = flags.to_vec();
    all.extend((mode == Mode::Plain).then_some("-plain"));
    GoPeer::client(go, address, name, &all).expect("the Go client starts")
}

/// Runs a scenario of the Go client to its end, whatever it found.
pub(crate) async fn outcome(go: &Go, address: &str, mode: Mode, name: &str, flags: &[&str]) -> Value {
    go_client(go, address, mode, name, flags).result().await.expect("a result")
}

/// Runs a scenario of the Go client to its end; it must have found everything as it should be.
pub(crate) async fn scenario(go: &Go, ours: &Ours, mode: Mode, name: &str, flags: &[&str]) -> Value {
    let result = outcome(go, &ours.address, mode, name, flags).await;
    assert_eq!(result["good"], true, "{result}");
    result
}

/// Our server with its service; `address` is what a Go client dials.
pub(crate) struct Ours {
    pub(crate) server: Server,
    pub(crate) service: Arc<Service>,
    pub(crate) address: String,
    peers: tokio::sync::mpsc::UnboundedReceiver<Peer>,
}

impl Ours {
    pub(crate) async fn start() -> Self {
        Self::at("gorpc://127.0.0.1:0").await
    }

    pub(crate) async fn at(url: &str) -> Self {
        let service = Arc::new(Service::default());
        let (sender, peers) = tokio::sync::mpsc::unbounded_channel();
        let builder = Server::builder().router(service.router()).listen(url).on_peer(move |peer| {
            let sender = sender.clone();
            async move {
                let _ = sender.send(peer);
                Ok(())
            }
        });
        let server = builder.start().await.expect("starts");
        let address = server.addresses()[0].to_string();
        let address = match address.split_once("+unix://") {
            Some((_, path)) => format!("unix:{path}"),
            None => address.trim_start_matches("gorpc://").to_owned(),
        };
        Self { server, service, address, peers }
    }

    /// The next peer that connects.
    pub(crate) async fn peer(&mut self) -> Peer {
        self.peers.recv().await.expect("the server lives")
    }
}

/// A text nobody else sends, whose first eight characters are a number.
pub(crate) fn text(size: usize) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut text = format!("{number:08x}");
    // Not all alike, so that it is worth deflating and not nothing.
    while text.len() < size {
        text.push(char::from(b'a' + (text.len() as u64 * (number % 23 + 3) % 26) as u8));
    }
    text.truncate(size);
    text
}

/// A member of a line of the Go peer; a missing one is a failure.
pub(crate) fn number(line: &Value, member: &str) -> u64 {
    line[member].as_u64().unwrap_or_else(|| panic!("no number `{member}` in {line}"))
}

/// How often a route was executed on the Go side.
pub(crate) fn executions(stats: &Value, route: &str) -> u64 {
    stats["routes"][route]["executions"].as_u64().unwrap_or(0)
}

/// A socket path for one case.
pub(crate) fn socket(name: &str) -> String {
    let path = std::env::temp_dir().join(format!("trunkline-{}-{name}.sock", std::process::id()));
    path.to_str().expect("a path in UTF-8").to_owned()
}
