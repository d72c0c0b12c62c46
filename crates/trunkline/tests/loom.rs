//! Every interleaving of joining, entering, hooking and closing, tried out on the rooms of production themselves: their
//! files are compiled into this test with loom's locks in the place of `sync`, beside a peer that is nothing but its
//! close hooks.
//!
//! A model that finds nothing proves nothing: one plants a list of hooks that registers after its check, and must fail.

#[path = "../src/hooks.rs"]
mod hooks;
#[path = "../src/group/members.rs"]
#[expect(dead_code, reason = "the models need not look at everything")]
mod members;
#[path = "loom/peer.rs"]
mod peer;
#[path = "../src/registry.rs"]
#[expect(dead_code, reason = "the models need not look at everything")]
mod registry;

/// loom's, where production has std's.
mod sync {
    pub(crate) use loom::sync::atomic::AtomicUsize;
    pub(crate) use loom::sync::{Mutex, MutexGuard};
}

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use loom::thread;
use members::Members;
use peer::Peer;
use registry::Registry;

/// Set in the process that runs the model with the planted fault.
const PLANTED: &str = "TRUNKLINE_PLANTED";

fn join_against_close(peer: impl Fn() -> Peer + Send + Sync + 'static) {
    loom::model(move || {
        let (members, peer) = (Members::new(), peer());
        let closing = thread::spawn({
            let peer = peer.clone();
            move || peer.close()
        });
        assert!(members.join(1, &peer).is_none());
        closing.join().expect("no panic");
        assert_eq!(members.len(), 0, "a closed peer is a member for ever");
        assert!(members.snapshot().is_empty());
    });
}

#[test]
fn a_peer_that_closes_while_it_joins_has_left() {
    join_against_close(|| Peer::new(1));
}

#[test]
fn a_list_that_registers_after_its_check_is_found() {
    if std::env::var_os(PLANTED).is_some() {
        return join_against_close(|| Peer::planted(1));
    }
    let program = std::env::current_exe().expect("this program");
    let test = "a_list_that_registers_after_its_check_is_found";
    let planted = Command::new(program).args([test, "--exact"]).env(PLANTED, "1").output().expect("runs");
    let said = String::from_utf8_lossy(&planted.stdout);
    assert!(!planted.status.success() && said.contains("a member for ever"), "{said}");
}

#[test]
fn a_key_is_the_last_one_s_whoever_closes() {
    loom::model(|| {
        let (members, first, second) = (Members::new(), Peer::new(1), Peer::new(2));
        members.join("key", &first);
        let closing = thread::spawn({
            let first = first.clone();
            move || first.close()
        });
        let replaced = members.join("key", &second);
        assert!(replaced.is_none_or(|replaced| replaced == first));
        closing.join().expect("no panic");
        assert_eq!(members.get(&"key"), Some(second.clone()));
        second.close();
        assert_eq!(members.len(), 0);
    });
}

#[test]
fn a_peer_may_leave_and_close_at_once() {
    loom::model(|| {
        let (members, peer) = (Members::new(), Peer::new(1));
        members.join("key", &peer);
        let closing = thread::spawn({
            let peer = peer.clone();
            move || peer.close()
        });
        members.leave(&"key");
        members.join("other", &peer);
        closing.join().expect("no panic");
        assert_eq!(members.len(), 0);
    });
}

#[test]
fn every_hook_runs_exactly_once() {
    loom::model(|| {
        let peer = Peer::new(1);
        let counters: [Arc<AtomicUsize>; 3] = Default::default();
        let count = |n: usize| {
            let counter = counters[n].clone();
            Box::new(move |_: &_| {
                counter.fetch_add(1, Ordering::SeqCst);
            })
        };
        peer.hook(count(0));
        let taken_back = peer.hook(count(1));
        let closing = thread::spawn({
            let peer = peer.clone();
            move || peer.close()
        });
        peer.hook(count(2));
        peer.forget_hook(taken_back);
        let after = counters[1].load(Ordering::SeqCst);
        closing.join().expect("no panic");
        let ran = counters.each_ref().map(|counter| counter.load(Ordering::SeqCst));
        assert_eq!((ran[0], ran[2]), (1, 1));
        assert!(ran[1] <= 1 && after <= ran[1]);
    });
}

#[test]
fn a_hook_registered_by_a_hook_runs_once() {
    loom::model(|| {
        let (peer, ran) = (Peer::new(1), Arc::new(AtomicUsize::new(0)));
        let (again, counter) = (peer.clone(), ran.clone());
        let closing = thread::spawn({
            let peer = peer.clone();
            move || peer.close()
        });
        peer.on_close(move |_| {
            again.on_close(move |_| {
                counter.fetch_add(1, Ordering::SeqCst);
            });
        });
        closing.join().expect("no panic");
        assert_eq!(ran.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_peer_that_closes_while_it_enters_has_left_and_counts_once() {
    loom::model(|| {
        let (registry, peer) = (Registry::new(1), Peer::new(1));
        let closing = thread::spawn({
            let peer = peer.clone();
            move || peer.close()
        });
        registry.enter(&peer).expect("there is room");
        closing.join().expect("no panic");
        assert_eq!((registry.len(), registry.get(1)), (0, None));
        assert_eq!(registry.stats().notified, 1, "its counters stay, once");
        registry.enter(&Peer::new(33)).expect("its room is free");
    });
}

#[test]
fn no_more_enter_than_may() {
    loom::model(|| {
        let registry = Registry::new(1);
        let entering = thread::spawn({
            let registry = registry.clone();
            move || registry.enter(&Peer::new(1)).is_ok()
        });
        let ours = registry.enter(&Peer::new(2)).is_ok();
        let theirs = entering.join().expect("no panic");
        assert!(ours != theirs, "one of them");
        assert_eq!(registry.len(), 1);
    });
}

#[test]
fn a_peer_that_enters_while_the_registry_closes_is_found_or_refused() {
    loom::model(|| {
        let registry = Registry::new(2);
        let entering = thread::spawn({
            let registry = registry.clone();
            move || registry.enter(&Peer::new(1)).is_ok()
        });
        let found = registry.close();
        let entered = entering.join().expect("no panic");
        assert_eq!(found.len(), usize::from(entered), "nobody is left behind");
        assert_eq!(registry.len(), found.len());
    });
}
