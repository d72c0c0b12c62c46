//! The accept loop: it never ends by an error, and no user code runs in it.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::builder::{AcceptHook, PeerHook};
use crate::address::Address;
use crate::peer::{Peer, Setup};
use crate::registry::Registry;
use crate::transport::{Io, Listener};

/// First and longest pause after an error of accept, such as too many open files. NATS' values.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// How long the hooks of a new connection may take.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// What users do with new connections.
#[derive(Clone, Default)]
pub(super) struct Ways {
    pub(super) on_peer: Option<PeerHook>,
    pub(super) accept: Option<AcceptHook>,
}

pub(super) struct AcceptLoop {
    pub(super) address: Address,
    pub(super) listener: Listener,
    pub(super) setup: Setup,
    pub(super) registry: Arc<Registry>,
    pub(super) ways: Ways,
}

impl AcceptLoop {
    pub(super) async fn run(mut self) {
        let setup = Arc::new(self.setup);
        let mut pause = PAUSES.0;
        loop {
            match self.listener.accept().await {
                Ok(io) => {
                    pause = PAUSES.0;
                    let (setup, registry, ways) = (setup.clone(), self.registry.clone(), self.ways.clone());
                    let address = peer_address(&self.address, &io);
                    tokio::spawn(welcome(io, address, setup, registry, ways));
                }
                Err(error) if is_of_one_connection(&error) => {
                    tracing::debug!(address = %self.address, %error, "a connection ended before it was accepted");
                }
                Err(error) => {
                    tracing::warn!(address = %self.address, %error, ?pause, "accept failed; trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
            }
        }
    }
}

/// Errors that concern the connection that was to be accepted and not the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

fn peer_address(listener: &Address, io: &Io) -> String {
    match io.remote() {
        Some(remote) => format!("{}://{remote}", listener.dialect),
        None => listener.to_string(),
    }
}

/// From an accepted transport to a peer that is served.
async fn welcome(io: Io, address: String, setup: Arc<Setup>, registry: Arc<Registry>, ways: Ways) {
    let io = match &ways.accept {
        None => io,
        Some(hook) => match tokio::time::timeout(HANDSHAKE, hook(io)).await {
            Ok(Ok(io)) => io,
            Ok(Err(error)) => return tracing::debug!(address, %error, "refused by the accept hook"),
            Err(_) => return tracing::warn!(address, "the accept hook took longer than {HANDSHAKE:?}"),
        },
    };
    let (peer, driver) = setup.start(io, address);
    if let Err(why) = registry.enter(&peer) {
        let limit = registry.limit();
        return tracing::warn!(peer = peer.id(), address = peer.address(), limit, "refused: {why}");
    }
    let Some(hook) = &ways.on_peer else { return driver.run().await };
    let mut greeting = Box::pin(greet(hook, &peer));
    // What the hook does before it first waits is done before the first request is read: a layer may rely on it.
    if (&mut greeting).now_or_never().is_some() {
        return driver.run().await;
    }
    // The hook may call the peer, so the driver runs beside it.
    let driving = tokio::spawn(driver.run());
    greeting.await;
    let _ = driving.await;
}

/// Runs the hook of a new peer, and closes the peer when it fails: a hook that did not come to its end has vetted nobody.
async fn greet(hook: &PeerHook, peer: &Peer) {
    let vetted = AssertUnwindSafe(async { hook(peer.clone()).await }).catch_unwind();
    match tokio::time::timeout(HANDSHAKE, vetted).await {
        Ok(Ok(Ok(()))) => return,
        Ok(Ok(Err(error))) => tracing::warn!(peer = peer.id(), %error, "closed by the peer hook"),
        Ok(Err(_)) => tracing::error!(peer = peer.id(), "closed: the peer hook panicked"),
        Err(_) => tracing::warn!(peer = peer.id(), "closed: the peer hook took longer than {HANDSHAKE:?}"),
    }
    peer.close();
}
