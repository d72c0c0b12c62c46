//! Our server, and clients in Go.

use std::time::Duration;

use serde_json::Value;
use trunkline::link_json::{Headed, Messages, Named};
use trunkline::{Error, Group, Request, Router, Server};
use trunkline_interop::GoPeer;

use crate::{AddReq, AddRsp, Body, COUNT, Go, url};

/// Every packet comes back.
async fn echo_raw(request: Request) -> Result<(), Error> {
    request.peer.notify(0, request.body).await
}

/// A request is answered with its sum; every other value comes back.
async fn echo_json(request: Request<Messages>) -> Result<(), Error> {
    for message in request.body {
        match message.head() {
            AddReq::HEAD => {
                let AddReq { a, b } = message.read().expect("a value of its type");
                request.peer.notify(0, Headed(AddRsp { c: a + b })).await?;
            }
            _ => request.peer.notify(0, message).await?,
        }
    }
    Ok(())
}

async fn server(head: &str, body: Body) -> (Server, String) {
    let router = match body {
        Body::Raw => Router::new().packets(echo_raw),
        Body::Json => Router::new().packets(echo_json),
    };
    let server =
        Server::builder().router(router).listen(&*url("127.0.0.1:0", head)).start().await.expect("starts");
    let address = address(&server.addresses()[0].to_string());
    (server, address)
}

/// `host:port` of a URL of ours.
fn address(url: &str) -> String {
    let address = url.trim_start_matches("packet://");
    address.split(['?', '/']).next().unwrap_or_default().to_owned()
}

/// Runs a scenario of the Go client to its end; it must have found everything as it should be.
async fn scenario(go: &Go, address: &str, name: &str, flags: &[&str]) -> Value {
    let client = GoPeer::client(go, address, name, flags).expect("the Go client starts");
    let result = client.result().await.expect("a result");
    assert_eq!(result["good"], true, "{result}");
    result
}

pub(crate) async fn pipeline(go: Go, head: &'static str, body: Body) -> String {
    let (server, address) = server(head, body).await;
    let result = scenario(&go, &address, "pipeline", &body.flags(head)).await;
    assert_eq!(result["ok"], COUNT, "{result}");
    let stats = server.stats();
    assert_eq!((stats.notifications, stats.notified), (COUNT as u64, COUNT as u64), "{stats:?}");
    format!("{:.0}/s there and back", result["messages_per_second"].as_f64().unwrap_or_default())
}

pub(crate) async fn echo(go: Go, head: &'static str) -> String {
    let (_server, address) = server(head, Body::Raw).await;
    scenario(&go, &address, "echo", &Body::Raw.flags(head)).await["sizes"].to_string()
}

pub(crate) async fn json(go: Go) -> String {
    let (_server, address) = server("4be", Body::Json).await;
    let result = scenario(&go, &address, "json", &Body::Json.flags("4be")).await;
    format!("{} ok", result["ok"])
}

pub(crate) async fn broadcast(go: Go) -> String {
    const HEADS: [&str; 4] = ["1le", "2be", "4be", "8le"];
    let group = Group::new();
    let entering = group.clone();
    let listens: Vec<String> = HEADS.iter().map(|head| url("127.0.0.1:0", head)).collect();
    let server = Server::builder()
        .listen(&*listens.join(","))
        .on_peer(move |peer| {
            let joined = entering.join(peer.id(), &peer).map(drop);
            async move { joined }
        })
        .start()
        .await
        .expect("starts");
    let mut clients = Vec::new();
    for (head, url) in HEADS.iter().zip(server.addresses()) {
        let count = COUNT.to_string();
        let flags = ["-head", head, "-n", &count];
        let client = GoPeer::client(&go, &address(&url.to_string()), "listen", &flags);
        clients.push(client.expect("the Go client starts"));
    }
    while group.len() < HEADS.len() {
        tokio::time::timeout(Duration::from_secs(60), tokio::task::yield_now()).await.expect("joins");
    }
    for n in 0..COUNT as u64 {
        let delivered = group.broadcast_wait(0, n.to_le_bytes().to_vec(), Duration::from_secs(60)).await;
        assert_eq!(delivered.queued, HEADS.len(), "{delivered:?}");
    }
    for client in clients {
        let result = client.result().await.expect("a result");
        assert_eq!((&result["good"], &result["ok"]), (&true.into(), &COUNT.into()), "{result}");
    }
    format!("{COUNT} in order to each of {}", HEADS.len())
}
