//! How many connections there are, which of them is picked, and who keeps them.

use std::time::Duration;

use trunkline::bytes::Bytes;
use trunkline::{Client, ErrorKind, Pick, Text};

use crate::support::{ANY, Place, echo, eventually, is_online, listen, router};

#[tokio::test(start_paused = true)]
async fn grows_as_it_is_used() {
    let place = Place::new();
    let client = place.builder().size(4).connect(ANY).await.expect("connects");
    for online in [1, 2, 3, 4, 4, 4] {
        assert_eq!(client.peers().len(), online, "go-iproto: 1 2 3 4 4 4");
        echo(&client).await.expect("answers");
        is_online(&client, (online + 1).min(4)).await;
    }
    assert_eq!(place.dials().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn connect_all_makes_all_connections() {
    let place = Place::new();
    let client = place.builder().size(5).connect_all(ANY).await.expect("connects");
    assert_eq!((client.peers().len(), place.dials().len()), (5, 5));
    place.kill();
    let error = place.builder().size(2).connect_all(ANY).await.expect_err("nobody answers");
    assert!(matches!(error.kind(), ErrorKind::Connect(_)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn one_dial_in_flight_per_slot() {
    let place = Place::taking(Duration::from_millis(50));
    let client = place.builder().connect_lazy(ANY).expect("lazy");
    let calls = (0..20).map(|_| echo(&client));
    for answer in futures_util::future::join_all(calls).await {
        answer.expect("answers");
    }
    assert_eq!(
        (place.dials().len(), place.most_at_once()),
        (1, 1),
        "defect S8 of simple-rpc: 20 connections"
    );

    client.resize(3).expect("at least one");
    place.kill();
    for _ in 0..200 {
        let _ = client.call::<Bytes>(1, "").timeout(Duration::from_millis(10)).await;
    }
    assert!(place.most_at_once() <= 3, "{}", place.most_at_once());
}

#[tokio::test(start_paused = true)]
async fn resizes_while_it_works() {
    let place = Place::new();
    let client = place.builder().size(4).connect_all(ANY).await.expect("connects");
    let slow = (0..4).map(|_| client.call::<Text>(3, Text("100".into())).start()).collect::<Vec<_>>();
    client.resize(1).expect("at least one");
    assert_eq!((client.size(), client.peers().len()), (1, 1));
    for call in slow {
        call.await.expect("surplus connections finish what was begun");
    }
    let open = || place.peers().iter().filter(|peer| peer.is_open()).count() == 1;
    eventually("surplus connections close", Duration::from_secs(1), open).await;
    client.resize(3).expect("at least one");
    for _ in 0..3 {
        echo(&client).await.expect("answers");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(client.peers().len(), 3);
    assert!(matches!(client.resize(0).expect_err("none").kind(), ErrorKind::Config(_)));
}

#[tokio::test(start_paused = true)]
async fn picks_one_after_the_other() {
    let place = Place::new();
    let client = place.builder().size(3).connect_all(ANY).await.expect("connects");
    for _ in 0..30 {
        echo(&client).await.expect("answers");
    }
    let shares: Vec<_> = place.peers().iter().map(|peer| peer.stats().requests).collect();
    assert_eq!(shares, [10, 10, 10]);
    let first = client.peer().expect("online");
    assert_ne!(Some(first), client.peer(), "the next one");
}

#[tokio::test(start_paused = true)]
async fn picks_the_one_with_the_fewest_calls_in_flight() {
    let place = Place::new();
    let client = place.builder().size(3).pick(Pick::LeastPending).connect_all(ANY).await.expect("connects");
    let busy = client.peers()[0].clone();
    let slow = (0..5).map(|_| busy.call::<Text>(3, Text("1000".into())).start()).collect::<Vec<_>>();
    for _ in 0..30 {
        assert_ne!(client.peer().as_ref(), Some(&busy));
    }
    let calls = (0..12).map(|_| client.call::<Text>(3, Text("1000".into())).start()).collect::<Vec<_>>();
    let pending: Vec<_> = client.peers().iter().map(trunkline::Peer::pending).collect();
    assert_eq!(pending.iter().sum::<usize>(), 17);
    assert!(pending.iter().all(|calls| (5..=6).contains(calls)), "{pending:?}");
    futures_util::future::join_all(slow.into_iter().chain(calls)).await;
}

#[tokio::test]
async fn spreads_over_its_addresses() {
    let servers =
        [listen(router(), "iproto://127.0.0.1:0").await, listen(router(), "iproto://127.0.0.1:0").await];
    let list = servers.each_ref().map(|server| server.addresses()[0].clone());
    for _ in 0..5 {
        let client = Client::builder().size(4).connect_all(list.each_ref()).await.expect("connects");
        let ports: Vec<_> = client.peers().iter().filter_map(trunkline::Peer::remote_addr).collect();
        for server in &servers {
            let at = server.addresses()[0].to_string();
            assert_eq!(ports.iter().filter(|port| at.ends_with(&port.to_string())).count(), 2, "{ports:?}");
        }
    }
}

#[tokio::test]
async fn the_last_client_dropped_drains_after_its_output() {
    let server = listen(router(), "iproto://127.0.0.1:0").await;
    let client = Client::connect(server.addresses()[0].clone()).await.expect("connects");
    let peer = client.peer().expect("online");
    let clone = client.clone();
    drop(client);
    echo(&clone).await.expect("a clone keeps the connection");
    for _ in 0..1_000 {
        peer.notify(1, vec![7u8; 1_000]).await.expect("accepted");
    }
    drop(clone);
    let reason = peer.closed().await;
    assert!(!reason.is_error(), "a peer does not keep the connection: {reason}");
    assert_eq!(server.stats().notifications, 1_000);
}

#[tokio::test(start_paused = true)]
async fn closing_is_at_once_and_tells_what_is_known() {
    let client = Place::new().builder().connect(ANY).await.expect("connects");
    let call = client.call::<Text>(3, Text("1000".into())).start();
    echo(&client).await.expect("answers");
    client.close();
    let error = call.await.expect_err("cut");
    assert_eq!(error.outcome(), trunkline::Outcome::Unknown);
    client.closed().await;
}

#[tokio::test(start_paused = true)]
async fn counts_over_dead_and_live_connections() {
    let place = Place::new();
    let client = place.builder().connect(ANY).await.expect("connects");
    for _ in 0..3 {
        echo(&client).await.expect("answers");
        place.kill();
        eventually("offline", Duration::from_secs(1), || client.peers().is_empty()).await;
        place.revive();
        is_online(&client, 1).await;
    }
    echo(&client).await.expect("answers");
    let stats = client.stats();
    assert_eq!((stats.connections.calls, stats.connections.replies), (4, 4));
    assert_eq!((stats.online, stats.size), (1, 1));
    assert_eq!(stats.dials, place.dials().len() as u64);
    assert_eq!(stats.dials - stats.dial_errors, 4);
}
