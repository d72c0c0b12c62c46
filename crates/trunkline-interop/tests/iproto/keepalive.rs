//! Pings with short intervals for ten seconds: nobody is dropped, and no exchange goes on by itself.

use std::time::Duration;

use serde_json::Value;
use trunkline::{Peer, Stats};

use crate::world::{Go, Ours, builder, go_client, go_server, number, peer, url};

/// How long each case watches.
const WATCH: Duration = Duration::from_secs(10);

/// The interval of a side that pings. The Go peer gives up after two without an answer, so it must outlast a pause of a
/// loaded machine.
const INTERVAL: Duration = Duration::from_millis(200);

const GO_INTERVAL: [&str; 2] = ["-ping", "200ms"];

/// Pings that a side can begin in the time, and one more for the edges.
const MOST: u64 = (WATCH.as_millis() / INTERVAL.as_millis()) as u64 + 1;

/// Pings that a side which pings must have begun, on however slow a machine.
const LEAST: u64 = 5;

pub(crate) async fn both_ours(go: Go) -> String {
    ours(&go, true, true).await
}

pub(crate) async fn only_rust(go: Go) -> String {
    ours(&go, true, false).await
}

pub(crate) async fn only_go(go: Go) -> String {
    ours(&go, false, true).await
}

async fn ours(go: &Go, we: bool, they: bool) -> String {
    let flags: &[&str] = if they { &GO_INTERVAL } else { &[] };
    let mut server = go_server(go, flags).await;
    let interval = we.then_some(INTERVAL);
    let client = builder().configure(move |config| config.ping_interval = interval);
    let client = client.connect(url(server.address())).await.expect("connects");
    let peer = peer(&client);
    watch(&peer).await;
    let theirs = server.ask("stats").await.expect("stats");
    assert_eq!((number(&theirs, "open"), number(&theirs, "protocol_errors")), (1, 0), "{theirs}");
    judge(peer.stats(), we, &theirs, they)
}

pub(crate) async fn both_theirs(go: Go) -> String {
    let change = |config: &mut trunkline::Config| config.ping_interval = Some(INTERVAL);
    let mut ours = Ours::with("iproto://127.0.0.1:0", |builder| builder.configure(change)).await;
    let seconds = format!("{}s", WATCH.as_secs());
    let flags = [GO_INTERVAL[0], GO_INTERVAL[1], "-z", &seconds];
    let client = go_client(&go, &ours.address, "ping", &flags);
    let peer = ours.peer().await;
    let theirs = client.result().await.expect("a result");
    assert_eq!((&theirs["dropped"], &theirs["good"]), (&Value::Bool(false), &Value::Bool(true)), "{theirs}");
    peer.closed().await;
    judge(peer.stats(), true, &theirs, true)
}

/// Watches the connection; it must not end.
async fn watch(peer: &Peer) {
    if let Ok(reason) = tokio::time::timeout(WATCH, peer.closed()).await {
        panic!("the connection ended: {reason}");
    }
}

/// What both sides counted. A ping is sent once per interval at most and answered once at most, so all that was sent is
/// bounded by the time, not by what was received.
fn judge(ours: Stats, we: bool, theirs: &Value, they: bool) -> String {
    let sent = |pings, does| if does { (LEAST..=MOST).contains(&pings) } else { pings == 0 };
    assert!(sent(ours.pings, we), "our pings: {ours:?}");
    let go_sent = number(theirs, "pings_sent");
    assert!(sent(go_sent, they), "its pings: {theirs}");
    assert!(ours.pongs + 1 >= ours.pings && ours.pongs <= ours.pings, "{ours:?}");
    let acknowledged = number(theirs, "pings_acked");
    assert!(acknowledged + 1 >= go_sent && acknowledged <= go_sent, "{theirs}");
    assert!(ours.peer_pings <= go_sent, "more questions than it asked: {ours:?}");
    let answered = number(theirs, "pings_answered");
    assert!(answered <= ours.pings, "more answers than we asked for: {theirs}");
    assert!(ours.messages_in <= go_sent + answered, "{ours:?} {theirs}");
    format!(
        "we sent {}, heard {} answers and {} questions; Go sent {go_sent}, heard {acknowledged} answers",
        ours.pings, ours.pongs, ours.peer_pings
    )
}
