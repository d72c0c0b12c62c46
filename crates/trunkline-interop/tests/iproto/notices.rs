//! Notifications: all of them, in order.

use std::time::Instant;

use trunkline::bytes::Bytes;

use crate::service::{ECHO, NOTICE};
use crate::world::{Go, Ours, connect, go_server, number, peer, scenario};

const COUNT: u64 = 100_000;

pub(crate) async fn ours(go: Go) -> String {
    let mut server = go_server(&go, &[]).await;
    let client = connect(&server).await;
    let peer = peer(&client);
    let began = Instant::now();
    for n in 0..COUNT {
        peer.notify(NOTICE, n.to_le_bytes().to_vec()).await.expect("accepted");
    }
    peer.call::<Bytes>(ECHO, "barrier").await.expect("an answer");
    let rate = COUNT as f64 / began.elapsed().as_secs_f64();
    let stats = server.ask("stats").await.expect("stats");
    assert_eq!(number(&stats, "notifications"), COUNT, "{stats}");
    assert_eq!(stats["in_order"], true, "{stats}");
    format!("{COUNT} received in order, {rate:.0}/s")
}

pub(crate) async fn theirs(go: Go) -> String {
    let ours = Ours::start().await;
    let began = Instant::now();
    scenario(&go, &ours.address, "notify", &[]).await;
    let rate = COUNT as f64 / began.elapsed().as_secs_f64();
    assert_eq!((ours.service.notices(), ours.service.out_of_order()), (COUNT, 0));
    assert_eq!(ours.server.stats().notifications, COUNT);
    format!("{COUNT} received in order, {rate:.0}/s")
}
