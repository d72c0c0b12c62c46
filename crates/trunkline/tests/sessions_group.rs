//! One group with two thousand sessions of four kinds, of which fifty stop reading: the others hear every broadcast in
//! order, and what the reports and counters say is what was heard.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::DuplexStream;
use trunkline::test::pair_of;
use trunkline::wire::iproto::Iproto;
use trunkline::wire::packet::Packet;
use trunkline::wire::simple::Simple;
use trunkline::wire::{Dialect, Side};
use trunkline::{CloseReason, Config, Delivered, Group, Overflow, Peer, Request, Router};

/// Bytes that fit the pipe of a session that reads nothing.
const PIPE: usize = 1 << 10;

/// A session that reads: our side, theirs, and how many broadcasts it heard, each the next one.
struct Reader {
    ours: Peer,
    _theirs: Peer,
    heard: Arc<AtomicUsize>,
}

fn reader(dialect: impl Dialect) -> Reader {
    let heard = Arc::new(AtomicUsize::new(0));
    let counter = heard.clone();
    let router = Router::new().fallback(move |request: Request| {
        let counter = counter.clone();
        async move {
            let n: usize = std::str::from_utf8(&request.body).expect("text").parse().expect("a number");
            assert_eq!(counter.fetch_add(1, Ordering::SeqCst), n, "in order");
        }
    });
    let (theirs, ours) = pair_of(dialect, router, Router::new(), |_| ()).expect("a pair");
    Reader { ours, _theirs: theirs, heard }
}

fn any_reader(n: usize) -> Reader {
    match n % 4 {
        0 => reader(Packet::new("4be".parse().expect("a head"))),
        1 => reader(Packet::new("2le".parse().expect("a head"))),
        2 => reader(Iproto::new()),
        _ => reader(Simple::new()),
    }
}

/// A session whose other end reads nothing.
fn stalled() -> (Peer, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let dialect = Packet::new("4be".parse().expect("a head"));
    // Fewer may wait than there are broadcasts; "close" has patience up to four times as many.
    let config = Config { shared_messages: 30, ..Config::for_dialect(dialect.profile()) };
    (Peer::over_with(ours, Side::Accepting, dialect, Router::new(), config).expect("a peer"), theirs)
}

async fn until(what: impl Fn() -> bool) {
    let wait = async {
        while !what() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.expect("comes to pass");
}

/// Broadcasts to everyone; now and then all who read have heard them all, so that nothing but a stall can overflow.
async fn broadcast(group: &Group<usize>, readers: &[Reader], broadcasts: usize) -> Delivered {
    let mut totals = Delivered::default();
    for n in 0..broadcasts {
        let members = group.len();
        let delivered = group.broadcast((7, "/news"), n.to_string());
        // An older message that gave way is counted beside the new one, which is queued.
        let told = delivered.queued + delivered.closed;
        assert!(told == members || told + delivered.dropped == members, "{delivered:?} of {members}");
        totals.queued += delivered.queued;
        totals.dropped += delivered.dropped;
        totals.closed += delivered.closed;
        totals.unsayable += delivered.unsayable;
        if n % 100 == 99 {
            until(|| readers.iter().all(|reader| reader.heard.load(Ordering::SeqCst) == n + 1)).await;
        }
    }
    totals
}

async fn run(overflow: Overflow, sessions: usize, stalled_ones: usize, broadcasts: usize) {
    let group = Group::with_overflow(overflow);
    let readers: Vec<Reader> = (0..sessions - stalled_ones).map(any_reader).collect();
    let stalls: Vec<(Peer, DuplexStream)> = (0..stalled_ones).map(|_| stalled()).collect();
    let peers = readers.iter().map(|reader| &reader.ours).chain(stalls.iter().map(|(peer, _)| peer));
    for (key, peer) in peers.enumerate() {
        assert!(group.join(key, peer).expect("can be notified").is_none());
    }
    assert_eq!(group.len(), sessions);
    // More than their pipes take, so that every broadcast to them waits.
    for (peer, _) in &stalls {
        peer.try_notify(0, vec![0; 2 * PIPE]).expect("room");
        until(|| peer.stats().writes > 0).await;
    }
    let totals = broadcast(&group, &readers, broadcasts).await;

    for reader in &readers {
        assert_eq!(reader.heard.load(Ordering::SeqCst), broadcasts);
        let stats = reader.ours.stats();
        assert_eq!((stats.notified, stats.dropped), (broadcasts as u64, 0));
    }
    let counted = |count: fn(&Peer) -> u64| -> usize {
        stalls.iter().map(|(peer, _)| usize::try_from(count(peer)).expect("small")).sum()
    };
    // The first of each filled its pipe.
    let queued = counted(|peer| peer.stats().notified - 1);
    let dropped = counted(|peer| peer.stats().dropped);
    assert_eq!((totals.queued, totals.unsayable), (queued + readers.len() * broadcasts, 0), "{totals:?}");
    if overflow == Overflow::Close {
        assert!(totals.closed >= stalled_ones && totals.dropped == 0, "{totals:?}");
        assert_eq!(dropped, queued, "what waited for the closed ones is counted as lost");
        assert_eq!(group.len(), readers.len(), "they have left");
        for (peer, _) in &stalls {
            let reason = peer.close_reason();
            assert!(matches!(reason.as_deref(), Some(CloseReason::Overload { .. })), "{reason:?}");
        }
    } else {
        assert_eq!((totals.dropped, totals.closed), (dropped, 0), "{totals:?}");
        assert_eq!(group.len(), sessions, "who takes little stays");
        let (max, all) = (30 * stalled_ones, stalled_ones * broadcasts);
        let waiting = if overflow == Overflow::DropNewest { queued } else { queued - dropped };
        assert_eq!((waiting, waiting + dropped), (max, all), "the rest waits");
    }
}

#[tokio::test]
async fn two_thousand_sessions_of_which_fifty_are_closed() {
    run(Overflow::Close, 2_000, 50, 1_000).await;
}

#[tokio::test]
async fn a_hundred_sessions_of_which_ten_miss_the_newest() {
    run(Overflow::DropNewest, 100, 10, 300).await;
}

#[tokio::test]
async fn a_hundred_sessions_of_which_ten_miss_the_oldest() {
    run(Overflow::DropOldest, 100, 10, 300).await;
}
