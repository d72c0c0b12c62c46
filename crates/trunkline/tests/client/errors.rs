//! Each error of go-iproto has its own kind here, and a test that produces it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use trunkline::bytes::Bytes;
use trunkline::{Client, Error, ErrorKind, Io, Offline, Outcome, Over, Text};

use crate::support::{ANY, Place, echo, eventually, is_online};

/// The kind is as expected, and nothing was sent.
macro_rules! assert_kind {
    ($error:expr, $kind:pat) => {{
        let error: &Error = &$error;
        assert!(matches!(error.kind(), $kind), "{error:?}");
        assert_eq!(error.outcome(), Outcome::NotSent, "{error:?}");
    }};
}

async fn refusing() -> io::Result<Io> {
    Err(io::ErrorKind::ConnectionRefused.into())
}

/// go-iproto's `ErrTimeout`.
#[tokio::test(start_paused = true)]
async fn timeout() {
    let client = Place::new().builder().connect(ANY).await.expect("connects");
    let call = client.call::<Text>(3, Text("500".into())).timeout(Duration::from_millis(100));
    let error = call.await.expect_err("too slow");
    assert!(matches!(error.kind(), ErrorKind::Timeout), "{error:?}");
    assert_eq!(error.outcome(), Outcome::Unknown);
}

/// A call whose deadline passes while it waits for a connection was not sent.
#[tokio::test(start_paused = true)]
async fn timeout_before_a_connection() {
    let client = Client::builder().dialler(|_| refusing()).connect_lazy(ANY).expect("lazy");
    let began = Instant::now();
    let call = client.call::<Text>(1, "hello").timeout(Duration::from_millis(100));
    assert_kind!(call.await.expect_err("nobody"), ErrorKind::Timeout);
    assert!(began.elapsed() < Duration::from_millis(150));
}

/// `ErrDroppedConn`.
#[tokio::test(start_paused = true)]
async fn dropped_connection() {
    let place = Place::new();
    let client = place.builder().connect(ANY).await.expect("connects");
    let call = client.call::<Text>(3, Text("500".into())).start();
    echo(&client).await.expect("answers");
    place.kill();
    let error = call.await.expect_err("lost");
    assert!(matches!(error.kind(), ErrorKind::Closed(_)), "{error:?}");
    assert_eq!(error.outcome(), Outcome::Unknown);
}

/// `ErrStopped`, of a channel.
#[tokio::test(start_paused = true)]
async fn stopped() {
    let client = Place::new().builder().connect(ANY).await.expect("connects");
    let peer = client.peer().expect("online");
    let call = peer.call::<Text>(3, Text("500".into())).start();
    let drain = tokio::spawn({
        let peer = peer.clone();
        async move { peer.drain(None).await }
    });
    eventually("it drains", Duration::from_secs(1), || !peer.is_open()).await;
    assert_kind!(peer.call::<Bytes>(1, "late").await.expect_err("drains"), ErrorKind::Draining);
    call.await.expect("what was begun is finished");
    drain.await.expect("no panic");
}

/// `ErrHijacked`.
#[tokio::test(start_paused = true)]
async fn hijacked() {
    let client = Place::new().builder().connect(ANY).await.expect("connects");
    let peer = client.peer().expect("online");
    let _taken = peer.hijack().await.expect("taken over");
    assert_kind!(peer.call::<Bytes>(1, "late").await.expect_err("taken"), ErrorKind::Hijacked);
    assert_kind!(peer.hijack().await.expect_err("taken"), ErrorKind::Hijacked);
    echo(&client).await.expect("the client has made another connection");
}

/// `ErrCutoff`.
#[tokio::test(start_paused = true)]
async fn cut_off() {
    let place = Place::new();
    let client = place.builder().offline(Offline::Fail).connect_lazy(ANY).expect("lazy");
    let began = Instant::now();
    assert_kind!(echo(&client).await.expect_err("not yet connected"), ErrorKind::Offline);
    assert_eq!(began.elapsed(), Duration::ZERO, "it did not wait");
    is_online(&client, 1).await;
    echo(&client).await.expect("the refused call made it dial");
    place.kill();
    eventually("offline", Duration::from_secs(1), || client.peers().is_empty()).await;
    assert_kind!(echo(&client).await.expect_err("offline"), ErrorKind::Offline);
    assert_kind!(client.notify(1, "hello").await.expect_err("offline"), ErrorKind::Offline);
}

/// `ErrPoolFull`.
#[tokio::test(start_paused = true)]
async fn pool_full() {
    let client = Place::new().builder().connect(ANY).await.expect("connects");
    let (ours, _theirs) = tokio::io::duplex(64);
    assert_kind!(client.adopt(Io::Memory(ours)).await.expect_err("full"), ErrorKind::PoolFull);
}

