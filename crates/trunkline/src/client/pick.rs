//! The choices: which connection the next call takes, and which target the next dial takes.
//!
//! Connections are picked from a list of those that are up. Targets are ordered by how many connections of the client
//! they carry; a target that refused or drained lately comes after its equals.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::address::Address;
use crate::peer::Peer;

/// Which of a client's connections takes the next call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pick {
    /// One after the other (go-iproto's choice). Costs one atomic step.
    #[default]
    RoundRobin,
    /// The one with the fewest calls in flight; among equals one after the other. Looks at every connection.
    LeastPending,
}

impl Pick {
    /// The connection for the call number `n`.
    #[inline]
    pub(super) fn choose(self, peers: &[Peer], n: u64) -> Option<&Peer> {
        if let [only] = peers {
            return Some(only);
        }
        let first = n.checked_rem(peers.len() as u64)? as usize;
        let (before, after) = peers.split_at_checked(first)?;
        match self {
            Self::RoundRobin => after.first(),
            Self::LeastPending => after.iter().chain(before).min_by_key(|peer| peer.pending()),
        }
    }
}

/// What is known of the targets of a client. Holds those it was told of last, and those in use.
#[derive(Debug, Default)]
pub(super) struct Targets(Mutex<HashMap<Address, Standing>>);

#[derive(Debug, Default)]
struct Standing {
    /// Connections of ours that live there or are being dialled.
    used: usize,
    /// When it last refused us or sent us away.
    failed: Option<Instant>,
}

impl Targets {
    fn lock(&self) -> MutexGuard<'_, HashMap<Address, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The targets that a slot may dial, best first. `share`: how many connections each may carry; one that carries
    /// them already is left out, unless nothing else is `left`.
    ///
    /// So a client with two connections to two servers keeps one to each: while one server is away its slot waits for
    /// it, instead of a second connection to the other that would stay there for ever.
    pub(super) fn order(&self, mut found: Vec<Address>, share: usize, nothing_left: bool) -> Vec<Address> {
        let mut known = self.lock();
        known.retain(|target, standing| standing.used > 0 || found.contains(target));
        let standing = |target: &Address| known.get(target).map_or((0, None), |at| (at.used, at.failed));
        fastrand::shuffle(&mut found);
        found.sort_by_key(standing);
        let under = found.iter().filter(|target| standing(target).0 < share).count();
        if under > 0 && !nothing_left {
            // Sorted by use, so the ones below their share come first.
            found.truncate(under);
        }
        found
    }

    /// Counts one connection to a target, until the claim is dropped.
    pub(super) fn claim(self: &Arc<Self>, target: &Address) -> Claim {
        self.lock().entry(target.clone()).or_default().used += 1;
        Claim { targets: self.clone(), target: target.clone() }
    }
}

/// One connection to a target, or an attempt at one.
#[derive(Debug)]
pub(super) struct Claim {
    targets: Arc<Targets>,
    target: Address,
}

impl Claim {
    /// The target refused, or sent us away.
    pub(super) fn failed(&self, now: Instant) {
        self.mark(Some(now));
    }

    /// The target let us in.
    pub(super) fn succeeded(&self) {
        self.mark(None);
    }

    fn mark(&self, failed: Option<Instant>) {
        if let Some(standing) = self.targets.lock().get_mut(&self.target) {
            standing.failed = failed;
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(standing) = self.targets.lock().get_mut(&self.target) {
            standing.used = standing.used.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::IntoAddresses;

    fn addresses(list: &str) -> Vec<Address> {
        list.into_addresses().expect("addresses")
    }

    #[test]
    fn connections_spread_and_a_target_that_failed_comes_last() {
        let targets = Arc::new(Targets::default());
        let all = addresses("iproto+mem://a,iproto+mem://b,iproto+mem://c");
        let a = targets.claim(&all[0]);
        let c = targets.claim(&all[2]);
        assert_eq!(targets.order(all.clone(), 1, false), [all[1].clone()], "the only one below its share");
        assert_eq!(targets.order(all.clone(), 1, true).len(), 3, "in need any will do");
        c.failed(crate::link::now());
        drop((a, c));
        let order = targets.order(all.clone(), 1, false);
        assert_eq!(order.last(), Some(&all[2]));
        assert_eq!(order.len(), 3);
        targets.claim(&all[2]).succeeded();
        assert!((0..100).any(|_| targets.order(all.clone(), 1, false).last() != Some(&all[2])));
    }

    #[test]
    fn targets_that_went_away_are_forgotten() {
        let targets = Arc::new(Targets::default());
        for n in 0..100 {
            let target = addresses(&format!("iproto+mem://{n}"));
            targets.claim(&target[0]).failed(crate::link::now());
            targets.order(target, 1, false);
            assert_eq!(targets.lock().len(), 1);
        }
    }
}
