//! A server with a bystander, and raw sockets to attack it with.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use trunkline::{CloseReason, Config, Peer, Router, Server};

use crate::bystander::Bystander;

/// Nothing that a test waits for takes longer than this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Victim {
    pub(crate) server: Server,
    pub(crate) url: String,
    peers: mpsc::UnboundedReceiver<Peer>,
    bystander: Bystander,
}

impl Victim {
    /// A server of `router` on loopback, and a bystander that calls its route 1.
    pub(crate) async fn start(
        router: Router,
        configure: impl Fn(&mut Config) + Send + Sync + 'static,
    ) -> Self {
        let (sender, peers) = mpsc::unbounded_channel();
        let server = Server::builder()
            .router(router)
            .listen("iproto://127.0.0.1:0")
            .configure(configure)
            .on_peer(move |peer| {
                let told = sender.send(peer);
                async move {
                    told.expect("the test listens");
                    Ok(())
                }
            })
            .start()
            .await
            .expect("starts");
        let url = server.addresses()[0].to_string();
        let bystander = Bystander::start(&url).await;
        Self { server, url, peers, bystander }
    }

    /// A socket to misbehave with, and the server's handle to it.
    pub(crate) async fn attacker(&mut self) -> (TcpStream, Peer) {
        let address = self.url.strip_prefix("iproto://").expect("the scheme");
        let socket = TcpStream::connect(address).await.expect("connects");
        let local = socket.local_addr().expect("an address");
        loop {
            let peer =
                timeout(PATIENCE, self.peers.recv()).await.expect("in time").expect("the server lives");
            if peer.remote_addr() == Some(local) {
                return (socket, peer);
            }
        }
    }

    /// The attack is over: nobody but the attacker noticed it.
    pub(crate) async fn verdict(self, attack: &str) {
        self.bystander.verdict(attack).await;
        drop(self.server);
    }
}

/// Why the connection ended, within [`PATIENCE`].
pub(crate) async fn end_of(peer: &Peer) -> CloseReason {
    let reason = timeout(PATIENCE, peer.closed()).await;
    (*reason.unwrap_or_else(|_| panic!("{peer:?} lives on: {:?}", peer.stats()))).clone()
}
