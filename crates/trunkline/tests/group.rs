//! Groups: membership, broadcast, and members that take too little.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use trunkline::bytes::Bytes;
use trunkline::test::pair_of;
use trunkline::wire::iproto::Iproto;
use trunkline::wire::packet::{Head, Packet};
use trunkline::wire::simple::Simple;
use trunkline::wire::{Dialect, Side};
use trunkline::{Group, Overflow, Peer, Request, Router};

/// A member, and how many notifications it has heard with the last of them.
struct Member {
    /// Our side, which can be grouped.
    peer: Peer,
    /// Theirs: held, so that the pair lives.
    _theirs: Peer,
    heard: Arc<AtomicUsize>,
}

fn member(dialect: impl Dialect) -> Member {
    let heard = Arc::new(AtomicUsize::new(0));
    let counter = heard.clone();
    let router = Router::new().fallback(move |request: Request| {
        let counter = counter.clone();
        async move {
            // Bodies count from 0: each must be the next one.
            let n: usize = std::str::from_utf8(&request.body).expect("text").parse().expect("a number");
            assert_eq!(counter.fetch_add(1, Ordering::SeqCst), n);
        }
    });
    let (theirs, peer) = pair_of(dialect, router, Router::new(), |_| ()).expect("a pair");
    Member { peer, _theirs: theirs, heard }
}

async fn until(what: impl Fn() -> bool) {
    let wait = async {
        while !what() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("comes to pass");
}

#[tokio::test]
async fn every_dialect_that_can_be_notified_hears_every_broadcast_in_order() {
    let group = Group::new();
    let members = [
        member(Iproto::new()),
        member(Iproto::new()),
        member(Packet::new(Head::default())),
        member(Packet::new("2le".parse().expect("a head"))),
        member(Simple::new()),
    ];
    for (key, member) in members.iter().enumerate() {
        assert!(group.join(key, &member.peer).expect("can be notified").is_none());
    }
    for n in 0..500 {
        let delivered = group.broadcast((9, "/news"), n.to_string());
        assert_eq!((delivered.queued, delivered.dropped, delivered.closed), (5, 0, 0));
    }
    until(|| members.iter().all(|member| member.heard.load(Ordering::SeqCst) == 500)).await;
    let delivered = group.broadcast(9, "500");
    assert_eq!((delivered.queued, delivered.unsayable), (4, 1), "simple needs a name");
}

#[tokio::test]
async fn members_come_and_go() {
    let group: Group<&str> = Group::new();
    let (a, b) = (member(Iproto::new()), member(Iproto::new()));
    assert!(group.join("x", &a.peer).expect("joins").is_none());
    assert!(group.join("y", &a.peer).expect("the same peer twice").is_none());
    assert_eq!(group.join("x", &b.peer).expect("joins"), Some(a.peer.clone()), "says who was replaced");
    assert!(a.peer.is_open(), "the replaced one stays connected");
    assert_eq!(group.len(), 2);
    assert_eq!(group.leave(&"y"), Some(a.peer.clone()));
    assert_eq!(group.leave(&"y"), None);
    b.peer.close();
    b.peer.closed().await;
    assert!(group.is_empty(), "a closed peer has left by itself");
    assert!(group.join("z", &b.peer).expect("joins").is_none());
    assert!(group.is_empty(), "and cannot come back");
    for n in 0..1000 {
        group.join("x", &a.peer).expect("joins");
        assert!(group.leave(&"x").is_some(), "{n}");
    }
    group.join("x", &a.peer).expect("joins");
    assert_eq!(group.clear().len(), 1);
}

#[tokio::test]
async fn a_group_may_change_while_it_is_walked() {
    let group = Group::new();
    let members: Vec<_> = (0..10).map(|_| member(Iproto::new())).collect();
    for (key, member) in members.iter().enumerate() {
        group.join(key, &member.peer).expect("joins");
    }
    for (key, peer) in group.members() {
        group.leave(&key);
        group.broadcast_except(&peer, 9, "0");
        group.join(key + 100, &peer).expect("joins");
    }
    assert_eq!(group.len(), 10);
}

/// A member whose other end never reads, and the number of bytes that fit its pipe.
fn stalled() -> (Peer, tokio::io::DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(256);
    let peer =
        Peer::over(ours, Side::Accepting, Packet::new(Head::default()), Router::new()).expect("a peer");
    (peer, theirs)
}

#[tokio::test]
async fn a_member_that_does_not_read_is_dealt_with_by_policy() {
    let body = Bytes::from(vec![7; 1 << 10]);
    for overflow in [Overflow::DropNewest, Overflow::DropOldest, Overflow::Close] {
        let group = Group::with_overflow(overflow);
        let (peer, _theirs) = stalled();
        group.join(1, &peer).expect("joins");
        let mut total = (0, 0, 0);
        for _ in 0..10_000 {
            let delivered = group.broadcast(9, body.clone());
            total = (total.0 + delivered.queued, total.1 + delivered.dropped, total.2 + delivered.closed);
        }
        match overflow {
            Overflow::DropNewest => assert_eq!((total.0 + total.1, total.2), (10_000, 0)),
            Overflow::DropOldest => {
                assert_eq!((total.0, total.2), (10_000, 0));
                assert!(total.1 > 8_000, "{total:?}");
            }
            _ => {
                let reason = peer.closed().await;
                assert!(reason.to_string().contains("shared_bytes"), "{reason}");
                assert_eq!(total.1, 0, "nothing is dropped silently");
                assert!(total.2 > 0 && group.is_empty(), "it was reported, and has left");
            }
        }
        assert!(peer.queued_bytes() <= 5 << 20, "bounded: {}", peer.queued_bytes());
    }
}

#[tokio::test]
async fn a_newer_message_makes_an_older_one_needless() {
    let group = Group::with_overflow(Overflow::Coalesce);
    let (peer, mut theirs) = stalled();
    group.join(1, &peer).expect("joins");
    // The first fills the pipe, so that what follows waits.
    group.broadcast(9, vec![0u8; 4 << 10]);
    until(|| peer.stats().writes > 0).await;
    for price in 0..100u32 {
        group.broadcast_latest(u64::from(price % 2), 9, price.to_be_bytes().to_vec());
    }
    let mut heard = vec![0; 4 + (4 << 10) + 2 * 8];
    theirs.read_exact(&mut heard).await.expect("reads");
    let last: Vec<u8> = heard.split_off(heard.len() - 16);
    assert_eq!(last, [[0, 0, 0, 4, 0, 0, 0, 98], [0, 0, 0, 4, 0, 0, 0, 99]].concat());
}

#[tokio::test]
async fn a_slow_member_holds_up_nobody_and_waiting_has_a_limit() {
    let group = Group::with_overflow(Overflow::DropOldest);
    let (peer, _theirs) = stalled();
    let quick = member(Iproto::new());
    group.join(1, &peer).expect("joins");
    group.join(2, &quick.peer).expect("joins");
    for n in 0..2_000 {
        group.broadcast(9, n.to_string());
        tokio::task::yield_now().await;
    }
    until(|| quick.heard.load(Ordering::SeqCst) == 2_000).await;
    assert!(peer.is_open());
    let large = Bytes::from(vec![0; 300 << 10]);
    let group = Group::new();
    group.join(1, &peer).expect("joins");
    let mut delivered = Vec::new();
    for _ in 0..40 {
        delivered.push(group.broadcast_wait(9, large.clone(), Duration::from_millis(20)).await);
    }
    assert_eq!(delivered[0].queued, 1);
    assert_eq!(delivered[39].dropped, 1, "no room within the limit: {:?}", delivered[39]);
}