/// `ErrThrottled`.
#[tokio::test(start_paused = true)]
async fn throttled() {
    let place = Place::new();
    let client = place.builder().dial_throttle(Duration::from_secs(10)).connect(ANY).await.expect("connects");
    place.kill();
    place.revive();
    eventually("offline", Duration::from_secs(1), || client.peers().is_empty()).await;
    let began = Instant::now();
    assert_kind!(echo(&client).await.expect_err("too soon"), ErrorKind::DialThrottled);
    assert_eq!(began.elapsed(), Duration::ZERO, "it did not wait");
    tokio::time::sleep(Duration::from_secs(11)).await;
    echo(&client).await.expect("dialled when it was time");
    let dials = place.dials();
    assert!(dials[1] - dials[0] >= Duration::from_secs(10));
}

/// `ErrNoChannel`.
#[tokio::test(start_paused = true)]
async fn no_channel() {
    let client = Client::builder().dialler(|_| refusing()).connect_lazy(ANY).expect("lazy");
    let began = Instant::now();
    let error = echo(&client).await.expect_err("nobody");
    assert_kind!(error, ErrorKind::NoPeer);
    assert!(error.to_string().contains("wait_timeout") && error.to_string().contains(ANY), "{error}");
    assert!(began.elapsed() >= Duration::from_secs(1) && began.elapsed() < Duration::from_millis(1_050));
    assert_eq!(client.stats().wait_errors, 1);
}

/// `RateError` wrapping `ErrPolicied`.
#[tokio::test(start_paused = true)]
async fn policed() {
    let client = Place::new().builder().rate_limit(10, 2, Over::Fail).connect(ANY).await.expect("connects");
    echo(&client).await.expect("the first token");
    client.notify(1, "hello").await.expect("the second token");
    assert_kind!(echo(&client).await.expect_err("none left"), ErrorKind::RateLimited);
    tokio::time::advance(Duration::from_millis(101)).await;
    echo(&client).await.expect("a new token");
}

/// `RateError` of a call that cannot be shaped into its deadline.
#[tokio::test(start_paused = true)]
async fn shaped_too_late() {
    let client = Place::new().builder().rate_limit(1, 1, Over::Wait).connect(ANY).await.expect("connects");
    let began = Instant::now();
    echo(&client).await.expect("the first token");
    echo(&client).await.expect("waits for the second");
    assert!(began.elapsed() >= Duration::from_secs(1));
    let began = Instant::now();
    let call = client.call::<Bytes>(1, "hello").timeout(Duration::from_millis(300));
    assert_kind!(call.await.expect_err("too late"), ErrorKind::RateLimited);
    assert_eq!(began.elapsed(), Duration::ZERO, "it did not wait for nothing");
}

/// `netutil.ErrClosed`, and `ErrStopped` of a pool.
#[tokio::test(start_paused = true)]
async fn closed_client() {
    let client = Place::new().builder().connect(ANY).await.expect("connects");
    let report = client.drain().await;
    assert_eq!((report.peers, report.drained, report.cut), (1, 1, 0), "{report}");
    client.closed().await;
    assert_kind!(echo(&client).await.expect_err("over"), ErrorKind::ClientClosed);
    assert_kind!(client.notify(1, "hello").await.expect_err("over"), ErrorKind::ClientClosed);
    let (ours, _theirs) = tokio::io::duplex(64);
    assert_kind!(client.adopt(Io::Memory(ours)).await.expect_err("over"), ErrorKind::ClientClosed);
    assert!(client.peer().is_none());
}

/// `syncutil.ErrTaskPanic`: user code that panics in a dial is a failed dial, and the client lives on.
#[tokio::test(start_paused = true)]
async fn panicking_dialler() {
    let panics = || Client::builder().dialler(|_| async { panic!("the test's dialler panics") });
    let error = panics().connect_timeout(Duration::from_millis(50)).connect(ANY).await.expect_err("panics");
    assert_kind!(error, ErrorKind::DialPanicked("dialler"));

    let place = Place::new();
    let first = Arc::new(AtomicBool::new(true));
    let builder = Client::builder().dialler(move |_| {
        let place = place.clone();
        assert!(!first.swap(false, Ordering::SeqCst), "the first dial panics");
        async move { place.dial().await }
    });
    echo(&builder.connect(ANY).await.expect("the second dial")).await.expect("answers");
}

/// Nobody answers: the cause is told.
#[tokio::test]
async fn refused_by_the_system() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let error = Client::connect(format!("iproto://{port}")).await.expect_err("nobody listens");
    let ErrorKind::Connect(cause) = error.kind() else { panic!("{error:?}") };
    assert_eq!(cause.kind(), io::ErrorKind::ConnectionRefused);
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

/// Settings that cannot work say so before anything is dialled.
#[tokio::test]
async fn contradictions() {
    let build = |builder: trunkline::ClientBuilder, at: &str| builder.connect_lazy(at).expect_err("refused");
    for (error, why) in [
        (build(Client::builder().size(0), ANY), "size"),
        (build(Client::builder().rate_limit(0, 5, Over::Fail), ANY), "0 calls per second"),
        (build(Client::builder(), "iproto://a:1,nonsense"), "nonsense"),
        (build(Client::builder(), "iproto://a:1,iproto://b:1?x=y"), "one dialect"),
    ] {
        assert!(error.to_string().contains(why), "{error}");
    }
}
