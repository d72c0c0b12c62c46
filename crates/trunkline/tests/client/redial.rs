//! When a client dials, where to, and when it gives up.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;
use trunkline::address::{Address, Endpoint};
use trunkline::{Backoff, BoxFuture, Client, CloseReason, Io, Redial, Resolve};

use crate::support::{ANY, Place, echo, eventually, is_online, listen, router};

#[tokio::test(start_paused = true)]
async fn redials_in_the_background_with_growing_pauses() {
    let place = Place::new();
    let client = place.builder().connect(ANY).await.expect("connects");
    echo(&client).await.expect("answers");
    place.kill();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let dials = place.dials().split_off(1);
    let longest = dials.windows(2).map(|two| two[1] - two[0]).max().expect("dials");
    assert!(longest <= Duration::from_millis(1_501), "{longest:?}");
    assert!((40..80).contains(&dials.len()), "{} dials in 60 s", dials.len());
    place.revive();
    assert!(is_online(&client, 1).await <= Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_caller_hurries_the_redial() {
    for _ in 0..20 {
        let place = Place::new();
        let client = place.builder().connect(ANY).await.expect("connects");
        echo(&client).await.expect("answers");
        place.peers()[0].close();
        eventually("offline", Duration::from_secs(1), || client.peers().is_empty()).await;
        let began = Instant::now();
        echo(&client).await.expect("answers");
        assert!(began.elapsed() <= Duration::from_millis(12), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_redial_limit_ends_the_background_dials_and_not_the_client() {
    let place = Place::new();
    let client =
        place.builder().redial(Redial::For(Duration::from_secs(20))).connect(ANY).await.expect("connects");
    place.kill();
    tokio::time::sleep(Duration::from_secs(30)).await;
    let dials = place.dials().len();
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(place.dials().len(), dials, "it gave up after 20 s");
    place.revive();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(client.peers().is_empty());
    echo(&client).await.expect("a caller starts it again");
    assert_eq!(client.peers().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn forever_is_forever() {
    let place = Place::new();
    let client = place.builder().redial(Redial::Forever).connect(ANY).await.expect("connects");
    place.kill();
    tokio::time::sleep(Duration::from_secs(3 * 3_600)).await;
    place.revive();
    assert!(is_online(&client, 1).await <= Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn on_demand_dials_only_for_a_caller() {
    let place = Place::new();
    let client = place.builder().redial(Redial::OnDemand).connect(ANY).await.expect("connects");
    echo(&client).await.expect("answers");
    place.peers()[0].close();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(place.dials().len(), 1);
    echo(&client).await.expect("dials now");
    assert_eq!(place.dials().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_accepts_and_closes_is_not_dialled_in_a_hot_loop() {
    let dials = Arc::new(AtomicUsize::new(0));
    let counted = dials.clone();
    let client = Client::builder().dialler(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Ok(Io::Memory(tokio::io::duplex(64).0)) }
    });
    let client = client.redial(Redial::Forever).connect_lazy(ANY).expect("lazy");
    let _ = client.peer();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let dials = dials.load(Ordering::SeqCst);
    assert!((20..80).contains(&dials), "{dials} dials in 60 s");
}

#[tokio::test(start_paused = true)]
async fn a_half_open_peer_is_replaced() {
    let place = Place::new();
    let dead = Arc::new(Mutex::new(Vec::new()));
    let first = dead.clone();
    let builder = Client::builder().dialler(move |_| {
        let (place, dead) = (place.clone(), first.clone());
        async move {
            if dead.lock().expect("no panic").is_empty() {
                // Takes our bytes and is never heard of: a peer behind a network that is gone.
                let (ours, theirs) = tokio::io::duplex(1 << 20);
                dead.lock().expect("no panic").push(theirs);
                return Ok(Io::Memory(ours));
            }
            place.dial().await
        }
    });
    let client = builder.connect(ANY).await.expect("connects");
    let peer = client.peer().expect("online");
    let began = Instant::now();
    let reason = peer.closed().await;
    assert!(matches!(*reason, CloseReason::PingTimeout { .. }), "{reason}");
    // iproto's rule: a ping after one interval of 60 s, and the end when it was unanswered for more than two.
    assert!(began.elapsed() <= Duration::from_secs(241), "{:?}", began.elapsed());
    is_online(&client, 1).await;
    echo(&client).await.expect("the new connection answers");
    assert_eq!(dead.lock().expect("no panic").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_given_up() {
    let builder = Client::builder().dialler(|_| std::future::pending::<io::Result<Io>>());
    let builder = builder.dial_timeout(Duration::from_millis(100));
    let error = builder.connect(ANY).await.expect_err("hangs");
    assert!(error.to_string().contains("100ms"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn pauses_are_a_setting() {
    let place = Place::new();
    place.kill();
    let pause = Duration::from_millis(200);
    let client =
        place.builder().backoff(Backoff { first: pause, max: pause }).connect_lazy(ANY).expect("lazy");
    let _ = client.peer();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!((50..=101).contains(&place.dials().len()), "{}", place.dials().len());
}

/// Names that lead somewhere else each time they are asked.
#[derive(Clone, Default)]
struct Moving(Arc<Mutex<Vec<Endpoint>>>, Arc<AtomicUsize>);

impl Resolve for Moving {
    fn resolve(&self, address: &Address) -> BoxFuture<io::Result<Vec<Endpoint>>> {
        assert_eq!(address.to_string(), "iproto://orders:1");
        self.1.fetch_add(1, Ordering::SeqCst);
        let now = self.0.lock().expect("no panic").clone();
        Box::pin(async move { Ok(now) })
    }
}

#[tokio::test]
async fn names_are_resolved_at_every_dial() {
    let names = Moving::default();
    let old = listen(router(), "iproto://127.0.0.1:0").await;
    *names.0.lock().expect("no panic") = vec![old.addresses()[0].endpoint.clone()];
    let client =
        Client::builder().resolver(names.clone()).connect("iproto://orders:1").await.expect("connects");
    echo(&client).await.expect("answers");
    let new = listen(router(), "iproto://127.0.0.1:0").await;
    *names.0.lock().expect("no panic") = vec![new.addresses()[0].endpoint.clone()];
    let asked = names.1.load(Ordering::SeqCst);
    drop(old);
    eventually("it moved", Duration::from_secs(5), || !new.peers().is_empty()).await;
    is_online(&client, 1).await;
    echo(&client).await.expect("answers");
    assert!(names.1.load(Ordering::SeqCst) > asked);
}

#[tokio::test(start_paused = true)]
async fn a_resolver_without_an_answer_is_a_failed_dial() {
    let builder = Client::builder().resolver(Moving::default());
    let error = builder.connect("iproto://orders:1").await.expect_err("nowhere");
    assert!(error.to_string().contains("no endpoint"), "{error}");
}

#[tokio::test]
async fn a_dead_address_is_not_picked() {
    let alive = listen(router(), "iproto://127.0.0.1:0").await;
    let dead = listen(router(), "iproto://127.0.0.1:0").await;
    let list = format!("{},{}", dead.addresses()[0], alive.addresses()[0]);
    drop(dead);
    for _ in 0..10 {
        let client = Client::builder().size(2).connect(&list).await.expect("one of them answers");
        for _ in 0..10 {
            echo(&client).await.expect("answers");
        }
        let peers = client.peers();
        assert_eq!(peers.len(), 1, "the second slot waits for the second server: {peers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_address_does_not_hold_up_the_others() {
    let place = Place::new();
    for _ in 0..10 {
        let place = place.clone();
        let builder = Client::builder().dialler(move |address| {
            let place = place.clone();
            async move {
                if address.to_string().ends_with("silent") {
                    std::future::pending::<()>().await;
                }
                place.dial().await
            }
        });
        let began = Instant::now();
        let client = builder.connect("iproto+mem://silent,iproto+mem://b").await.expect("b answers");
        assert!(began.elapsed() <= Duration::from_millis(260), "{:?}", began.elapsed());
        echo(&client).await.expect("answers");
    }
}
