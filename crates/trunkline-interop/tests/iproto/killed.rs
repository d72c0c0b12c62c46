//! The other side is killed (SIGKILL): every call of ours ends once, and its outcome is what the ledger file says, which
//! outlives the kill: answered is executed once, not sent is never, unknown is at most once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use trunkline::bytes::Bytes;
use trunkline::{CloseReason, Peer};

use crate::books::{Books, Fresh, ledger};
use crate::load::{AT_ONCE, Load};
use crate::service::{ECHO, RANDOM};
use crate::world::{Go, Ours, body, connect, go_client, go_server, nonce, peer, scenario};

/// Answers before the kill, and after it.
const ANSWERS: u64 = 2_000;

pub(crate) async fn server_restarted(go: Go) -> String {
    let file = Fresh::new("killed-server.ledger");
    let server = go_server(&go, &["-ledger", file.text()]).await;
    let address = server.address().to_owned();
    let client = connect(&server).await;
    let connection = peer(&client);
    let load = Load::start(&client);
    load.books.answers(ANSWERS).await;
    server.kill().await.expect("killed");
    let reason = connection.closed().await;
    assert!(reason.is_error(), "calls waited, so this is no clean end: {reason}");
    let _second = go_server(&go, &["-listen", &address, "-ledger", file.text()]).await;
    load.books.answers(ANSWERS).await;
    let books = load.stop().await;
    let sums = books.sums();
    let lost = books.hold_against(&ledger(file.path()));
    // A dying process may still take a connection or two, and with each what is in flight on it.
    assert!((1..=3 * AT_ONCE).contains(&sums.unknown), "only what was in flight may be unknown: {sums:?}");
    assert_eq!(sums.not_sent, 0, "what was not sent is repeated: {sums:?} {}", books.failure());
    format!("{}; the connection ended: {reason}", told(&books, lost))
}

pub(crate) async fn server_stalled(go: Go) -> String {
    let file = Fresh::new("killed-stalled.ledger");
    let mut server = go_server(&go, &["-ledger", file.text()]).await;
    let client = connect(&server).await;
    let connection = peer(&client);
    let books = Arc::new(Books::default());
    // Bound to the connection, so that nothing is repeated; more than the sockets between us hold.
    called(&connection, &books, ECHO, (10, 64)).await;
    server.ask("stall").await.expect("stalled");
    let waiting = tokio::spawn({
        let (connection, books) = (connection.clone(), books.clone());
        async move { called(&connection, &books, ECHO, (1_000, 15_000)).await }
    });
    until_stuck(&connection).await;
    server.kill().await.expect("killed");
    waiting.await.expect("every call ends");
    let lost = books.hold_against(&ledger(file.path()));
    let sums = books.sums();
    assert_eq!(sums.answered, 10, "{sums:?}");
    assert!(sums.not_sent > 0 && sums.unknown > 0, "both kinds must occur: {sums:?}");
    told(&books, lost)
}

/// Waits until the connection has output that the transport does not take any more.
async fn until_stuck(connection: &Peer) {
    let mut before = (0, 0);
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = (connection.queued_bytes(), connection.stats().bytes_out);
        if now.0 > 0 && now == before {
            return;
        }
        before = now;
    }
}

/// Calls that all wait at the same time.
async fn called(peer: &Peer, books: &Books, code: u32, (count, size): (usize, usize)) {
    let calls = (0..count).map(|_| {
        let nonce = nonce();
        let sent = body(nonce, size);
        let call = peer.call::<Bytes>(code, sent.clone());
        async move { books.enter(nonce, &sent, call.await) }
    });
    join_all(calls).await;
}

pub(crate) async fn client_under_load(go: Go) -> String {
    let mut ours = Ours::start().await;
    let mut client = go_client(&go, &ours.address, "load", &["-code", "6", "-c", "64"]);
    client.hear("started").await.expect("started");
    let peer = ours.peer().await;
    ours.service.until(ANSWERS).await;
    client.kill().await.expect("killed");
    let reason = peer.closed().await;
    let stats = ours.server.stats();
    assert_eq!(stats.requests, ours.service.executed(), "every request that arrived was executed, once");
    assert_eq!(ours.service.repeated(), 0);
    scenario(&go, &ours.address, "echo", &[]).await;
    format!(
        "{} requests, as many executions; the connection ended: {reason}; the next client is served",
        stats.requests
    )
}

pub(crate) async fn client_called(go: Go) -> String {
    let file = Fresh::new("killed-client.ledger");
    let mut ours = Ours::start().await;
    let flags = ["-n", "1", "-serve", "1000000000", "-z", "60s", "-ledger", file.text()];
    let client = go_client(&go, &ours.address, "serve-back", &flags);
    let peer = ours.peer().await;
    let books = Arc::new(Books::default());
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (peer, books) = (peer.clone(), books.clone());
            tokio::spawn(async move {
                while peer.is_open() {
                    called(&peer, &books, RANDOM, (1, 64)).await;
                }
            })
        })
        .collect();
    books.answers(ANSWERS).await;
    client.kill().await.expect("killed");
    let reason = peer.closed().await;
    for worker in workers {
        worker.await.expect("every call ends");
    }
    assert!(matches!(*reason, CloseReason::PeerLost { .. } | CloseReason::Io(_)), "{reason}");
    let lost = books.hold_against(&ledger(file.path()));
    format!("{}; the connection ended: {reason}", told(&books, lost))
}

fn told(books: &Books, lost: u64) -> String {
    let sums = books.sums();
    format!(
        "{} answered = executed once, {} unknown of which {lost} executed, {} not sent and not executed",
        sums.answered, sums.unknown, sums.not_sent
    )
}
