//! What a client repeats by itself, and what never.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use trunkline::{Client, ErrorKind, Outcome, Over, Request, Router, Server, Text};

use crate::support::{ANY, Place, eventually};

/// A server whose route 1 closes the caller's connection instead of answering, so often.
async fn cutting(times: usize) -> (Server, Arc<AtomicUsize>) {
    let executed = Arc::new(AtomicUsize::new(0));
    let counted = executed.clone();
    let router = Router::new().route(1, move |request: Request| {
        let n = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            if n < times {
                request.peer.close();
            }
            request.body
        }
    });
    let router = router.route(2, async |request: Request| request.body);
    let server =
        Server::builder().router(router).listen("iproto://127.0.0.1:0").start().await.expect("starts");
    (server, executed)
}

async fn connect(server: &Server) -> Client {
    Client::connect(server.addresses()[0].clone()).await.expect("connects")
}

#[tokio::test]
async fn an_unknown_outcome_is_not_repeated() {
    let (server, executed) = cutting(1).await;
    let client = connect(&server).await;
    let error = client.call::<Text>(1, "once").await.expect_err("cut");
    assert_eq!(error.outcome(), Outcome::Unknown);
    client.call::<Text>(1, "again").await.expect("the client lives on");
    assert_eq!((executed.load(Ordering::SeqCst), client.stats().repeats), (2, 0));
}

#[tokio::test]
async fn an_idempotent_call_is_repeated_until_its_third_attempt() {
    let (server, executed) = cutting(2).await;
    let client = connect(&server).await;
    client.call::<Text>(1, "thrice").idempotent().await.expect("the third attempt");
    assert_eq!((executed.load(Ordering::SeqCst), client.stats().repeats), (3, 2));

    let (server, executed) = cutting(100).await;
    let client = connect(&server).await;
    let error = client.call::<Text>(1, "in vain").idempotent().await.expect_err("cut three times");
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(executed.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_started_call_is_bound_to_its_peer() {
    let (server, executed) = cutting(1).await;
    let client = connect(&server).await;
    let call = client.call::<Text>(1, "once").idempotent().start();
    assert_eq!(call.await.expect_err("cut").outcome(), Outcome::Unknown);
    assert_eq!(executed.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn repeats_stay_within_their_budget() {
    let (server, executed) = cutting(usize::MAX).await;
    let client = connect(&server).await;
    let began = tokio::time::Instant::now();
    let calls = 50;
    for _ in 0..calls {
        // A connection that has answered is a good one: its loss is followed by the shortest pause.
        client.call::<Text>(2, "well").await.expect("answers");
        client.call::<Text>(1, "in vain").idempotent().await.expect_err("cut");
    }
    let repeats = executed.load(Ordering::SeqCst) - calls;
    let budget = 3.0 + 0.2 * (2 * calls) as f64 + 3.0 * began.elapsed().as_secs_f64();
    assert!(repeats > 0 && repeats as f64 <= budget, "{repeats} repeats, {budget:.0} allowed");
    assert!(repeats < 2 * calls, "without a budget each call is repeated twice");
}

/// After an attempt that may have been executed, "not sent" would be a lie, whatever became of the repeat.
#[tokio::test(start_paused = true)]
async fn a_repeat_that_was_not_sent_does_not_hide_the_attempt_before_it() {
    let place = Place::new();
    let client = place.builder().connect(ANY).await.expect("connects");
    let call = client.call::<Text>(3, Text("500".into())).idempotent();
    let cut = async {
        eventually("it arrived", Duration::from_secs(1), || place.peers()[0].stats().requests == 1).await;
        place.kill();
    };
    let (ended, ()) = tokio::join!(call, cut);
    let error = ended.expect_err("no server to repeat it on");
    assert!(matches!(error.kind(), ErrorKind::NoPeer), "{error:?}");
    assert_eq!((error.outcome(), client.stats().repeats), (Outcome::Unknown, 1));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_meets_a_draining_connection_takes_another() {
    let place = Place::new();
    let client = place.builder().size(2).connect_all(ANY).await.expect("connects");
    let slow: Vec<_> = (0..2).map(|_| client.call::<Text>(3, Text("300".into())).start()).collect();
    let draining = client.peers()[0].clone();
    let drain = tokio::spawn(async move { draining.drain(None).await });
    let drains = || client.peers().len() < 2;
    eventually("it drains", Duration::from_secs(1), drains).await;
    for n in 0..10 {
        let started = client.call::<Text>(1, "started").start();
        started.await.unwrap_or_else(|error| panic!("{n}: {error:?}"));
        client.call::<Text>(1, "awaited").await.expect("another connection takes it");
        client.notify(1, "told").await.expect("another connection takes it");
    }
    for call in slow {
        call.await.expect("what was begun is finished");
    }
    drain.await.expect("no panic");
}

#[tokio::test]
async fn a_call_takes_one_token_however_often_it_is_repeated() {
    let (server, executed) = cutting(2).await;
    let client = Client::builder().rate_limit(1, 2, Over::Fail);
    let client = client.connect(server.addresses()[0].clone()).await.expect("connects");
    client.call::<Text>(1, "thrice").idempotent().await.expect("the third attempt");
    assert_eq!(executed.load(Ordering::SeqCst), 3);
    client.call::<Text>(1, "once").await.expect("the second token");
    client.call::<Text>(1, "none").await.expect_err("no token is left");
}
