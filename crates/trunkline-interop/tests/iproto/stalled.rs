//! A peer that reads nothing for a while, and calls that nobody answers.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use trunkline::Outcome;
use trunkline::bytes::Bytes;

use crate::books::Books;
use crate::service::{ECHO, UNKNOWN};
use crate::world::{Go, Ours, body, connect, executions, go_client, go_server, nonce, number, peer};

/// The time-out of a call that is meant to time out.
const SHORT: Duration = Duration::from_millis(300);

pub(crate) async fn times_out_and_goes_on(go: Go) -> String {
    let mut server = go_server(&go, &[]).await;
    let client = connect(&server).await;
    let connection = peer(&client);
    let books = Arc::new(Books::default());
    server.ask("stall").await.expect("stalled");
    let calls = (0..1_000).map(|_| {
        let (books, nonce) = (books.clone(), nonce());
        let sent = body(nonce, 64);
        let call = client.call::<Bytes>(ECHO, sent.clone()).timeout(SHORT);
        async move { books.enter(nonce, &sent, call.await) }
    });
    join_all(calls).await;
    let sums = books.sums();
    assert_eq!((sums.answered, sums.not_sent, sums.unknown), (0, 0, 1_000), "{sums:?} {}", books.failure());
    assert_eq!(connection.stats().timeouts, 1_000);
    server.ask("resume").await.expect("resumed");
    // Answers come in the order of the calls here, so the late ones are all in front of these.
    for _ in 0..100 {
        let sent = body(nonce(), 64);
        assert_eq!(client.call::<Bytes>(ECHO, sent.clone()).await.expect("an answer"), sent);
    }
    let stats = server.ask("stats").await.expect("stats");
    let (executed, repeated) = executions(&stats, ECHO);
    assert_eq!((executed, repeated), (1_100, 0), "{stats}");
    assert_eq!(number(&stats, "accepted"), 1, "the same connection goes on: {stats}");
    let ours = connection.stats();
    assert_eq!((ours.late_answers, ours.replies, ours.requests), (1_000, 100, 0), "{ours:?}");
    format!(
        "1000 timed out as unknown, 1000 of them executed once, {} late answers recognised, then 100 answered",
        ours.late_answers
    )
}

pub(crate) async fn unknown_code_ours(go: Go) -> String {
    let mut server = go_server(&go, &[]).await;
    let client = connect(&server).await;
    let error = client.call::<Bytes>(UNKNOWN, "?").timeout(SHORT).await.expect_err("silence");
    assert!(error.is_timeout() && error.outcome() == Outcome::Unknown, "{error:?}");
    client.call::<Bytes>(ECHO, "still fine").await.expect("the connection lives");
    let stats = server.ask("stats").await.expect("stats");
    assert_eq!((number(&stats, "unknown"), number(&stats, "open")), (1, 1), "{stats}");
    format!("{error}")
}

pub(crate) async fn unknown_code_theirs(go: Go) -> String {
    let ours = Ours::start().await;
    let code = UNKNOWN.to_string();
    let flags = ["-code", &code, "-n", "10", "-c", "10", "-request-timeout", "300ms"];
    let result = go_client(&go, &ours.address, "concurrent", &flags).result().await.expect("a result");
    assert_eq!((number(&result, "ok"), number(&result["errors"], "timeout")), (0, 10), "{result}");
    let stats = ours.server.stats();
    assert_eq!((stats.requests, stats.unknown_routes, stats.answered), (10, 10, 0), "{stats:?}");
    "10 of 10 timed out, 10 counted, silence on the wire".to_owned()
}
