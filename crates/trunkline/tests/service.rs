//! Typed services: one trait, a client and a router, both directions.

#![cfg(all(feature = "macros", feature = "pack"))]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use trunkline::test::pair_of;
use trunkline::wire::iproto::Iproto;
use trunkline::wire::simple::Simple;
use trunkline::{Code, Fault, Pack, Packed, Peer, Request, Router, Unpack, service};

#[derive(Pack, Unpack, Clone, Debug, PartialEq)]
struct Point {
    #[pack(ber)]
    x: u32,
    y: u32,
    name: String,
}

#[service]
trait Board {
    /// Adds.
    #[route(1, "/add")]
    #[idempotent]
    async fn add(&self, a: u32, b: u32) -> Result<u32, Fault>;

    #[route(2, "/mirror")]
    async fn mirror(&self, point: Point) -> Point;

    #[route(3, "/ask")]
    async fn ask(&self, peer: Peer, question: String) -> Result<u32, trunkline::Error>;

    #[notify(4, "/mark")]
    async fn mark(&self, times: u32);

    #[route(5, "/nothing")]
    async fn nothing(&self);
}

#[derive(Clone, Default)]
struct Desk {
    marks: Arc<AtomicUsize>,
}

impl Board for Desk {
    async fn add(&self, a: u32, b: u32) -> Result<u32, Fault> {
        a.checked_add(b).ok_or_else(|| Fault::new(Code::OutOfRange, "too large"))
    }

    async fn mirror(&self, point: Point) -> Point {
        Point { x: point.y, y: point.x, ..point }
    }

    async fn ask(&self, peer: Peer, question: String) -> Result<u32, trunkline::Error> {
        BoardClient::new(peer).add(u32::try_from(question.len()).unwrap_or(0), 1).await
    }

    async fn mark(&self, times: u32) {
        self.marks.fetch_add(times as usize, Ordering::SeqCst);
    }

    async fn nothing(&self) {}
}

async fn exercise(board: BoardClient<Peer>, desk: &Desk) {
    assert_eq!(board.add(2, 3).await.expect("answers"), 5);
    let point = Point { x: 300, y: 7, name: "ö".to_owned() };
    assert_eq!(board.mirror(point.clone()).await.expect("answers"), Point { x: 7, y: 300, ..point });
    board.nothing().await.expect("answers");
    board.mark(3).await.expect("accepted");
    board.nothing().await.expect("answers, after the notification");
    assert_eq!(desk.marks.swap(0, Ordering::SeqCst), 3);
}

#[tokio::test]
async fn one_trait_is_a_client_and_a_router() {
    let desk = Desk::default();
    let (ours, _theirs) =
        pair_of(Iproto::new(), desk.clone().into_router(), desk.clone().into_router(), |_| ())
            .expect("a pair");
    exercise(BoardClient::new(ours.clone()), &desk).await;
    // The server calls its client back, from inside a handler.
    assert_eq!(BoardClient::new(ours).ask("four".to_owned()).await.expect("answers"), 5);
}

#[tokio::test]
async fn the_same_service_by_name() {
    let desk = Desk::default();
    let (ours, _theirs) =
        pair_of(Simple::new(), Router::new(), desk.clone().into_router(), |_| ()).expect("a pair");
    let board = BoardClient::new(ours);
    assert_eq!(board.add(2, 3).await.expect("answers"), 5);
    let error = board.add(u32::MAX, 1).await.expect_err("too large");
    assert!(error.as_fault().expect("a fault").message.as_str().contains("too large"), "{error}");
}

#[tokio::test]
async fn layers_see_requests_and_replies() {
    async fn slow(_: Request) {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    async fn quick(request: Request<Packed<u32>>) -> Packed<u32> {
        request.body
    }
    let router = Router::new()
        .route("/slow", slow)
        .layer(tower::timeout::TimeoutLayer::new(Duration::from_millis(20)))
        .route("/quick", quick);
    let (ours, _theirs) = pair_of(Simple::new(), Router::new(), router, |_| ()).expect("a pair");
    let error = ours.call::<()>("/slow", ()).await.expect_err("too slow");
    assert!(error.as_fault().is_some_and(|fault| fault.message.as_str().contains("too long")), "{error}");
    assert_eq!(ours.call::<Packed<u32>>("/quick", Packed(7u32)).await.expect("answers").0, 7);
}

#[tokio::test]
async fn a_body_that_does_not_decode_never_reaches_the_handler() {
    let desk = Desk::default();
    let (ours, _theirs) = pair_of(Simple::new(), Router::new(), desk.into_router(), |_| ()).expect("a pair");
    let error = ours.call::<()>("/add", "x").await.expect_err("malformed");
    let fault = error.as_fault().expect("a fault");
    assert!(fault.message.as_str().contains("not packed as expected"), "{fault}");
}
