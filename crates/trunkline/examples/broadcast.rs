//! packnet's two examples: a server that sends every packet back, and to everyone else, too.
//!
//! Three clients connect, one says something, and each tells what it hears.
//!
//! ```text
//! client 1 hears hello
//! client 2 hears hello
//! client 3 hears hello
//! 3 peers drained
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use tokio::sync::mpsc;
use trunkline::{Client, Error, Group, Request, Router, Server};

/// Echoes a packet, and sends it to all others.
async fn packet(everyone: Group<u64>, packet: Request) -> Result<(), Error> {
    everyone.broadcast_except(&packet.peer, 0, packet.body.clone());
    packet.peer.notify(0, packet.body).await
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let everyone = Group::new();
    let entering = everyone.clone();
    let server = Server::builder()
        .router(Router::with_state(everyone.clone()).packets(packet))
        .listen("packet://127.0.0.1:0?head=2be")
        .on_peer(move |peer| {
            let joined = entering.join(peer.id(), &peer).map(drop);
            async move { joined }
        })
        .start()
        .await?;

    let (heard, mut hearing) = mpsc::unbounded_channel();
    let mut clients = Vec::new();
    for n in 1..=3 {
        let heard = heard.clone();
        let router = Router::new().packets(move |packet: Request<String>| {
            let sent = heard.send(format!("client {n} hears {}", packet.body));
            async move { drop(sent) }
        });
        clients.push(Client::builder().router(router).connect(&server.addresses()[0]).await?);
    }
    // Connected is one thing, welcomed another.
    while everyone.len() < clients.len() {
        tokio::task::yield_now().await;
    }
    for client in clients.iter().take(1) {
        client.notify(0, "hello").await?;
    }
    let mut heard = Vec::new();
    for _ in &clients {
        heard.extend(hearing.recv().await);
    }
    heard.sort();
    println!("{}\n{} peers drained", heard.join("\n"), server.drain().await.drained);
    Ok(())
}
