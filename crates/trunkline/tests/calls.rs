//! Calls over real sockets and in memory, through the public API alone.

use std::time::Duration;

use trunkline::bytes::Bytes;
use trunkline::{Client, Code, ErrorKind, Fault, Outcome, Peer, Request, Router, Server, Text};

async fn echo(request: Request) -> Bytes {
    request.body
}

async fn sleep(request: Request<Text>) -> Result<Text, Fault> {
    let time = request.body.0.parse().map_err(|_| Fault::new(Code::InvalidArgument, "not a number"))?;
    tokio::time::sleep(Duration::from_millis(time)).await;
    Ok(request.body)
}

fn router() -> Router {
    Router::new().route((1, "/echo"), echo).route((3, "/sleep"), sleep)
}

async fn server() -> (Server, String) {
    let server =
        Server::builder().router(router()).listen("iproto://127.0.0.1:0").start().await.expect("starts");
    let address = server.addresses()[0].to_string();
    (server, address)
}

#[tokio::test]
async fn echoes_of_every_size() {
    let (_server, address) = server().await;
    let client = Client::connect(&address).await.expect("connects");
    for size in [0usize, 1, 255, 4095, 4096, 16 << 10, (16 << 10) + 1, 65_535, 1 << 20, 9 << 20] {
        let body = Bytes::from((0..size).map(|n| n as u8).collect::<Vec<_>>());
        let back: Bytes = client.call(1, body.clone()).await.expect("answers");
        assert_eq!(back, body, "{size}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_at_once_come_back_out_of_order() {
    let (server, address) = server().await;
    let client = Client::connect(&address).await.expect("connects");
    let calls = (0..1000u64).map(|n| {
        let client = client.clone();
        tokio::spawn(async move {
            let ms = (n * 7919) % 50;
            let back: Text = client.call(3, Text(ms.to_string())).await.expect("answers");
            assert_eq!(back.0, ms.to_string());
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.expect("no panic");
    }
    assert_eq!(server.stats().requests, 1000);
    let report = server.drain().await;
    assert_eq!((report.peers, report.drained), (1, 1), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_kept_and_its_late_answer_recognised() {
    let (caller, _server) = trunkline::test::pair(router()).expect("a pair");
    let began = tokio::time::Instant::now();
    let error = caller
        .call::<Text>(3, Text("500".into()))
        .timeout(Duration::from_millis(100))
        .await
        .expect_err("too slow");
    assert!(error.is_timeout());
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert!(began.elapsed() < Duration::from_millis(110));
    let back: Text = caller.call(3, Text("600".into())).await.expect("answers");
    assert_eq!(back.0, "600");
    assert_eq!(caller.stats().late_answers, 1);
}

#[tokio::test]
async fn both_ends_call_each_other_with_the_same_code() {
    let (a, b) = trunkline::test::pair_of(
        trunkline::wire::iproto::Iproto::new(),
        Router::new().route(5, async |_: Request| "from a"),
        Router::new().route(5, async |_: Request| "from b"),
        |_| (),
    )
    .expect("a pair");
    let (to_b, to_a) = (a.call::<Text>(5, ()).start(), b.call::<Text>(5, ()).start());
    assert_eq!(to_b.await.expect("answers").0, "from b");
    assert_eq!(to_a.await.expect("answers").0, "from a");
}

#[tokio::test]
async fn a_body_that_does_not_decode_is_the_callers_fault_and_silence_on_iproto() {
    let (caller, server) = trunkline::test::pair(router()).expect("a pair");
    let call = caller.call::<Bytes>(3, &b"\xff\xfe"[..]).timeout(Duration::from_millis(200));
    let error = call.await.expect_err("silence");
    assert!(error.is_timeout());
    assert_eq!(server.stats().unsaid_faults, 1);
}

#[tokio::test]
async fn a_connection_that_ends_ends_its_calls() {
    let (caller, server) = trunkline::test::pair(router()).expect("a pair");
    let call = caller.call::<Text>(3, Text("10000".into())).start();
    caller.call::<Bytes>(1, "sync").await.expect("answers");
    server.close();
    let error = call.await.expect_err("lost");
    assert!(matches!(error.kind(), ErrorKind::Closed(_)), "{error}");
    assert_eq!(error.outcome(), Outcome::Unknown);
    let reason = caller.closed().await;
    assert!(reason.is_error(), "calls waited: {reason}");
    let error = caller.call::<Bytes>(1, "late").await.expect_err("over");
    assert_eq!(error.outcome(), Outcome::NotSent);
}

#[tokio::test]
async fn drain_finishes_what_was_begun_and_refuses_what_is_new() {
    let (caller, server) = trunkline::test::pair(router()).expect("a pair");
    let call = caller.call::<Text>(3, Text("50".into())).start();
    caller.call::<Bytes>(1, "sync").await.expect("answers");
    let drain = tokio::spawn({
        let caller: Peer = caller.clone();
        async move { caller.drain(None).await }
    });
    assert_eq!(call.await.expect("answers").0, "50");
    assert!(!drain.await.expect("no panic").is_error());
    assert!(!server.closed().await.is_error());
    let error = caller.call::<Bytes>(1, "late").await.expect_err("over");
    assert!(error.is_closed() && error.is_safe_to_repeat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_leaves_in_one_write_whatever_the_runtime() {
    let (_server, address) = server().await;
    let client = Client::connect(&address).await.expect("connects");
    client.call::<Bytes>(1, "warm").await.expect("answers");
    let peer = client.peer().expect("connected");
    let before = peer.stats();
    let mut batch = peer.batch().timeout(Duration::from_secs(5));
    let calls: Vec<_> = (0..100).map(|n| batch.call::<Text>(1, n.to_string())).collect();
    batch.notify(9, "leaves with them").expect("room");
    // The driver may still have been awake from the call before; then it writes a second time.
    batch.send();
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.expect("answers").0, n.to_string());
    }
    let during = peer.stats() - before;
    assert!(during.writes <= 2, "{} writes", during.writes);
}

#[tokio::test]
async fn a_call_of_a_batch_may_be_awaited_before_the_batch_ends() {
    let (caller, _server) = trunkline::test::pair(router()).expect("a pair");
    let mut batch = caller.batch();
    let first = batch.call::<Text>(1, "a");
    let second = batch.call::<Text>(1, "b");
    assert_eq!(first.await.expect("answers").0, "a");
    assert_eq!(second.await.expect("answers").0, "b");
    drop(batch);
}
