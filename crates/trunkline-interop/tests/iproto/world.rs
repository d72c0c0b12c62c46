//! The two ends of a case: Go servers and clients, our clients and servers, and bodies.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use trunkline::bytes::Bytes;
use trunkline::{Client, ClientBuilder, Peer, Router, Server};
use trunkline_interop::GoPeer;

use crate::service::Service;

/// A program of the Go peer.
pub(crate) type Go = Arc<PathBuf>;

/// The bytes of a nonce at the front of a body.
pub(crate) const NONCE: usize = 8;

/// The sizes of the echo cases.
pub(crate) const SIZES: [usize; 5] = [0, 1, 255, 65_535, 1 << 20];

pub(crate) async fn go_server(go: &Go, flags: &[&str]) -> GoPeer {
    GoPeer::server(go, flags).await.expect("the Go server starts")
}

pub(crate) fn go_client(go: &Go, address: &str, scenario: &str, flags: &[&str]) -> GoPeer {
    GoPeer::client(go, address, scenario, flags).expect("the Go client starts")
}

/// Runs a scenario of the Go client to its end; it must have found everything as it should be.
pub(crate) async fn scenario(go: &Go, address: &str, name: &str, flags: &[&str]) -> Value {
    let result = go_client(go, address, name, flags).result().await.expect("a result");
    assert_eq!(result["good"], true, "{result}");
    result
}

/// Our client with settings for a loaded machine.
pub(crate) fn builder() -> ClientBuilder {
    Client::builder().connect_timeout(Duration::from_secs(10))
}

pub(crate) async fn connect(server: &GoPeer) -> Client {
    builder().connect(url(server.address())).await.expect("connects")
}

pub(crate) fn url(address: &str) -> String {
    format!("iproto://{address}")
}

/// The client's one connection.
pub(crate) fn peer(client: &Client) -> Peer {
    client.peer().expect("connected")
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
        Self::with("iproto://127.0.0.1:0", |builder| builder).await
    }

    pub(crate) async fn with(
        listen: &str,
        change: impl FnOnce(trunkline::ServerBuilder) -> trunkline::ServerBuilder,
    ) -> Self {
        let service = Arc::new(Service::default());
        let (sender, peers) = tokio::sync::mpsc::unbounded_channel();
        let builder = Server::builder().router(service.router()).listen(listen).on_peer(move |peer| {
            let sender = sender.clone();
            async move {
                let _ = sender.send(peer);
                Ok(())
            }
        });
        let server = change(builder).start().await.expect("starts");
        let address = server.addresses()[0].to_string();
        let address = match address.split_once("+unix://") {
            Some((_, path)) => format!("unix:{path}"),
            None => address.trim_start_matches("iproto://").to_owned(),
        };
        Self { server, service, address, peers }
    }

    /// The next peer that connects.
    pub(crate) async fn peer(&mut self) -> Peer {
        self.peers.recv().await.expect("the server lives")
    }
}

/// A router of our client, with the service behind it.
pub(crate) fn serving() -> (Arc<Service>, Router<Arc<Service>>) {
    let service = Arc::new(Service::default());
    let router = service.router();
    (service, router)
}

/// A body nobody else sends: a nonce of eight bytes, then bytes that depend on it. Shorter ones have no nonce.
pub(crate) fn body(nonce: u64, size: usize) -> Bytes {
    let mut bytes = nonce.to_le_bytes().to_vec();
    bytes.resize(size.max(NONCE), nonce as u8 ^ 0x5a);
    bytes.truncate(size);
    bytes.into()
}

/// A number nobody else has in this process.
pub(crate) fn nonce() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A member of a line of the Go peer; a missing one is a failure.
pub(crate) fn number(line: &Value, member: &str) -> u64 {
    line[member].as_u64().unwrap_or_else(|| panic!("no number `{member}` in {line}"))
}

/// How often a code was executed on the Go side, and how many of these were repetitions.
pub(crate) fn executions(stats: &Value, code: u32) -> (u64, u64) {
    let code = &stats["codes"][code.to_string()];
    (code["executions"].as_u64().unwrap_or(0), code["repeated"].as_u64().unwrap_or(0))
}
