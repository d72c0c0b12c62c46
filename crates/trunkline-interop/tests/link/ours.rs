//! Our client, and a server in Go.

use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use trunkline::bytes::Bytes;
use trunkline::link_json::{Headed, Messages, Named};
use trunkline::{Client, Request, Router};
use trunkline_interop::GoPeer;

use crate::{AddReq, AddRsp, Body, COUNT, Go, url};

/// A client whose packets come out of a channel.
async fn connect(server: &GoPeer, head: &str) -> (Client, UnboundedReceiver<Bytes>) {
    let (sender, packets) = unbounded_channel();
    let router = Router::new().packets(move |request: Request| {
        let sent = sender.send(request.body);
        async move { drop(sent) }
    });
    let client = Client::builder()
        .router(router)
        .connect_timeout(Duration::from_secs(10))
        .configure(|config| config.notify_timeout = Duration::from_secs(60))
        .connect(url(server.address(), head))
        .await
        .expect("connects");
    (client, packets)
}

fn message(n: usize) -> Bytes {
    let mut body = (n as u64).to_le_bytes().to_vec();
    body.resize(64, n as u8);
    body.into()
}

pub(crate) async fn pipeline(go: Go, head: &'static str, body: Body) -> String {
    let mut server = GoPeer::server(&go, &body.flags(head)).await.expect("the Go server starts");
    let (client, mut packets) = connect(&server, head).await;
    let began = Instant::now();
    let sending = tokio::spawn(async move {
        for n in 0..COUNT {
            let sent = match body {
                Body::Raw => client.notify(0, message(n)).await,
                Body::Json => client.notify(0, Headed(AddReq { a: n, b: 7 })).await,
            };
            sent.expect("accepted");
        }
        client
    });
    for n in 0..COUNT {
        let packet = packets.recv().await.expect("an answer");
        match body {
            Body::Raw => assert_eq!(packet, message(n)),
            Body::Json => {
                let answer = Messages::read(&packet).next().expect("a message").expect("that can be read");
                assert_eq!(answer.head(), AddRsp::HEAD);
                assert_eq!(answer.read::<AddRsp>().expect("of its type").c, n + 7);
            }
        }
    }
    let rate = COUNT as f64 / began.elapsed().as_secs_f64();
    drop(sending.await.expect("all sent"));
    let stats = server.ask("stats").await.expect("stats");
    assert_eq!((&stats["messages"], &stats["protocol_errors"]), (&COUNT.into(), &0.into()), "{stats}");
    format!("{rate:.0}/s there and back")
}

pub(crate) async fn echo(go: Go, head: &'static str) -> String {
    let server = GoPeer::server(&go, &Body::Raw.flags(head)).await.expect("the Go server starts");
    let (client, mut packets) = connect(&server, head).await;
    let longest = head.parse::<trunkline::wire::packet::Head>().expect("a head").longest();
    let mut sizes = Vec::new();
    for size in [0, 1, 255, 256, 65_535, 65_536, 1 << 20] {
        let body = Bytes::from(vec![7; size]);
        let sent = client.notify(0, body.clone()).await;
        if size as u64 > longest {
            // L5: link would send a length that lies.
            assert!(sent.expect_err("cannot be said").to_string().contains("head"));
            continue;
        }
        sent.expect("accepted");
        assert_eq!(packets.recv().await.expect("an answer"), body);
        sizes.push(size);
    }
    format!("{sizes:?}")
}

pub(crate) async fn listens(go: Go) -> String {
    let mut server =
        GoPeer::server(&go, &["-head", "2le", "-mode", "sink"]).await.expect("the Go server starts");
    let (client, mut packets) = connect(&server, "2le").await;
    // The session is the server's when a message of ours has been counted.
    client.notify(0, message(0)).await.expect("accepted");
    while server.ask("stats").await.expect("stats")["messages"] != 1 {
        tokio::task::yield_now().await;
    }
    server.tell(&format!("broadcast {COUNT} 64")).await.expect("said");
    for n in 0..COUNT {
        let packet = packets.recv().await.expect("a broadcast");
        assert_eq!(packet[..8], (n as u64).to_le_bytes());
    }
    let report = server.hear("broadcast").await.expect("a report");
    assert_eq!((&report["sessions"], &report["ok"]), (&1.into(), &COUNT.into()), "{report}");
    format!("{COUNT} in order")
}
