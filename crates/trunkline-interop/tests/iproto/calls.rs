//! Calls: sizes, order, both directions at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use trunkline::bytes::Bytes;
use trunkline::{Client, Peer};

use crate::books::Fresh;
use crate::service::{CROSS, ECHO, RANDOM};
use crate::world::{
    Go, Ours, SIZES, body, builder, connect, executions, go_client, go_server, nonce, number, scenario,
    serving, url,
};

pub(crate) async fn echo_ours_tcp(go: Go) -> String {
    let mut server = go_server(&go, &[]).await;
    let client = connect(&server).await;
    echoes(&client).await;
    let stats = server.ask("stats").await.expect("stats");
    assert_eq!(executions(&stats, ECHO), (SIZES.len() as u64, 0), "{stats}");
    format!("{} answers, {} executions", SIZES.len(), SIZES.len())
}

pub(crate) async fn echo_ours_unix(go: Go) -> String {
    let socket = Fresh::new("echo-ours.sock");
    let server = go_server(&go, &["-unix", socket.text()]).await;
    let path = server.unix().expect("a socket");
    let client = builder().connect(format!("iproto+unix://{path}")).await.expect("connects");
    echoes(&client).await;
    format!("{} answers", SIZES.len())
}

async fn echoes(client: &Client) {
    for size in SIZES {
        let sent = body(nonce(), size);
        let back: Bytes = client.call(ECHO, sent.clone()).await.expect("an answer");
        assert!(back == sent, "the echo of {size} bytes differs");
    }
}

pub(crate) async fn echo_theirs_tcp(go: Go) -> String {
    let ours = Ours::start().await;
    echoed(&go, &ours).await
}

pub(crate) async fn echo_theirs_unix(go: Go) -> String {
    let socket = Fresh::new("echo-theirs.sock");
    let ours = Ours::with(&format!("iproto+unix://{}", socket.text()), |builder| builder).await;
    echoed(&go, &ours).await
}

async fn echoed(go: &Go, ours: &Ours) -> String {
    let result = scenario(go, &ours.address, "echo", &[]).await;
    let ok = number(&result, "ok");
    assert_eq!((ok, ours.service.executed()), (SIZES.len() as u64, ok), "{result}");
    format!("{ok} answers, {ok} executions")
}

pub(crate) async fn concurrent_ours(go: Go) -> String {
    let mut server = go_server(&go, &[]).await;
    let client = connect(&server).await;
    let last = AtomicU64::new(0);
    let inversions = AtomicU64::new(0);
    let calls = (0..1000).map(|n| {
        let sent = body(nonce(), 64);
        let call = client.call::<Bytes>(RANDOM, sent.clone()).start();
        let (last, inversions) = (&last, &inversions);
        async move {
            assert_eq!(call.await.expect("an answer"), sent);
            let youngest = last.fetch_max(n, Ordering::Relaxed);
            inversions.fetch_add(u64::from(youngest > n), Ordering::Relaxed);
        }
    });
    join_all(calls).await;
    let stats = server.ask("stats").await.expect("stats");
    assert_eq!(executions(&stats, RANDOM), (1000, 0), "{stats}");
    let inversions = inversions.into_inner();
    assert!(inversions > 0, "the answers came in order, so nothing was shown");
    format!("1000 answers, 1000 executions, {inversions} after a younger call's")
}

pub(crate) async fn concurrent_theirs(go: Go) -> String {
    let ours = Ours::start().await;
    let result = scenario(&go, &ours.address, "concurrent", &[]).await;
    let inversions = number(&result, "inversions");
    assert_eq!((number(&result, "ok"), ours.service.executed()), (1000, 1000), "{result}");
    assert!(inversions > 0, "the answers came in order, so nothing was shown");
    format!("1000 answers, 1000 executions, {inversions} after a younger call's")
}

/// Calls in each direction where both ends call.
const EACH_WAY: u64 = 1000;

pub(crate) async fn crossing_ours(go: Go) -> String {
    let mut server = go_server(&go, &[]).await;
    let (service, router) = serving();
    let client = builder().router(router).connect(url(server.address())).await.expect("connects");
    // An answer shows that the server has accepted us, so that it calls us, too.
    echoes(&client).await;
    server.tell(&format!("call {CROSS} {EACH_WAY} 64")).await.expect("told");
    server.tell("notify 9 10000").await.expect("told");
    cross(client.peer().expect("connected")).await;
    let called = server.hear("call").await.expect("an answer");
    assert_eq!((number(&called, "clients"), number(&called, "ok")), (1, EACH_WAY), "{called}");
    let notified = server.hear("notify").await.expect("an answer");
    assert_eq!(number(&notified, "ok"), 10_000, "{notified}");
    let stats = server.ask("stats").await.expect("stats");
    assert_eq!(executions(&stats, CROSS), (EACH_WAY, 0), "{stats}");
    assert_eq!((service.executed(), service.repeated()), (EACH_WAY, 0));
    // The server's last notification may be behind the last answer; one more call of its own is the barrier.
    server.ask(&format!("call {CROSS} 1 8")).await.expect("an answer");
    assert_eq!((service.notices(), service.out_of_order()), (10_000, 0));
    format!(
        "{EACH_WAY} answers each way, {EACH_WAY} executions each, 10000 notifications to the client in order"
    )
}

pub(crate) async fn crossing_theirs(go: Go) -> String {
    let mut ours = Ours::start().await;
    let count = EACH_WAY.to_string();
    let client = go_client(&go, &ours.address, "serve-back", &["-n", &count, "-serve", &count]);
    let peer = ours.peer().await;
    cross(peer).await;
    let result = client.result().await.expect("a result");
    assert_eq!(result["good"], true, "{result}");
    let served = &result["served_codes"][CROSS.to_string()];
    assert_eq!((number(served, "executions"), number(served, "repeated")), (EACH_WAY, 0), "{result}");
    assert_eq!(number(&result, "ok"), EACH_WAY, "{result}");
    assert_eq!((ours.service.executed(), ours.service.repeated()), (EACH_WAY, 0));
    format!("{EACH_WAY} answers each way, {EACH_WAY} executions each")
}

/// Our half of calls that cross, 64 at once; each answer must be our own body.
async fn cross(peer: Peer) {
    let peer = Arc::new(peer);
    stream::iter(0..EACH_WAY)
        .for_each_concurrent(64, |_| {
            let peer = peer.clone();
            async move {
                let sent = body(nonce() | 1 << 63, 64);
                assert_eq!(peer.call::<Bytes>(CROSS, sent.clone()).await.expect("an answer"), sent);
            }
        })
        .await;
}
