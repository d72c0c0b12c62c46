//! The hook that runs on every connection before it takes calls, and connections that were made elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use trunkline::bytes::Bytes;
use trunkline::wire::iproto::Iproto;
use trunkline::{Code, ErrorKind, Fault, Io, Peer, Router, Side};

use crate::support::{ANY, Place, echo, eventually, is_online, router};

#[tokio::test(start_paused = true)]
async fn a_connection_takes_calls_only_after_its_login() {
    let place = Place::new();
    let logins = Arc::new(AtomicUsize::new(0));
    let counted = logins.clone();
    let client = place.builder().size(3).on_peer(move |peer| {
        let logins = counted.clone();
        async move {
            // A slow login: whoever called before it ended would be seen.
            let _: Bytes = peer.call(3, "200").await?;
            peer.set_state("logged in");
            logins.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    });
    let client = client.connect(ANY).await.expect("connects");
    for _ in 0..20 {
        let peer = client.peer().expect("online");
        assert_eq!(peer.state::<&str>(), Some(&"logged in"));
        echo(&client).await.expect("answers");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!((client.peers().len(), logins.load(Ordering::SeqCst)), (3, 3));
    place.kill();
    eventually("offline", Duration::from_secs(1), || client.peers().is_empty()).await;
    place.revive();
    is_online(&client, 3).await;
    assert_eq!(logins.load(Ordering::SeqCst), 6, "a reconnect logs in, too (defect S19 of simple-rpc)");
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_refused_closes_the_connection_and_is_told() {
    let place = Place::new();
    let builder =
        place.builder().on_peer(|_| async { Err(Fault::new(Code::Unauthenticated, "who are you?").into()) });
    let error = builder.connect(ANY).await.expect_err("refused");
    assert!(error.to_string().contains("who are you?"), "{error}");
    let closed = || place.peers().iter().all(|peer| !peer.is_open());
    eventually("they are closed", Duration::from_secs(1), closed).await;
    let dials = place.dials().len();
    assert!((2..30).contains(&dials), "refused logins back off: {dials} dials in 1 s");
}

fn ready() -> (Io, Peer) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let peer = Peer::over(theirs, Side::Accepting, Iproto::new(), router()).expect("a router");
    (Io::Memory(ours), peer)
}

#[tokio::test(start_paused = true)]
async fn a_ready_connection_is_adopted_while_there_is_room() {
    let place = Place::new();
    let client = place.builder().size(2).connect(ANY).await.expect("connects");
    let (io, other_end) = ready();
    let adopted = client.adopt(io).await.expect("there is room");
    assert!(client.peers().contains(&adopted));
    for _ in 0..4 {
        echo(&client).await.expect("answers");
    }
    assert_eq!(other_end.stats().requests, 2, "it takes its turn");
    let (io, refused) = ready();
    let error = client.adopt(io).await.expect_err("full");
    assert!(matches!(error.kind(), ErrorKind::PoolFull), "{error:?}");
    refused.closed().await;
    assert_eq!(place.dials().len(), 1, "an adopted connection needs no dial");

    other_end.close();
    adopted.closed().await;
    is_online(&client, 2).await;
    assert_eq!(place.dials().len(), 2, "its slot dials when it is over");
}

#[tokio::test(start_paused = true)]
async fn an_adopted_connection_ends_the_wait_of_a_dialling_client() {
    let place = Place::new();
    place.kill();
    let client = place.builder().connect_lazy(ANY).expect("lazy");
    let call = tokio::spawn({
        let client = client.clone();
        async move { echo(&client).await }
    });
    eventually("it dials", Duration::from_secs(1), || place.dials().len() > 2).await;
    let (io, _other_end) = ready();
    client.adopt(io).await.expect("there is room");
    call.await.expect("no panic").expect("answered over the adopted connection");
    let dials = place.dials().len();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(place.dials().len(), dials, "the slot is filled: it dials no more");
}

#[tokio::test(start_paused = true)]
async fn both_sides_of_a_client_call_each_other() {
    let place = Place::new();
    let client =
        place.builder().router(Router::new().route(7, async |_: trunkline::Request| "from the client"));
    let client = client.connect(ANY).await.expect("connects");
    echo(&client).await.expect("answers");
    let back: trunkline::Text = place.peers()[0].call(7, ()).await.expect("answers");
    assert_eq!(back.0, "from the client");
}
