//! gorpc through the public API: bodies, routes, what it cannot say, and the end of a connection.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use trunkline::bytes::Bytes;
use trunkline::gob::{Decoder, Limits, Raw};
use trunkline::test::pair_of;
use trunkline::wire::gorpc::{ANY, Gorpc};
use trunkline::wire::{Dialect, Id, Message, Output};
use trunkline::{
    Client, CloseReason, Code, Config, ErrorKind, Fault, Gob, Group, Peer, Request, Router, Server, Side,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "*main.Args", rename_all = "PascalCase")]
struct Args {
    a: i64,
    b: i64,
}

async fn div(request: Request<Gob<Args>>) -> Result<Gob<isize>, Fault> {
    let Args { a, b } = request.body.0;
    let quotient = a.checked_div(b).ok_or_else(|| Fault::new(Code::InvalidArgument, "division by zero"))?;
    Ok(Gob(quotient as isize))
}

async fn sleep(request: Request<String>) -> Result<String, Fault> {
    tokio::time::sleep(Duration::from_millis(request.body.parse()?)).await;
    Ok(request.body)
}

async fn any(request: Request) -> Bytes {
    request.body
}

fn router() -> Router {
    Router::new().route(".Div", div).route(".Sleep", sleep).fallback(any)
}

async fn server() -> (Server, String) {
    let server = Server::builder().router(router()).listen("gorpc://127.0.0.1:0").start().await;
    let server = server.expect("starts");
    let address = server.addresses()[0].to_string();
    (server, address)
}

#[tokio::test]
async fn typed_calls_faults_and_values_as_they_came() {
    let (_server, address) = server().await;
    for options in ["", "?compress=1", "?compress=0"] {
        let client = Client::connect(format!("{address}{options}").as_str()).await.expect("connects");
        let quotient: Gob<isize> = client.call(".Div", Gob(Args { a: 7, b: 2 })).await.expect("answers");
        assert_eq!(quotient.0, 3);
        let error = client.call::<()>(".Div", Gob(Args { a: 7, b: 0 })).await.expect_err("no quotient");
        assert!(
            matches!(error.kind(), ErrorKind::Fault(fault) if &*fault.message.to_string() == "division by zero")
        );
        let raw = Raw::named("*main.Args", &Args { a: 1, b: 2 }).expect("a struct");
        let back: Raw = client.call(ANY, raw.clone()).await.expect("answers");
        assert_eq!((back.name(), &back), (Some("*main.Args"), &raw));
        let nothing: Raw = client.call(ANY, ()).await.expect("answers");
        assert!(nothing.is_nil());
    }
}

#[tokio::test]
async fn an_option_that_means_nothing_is_an_error() {
    let error = Client::connect("gorpc://127.0.0.1:1?compress=yes").await.expect_err("no such choice");
    assert!(error.to_string().contains("compress=yes is neither 0 nor 1"), "{error}");
}

#[tokio::test]
async fn a_listener_can_refuse_compression() {
    let server = Server::builder().router(router()).listen("gorpc://127.0.0.1:0?compress=0");
    let server = server.start().await.expect("starts");
    let address = server.addresses()[0].to_string();
    let plain = Client::connect(&*address).await.expect("connects");
    assert_eq!(plain.call::<String>(ANY, "plain").await.expect("answers"), "plain");
    let compressed = Client::connect(&*address.replace("compress=0", "compress=1")).await.expect("connects");
    let error = compressed.call::<String>(ANY, "deflated").try_only().await.expect_err("refused");
    assert!(matches!(error.kind(), ErrorKind::Closed(_) | ErrorKind::NoPeer), "{error}");
}

/// Defect 12: the connection and what is in flight on it are not touched.
#[tokio::test]
async fn a_body_that_is_no_gob_value_fails_its_call_alone() {
    let (_server, address) = server().await;
    let client = Client::connect(&*address).await.expect("connects");
    let beside = client.call::<String>(".Sleep", "50").start();
    let error = client.call::<Bytes>(ANY, Bytes::from_static(b"not gob")).await.expect_err("refused");
    assert!(matches!(error.kind(), ErrorKind::Encode(_)) && error.is_safe_to_repeat(), "{error}");
    assert_eq!(beside.await.expect("answers"), "50");
}

#[tokio::test]
async fn only_the_side_that_dials_can_send_and_neither_can_join_a_group() {
    let (ours, theirs) = pair_of(Gorpc::new(), Router::new(), router(), |_| ()).expect("a pair");
    ours.notify(ANY, "sent").await.expect("sent");
    assert_eq!(ours.call::<String>(ANY, "asked").await.expect("answers"), "asked");
    assert_eq!(theirs.stats().notifications, 1);
    let error = theirs.notify(ANY, "pushed").await.expect_err("cannot push");
    assert!(error.to_string().contains("only when it is asked"), "{error}");
    let group = Group::new();
    for peer in [&ours, &theirs] {
        let error = group.join(peer.id(), peer).expect_err("cannot be notified");
        assert!(error.to_string().contains("it cannot join a group"), "{error}");
    }
    let error = ours.call::<()>(1, ()).await.expect_err("has no numbers");
    assert!(error.to_string().contains("no name"), "{error}");
}

