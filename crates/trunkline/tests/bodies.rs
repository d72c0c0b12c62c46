//! Each body format there and back through a call, and what a body that does not decode does: nothing, but say so.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use trunkline::bytes::Bytes;
use trunkline::test::pair_of;
use trunkline::wire::simple::Simple;
use trunkline::{FromBody, IntoBody, Peer, Request, Router, Text};

/// Bytes that are none of the formats: no UTF-8, no whole number of anything.
const NOISE: &[u8] = &[0xff, 0xfe, 0xc1, 0x03];

async fn echo<B: FromBody + IntoBody>(calls: Arc<AtomicUsize>, request: Request<B>) -> B {
    calls.fetch_add(1, Ordering::SeqCst);
    request.body
}

/// Sends a value through a handler that reads and writes it, then noise, which must not reach the handler.
async fn check<B: FromBody + IntoBody + Clone + Debug + PartialEq>(value: B) {
    let calls = Arc::new(AtomicUsize::new(0));
    let router = Router::with_state(calls.clone()).route("/echo", echo::<B>);
    let (peer, _server): (Peer, Peer) =
        pair_of(Simple::new(), Router::new(), router, |_| ()).expect("a pair");
    assert_eq!(peer.call::<B>("/echo", value.clone()).await.expect("answers"), value);
    let error = peer.call::<Bytes>("/echo", NOISE).await.expect_err("not this format");
    let fault = error.as_fault().expect("a fault");
    assert!(fault.message.as_str().starts_with("the body is not "), "{fault}");
    assert_eq!(calls.load(Ordering::SeqCst), 1, "the noise reached the handler");
}

#[tokio::test]
async fn text() {
    check("grüße".to_owned()).await;
    check(Text("grüße".to_owned())).await;
}

#[cfg(feature = "pack")]
#[tokio::test]
async fn packed() {
    check(trunkline::Packed((7u32, "seven".to_owned()))).await;
}

#[cfg(any(feature = "json", feature = "msgpack", feature = "gob"))]
#[derive(serde::Serialize, serde::Deserialize, Clone, Debug, PartialEq)]
struct Named {
    number: u32,
    name: String,
}

#[cfg(any(feature = "json", feature = "msgpack", feature = "gob"))]
fn named() -> Named {
    Named { number: 7, name: "seven".to_owned() }
}

#[cfg(feature = "json")]
#[tokio::test]
async fn json() {
    check(trunkline::Json(named())).await;
}

#[cfg(feature = "msgpack")]
#[tokio::test]
async fn msgpack() {
    check(trunkline::Msgpack(named())).await;
}

#[cfg(feature = "gob")]
#[tokio::test]
async fn gob() {
    check(trunkline::Gob(named())).await;
}

#[cfg(feature = "protobuf")]
#[tokio::test]
async fn protobuf() {
    #[derive(prost::Message, Clone, PartialEq)]
    struct Message {
        #[prost(uint32, tag = "1")]
        number: u32,
        #[prost(string, tag = "2")]
        name: String,
    }
    check(trunkline::Protobuf(Message { number: 7, name: "seven".to_owned() })).await;
}

#[cfg(feature = "auto")]
#[test]
fn auto_is_what_the_dialect_speaks() {
    use trunkline::wire::{Dialect, iproto::Iproto, packet::Packet};
    use trunkline::{Auto, Json, Packed};

    let value = (7u32, "seven".to_owned());
    let packed = Packed(value.clone()).into_body(Iproto::new().profile()).expect("packs");
    let json = Json(value.clone()).into_body(Simple::new().profile()).expect("writes");
    for (dialect, expected) in [
        (Iproto::new().profile(), packed.clone()),
        (Packet::new(trunkline::wire::packet::Head::default()).profile(), packed),
        (Simple::new().profile(), json),
    ] {
        let body = Auto(value.clone()).into_body(dialect).expect("writes");
        assert_eq!(body, expected, "{}", dialect.name);
        assert_eq!(Auto::from_body(body, dialect).expect("reads"), Auto(value.clone()), "{}", dialect.name);
    }
}