#[tokio::test]
async fn a_drain_answers_what_was_read() {
    let (server, address) = server().await;
    let client = Client::connect(&*address).await.expect("connects");
    let calls: Vec<_> = (0..20).map(|_| client.call::<String>(".Sleep", "100").start()).collect();
    while server.stats().requests < 20 {
        tokio::task::yield_now().await;
    }
    let report = server.drain().await;
    assert_eq!((report.peers, report.drained), (1, 1), "{report}");
    for call in calls {
        assert_eq!(call.await.expect("answered before the end"), "100");
    }
}

/// What a layer took from the engine has not left yet: a drain waits until the transport has it.
#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_what_the_layer_holds() {
    let (near, mut far) = tokio::io::duplex(1024);
    let peer = Peer::over(near, Side::Accepting, Gorpc::new(), router()).expect("a peer");
    let body: Bytes = Raw::named("string", &"x".repeat(100_000)).expect("a string").into_bytes().into();
    let mut asking = Output::new();
    let mut encoder = Gorpc::new().start(Side::Dialling, &Default::default()).encoder;
    encoder.encode(&Message::request(Id(1), ANY, body), &mut asking).expect("sayable");
    far.write_all(&[&[0], &asking.to_vec()[..]].concat()).await.expect("writes");
    while peer.stats().answered < 1 {
        tokio::task::yield_now().await;
    }
    let draining = tokio::spawn({
        let peer = peer.clone();
        async move { peer.drain(None).await }
    });
    // Nobody reads for a while, so most of the answer cannot have left, whatever the clock brings about.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(peer.close_reason().is_none(), "{:?}", peer.close_reason());
    let mut said = Vec::new();
    far.read_to_end(&mut said).await.expect("a clean end");
    let mut decoder = Decoder::new(Limits::default());
    decoder.push(&said);
    assert!(decoder.next_message().expect("gob").is_some(), "{} bytes are not the whole answer", said.len());
    assert_eq!(*draining.await.expect("drains"), CloseReason::Drained);
}

#[tokio::test]
async fn bytes_are_counted_as_they_are_on_the_wire() {
    let (_server, address) = server().await;
    let client = Client::connect(&*address).await.expect("connects");
    let text = "the same words again and again ".repeat(1000);
    for _ in 0..10 {
        client.call::<String>(ANY, text.clone()).await.expect("answers");
    }
    let stats = client.stats();
    assert!(
        stats.connections.bytes_out < text.len() as u64 && stats.connections.bytes_in < text.len() as u64,
        "{stats:?}"
    );
    assert!(stats.connections.writes <= 11, "a write each and the handshake: {stats:?}");
}

#[tokio::test(start_paused = true)]
async fn a_flush_can_wait_for_more() {
    let delay = Duration::from_millis(20);
    let (ours, theirs) =
        pair_of(Gorpc::new(), Router::new(), router(), |config| config.flush_delay = delay).expect("a pair");
    ours.call::<String>(ANY, "warm").await.expect("answers");
    let (before, began) = (ours.stats().writes, tokio::time::Instant::now());
    let mut calls = Vec::new();
    for _ in 0..10 {
        calls.push(ours.call::<String>(ANY, "together").start());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for call in calls {
        assert_eq!(call.await.expect("answers"), "together");
    }
    assert_eq!(ours.stats().writes - before, 1, "ten calls within 20 ms are one write");
    assert!(began.elapsed() >= 2 * delay, "each side waited: {:?}", began.elapsed());
    assert!(began.elapsed() < 3 * delay, "and no longer: {:?}", began.elapsed());
    let (drained, _) = tokio::join!(ours.drain(None), theirs.closed());
    assert_eq!(*drained, CloseReason::Drained);
}

#[tokio::test(start_paused = true)]
async fn a_server_waits_ten_seconds_for_the_handshake_and_no_longer_for_requests() {
    let (ours, theirs) = pair_of(Gorpc::new(), Router::new(), router(), |_| ()).expect("a pair");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(ours.call::<String>(ANY, "late").await.expect("answers"), "late");
    assert_eq!(theirs.config().call_timeout, Duration::from_secs(20), "gorpc's own default");
    assert_eq!(Config::for_dialect(theirs.profile()).max_pending, 32_768, "gorpc's own default");
    ours.close();
    assert!(matches!(&*theirs.closed().await, CloseReason::Peer));
}
