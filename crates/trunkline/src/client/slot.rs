//! The task of one slot: dials, hands the connection over, waits for its end, and begins again.
//!
//! ```text
//!  idle ──demand──► pause ─► dial ──connected──► live ──closed or draining──┐
//!                     ▲        │ in vain                                    │
//!                     └────────┴────────────────────────────────────────────┘
//! ```
//!
//! A slot has at most one dial in flight because it is one task. The task ends, and the slot is idle, when nothing is to
//! be redialled; the next one who needs a connection starts it again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::dial::Need;
use super::pick::Claim;
use super::pool::Pool;
use crate::link::now;
use crate::peer::Peer;

/// A connection that lasted this long, or that answered anything, was a good one: the next dial begins with the first
/// pause again. Otherwise a server that accepts and closes would be dialled in a hot loop.
const HEALTHY: Duration = Duration::from_secs(30);

/// When a client dials by itself, without a caller who needs a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redial {
    /// For this long after a connection was lost; then only when a caller needs one. The default is 1 h (README of
    /// go-iproto).
    For(Duration),
    /// As long as the client lives.
    Forever,
    /// Only while a caller needs a connection (go-iproto's `DisablePreDial`).
    OnDemand,
}

/// A slot's task and what others tell it.
pub(super) struct Keeper {
    pub(super) pool: Arc<Pool>,
    pub(super) slot: u64,
    pub(super) stop: CancellationToken,
    /// Connections that were adopted for this slot.
    pub(super) gifts: mpsc::Receiver<Peer>,
    /// The slot's connection was found draining.
    pub(super) left: Arc<Notify>,
    /// The number of the next pause; `None` dials at once.
    pub(super) pause: Option<u32>,
}

impl Keeper {
    /// Runs until there is nothing to do or the slot is given up.
    pub(super) async fn run(mut self) {
        let stop = self.stop.clone();
        stop.run_until_cancelled(self.keep()).await;
    }

    async fn keep(&mut self) {
        loop {
            let found = tokio::select! {
                biased;
                gift = self.gifts.recv() => gift.map(|peer| (peer, None)),
                dialled = Self::dial(&self.pool, &mut self.pause) => {
                    dialled.map(|(peer, claim)| (peer, Some(claim)))
                }
            };
            if let Some((peer, claim)) = found {
                // An adopted connection fills its slot before its task hears of it.
                if claim.is_none() || self.pool.fill(self.slot, &peer) {
                    self.live(&peer, claim).await;
                    self.pool.vacate(self.slot, &peer, self.pause);
                } else {
                    peer.link.drain(None);
                    continue;
                }
                if self.pool.settings.redial != Redial::OnDemand {
                    continue;
                }
            }
            if self.pool.rest(self.slot, self.pause) {
                return;
            }
        }
    }

    /// Dials until it is connected; `None` when it was tried for long enough.
    async fn dial(pool: &Arc<Pool>, pause: &mut Option<u32>) -> Option<(Peer, Claim)> {
        let began = now();
        loop {
            if let Some(n) = *pause {
                pool.pause(n).await;
            }
            let tried = pause.unwrap_or_default();
            let need = Need { size: pool.size(), offline: pool.is_offline(), tried };
            match pool.dialler.round(need, &|peer| pool.enter(peer)).await {
                Ok(connected) => return Some(connected),
                Err(error) => pool.missed(error),
            }
            *pause = Some(pause.map_or(0, |n| n.saturating_add(1)));
            if Self::gives_up(pool, began) {
                if pool.settings.redial != Redial::OnDemand {
                    // Whoever needs a connection later does not inherit the pauses of an outage long ago.
                    *pause = None;
                }
                return None;
            }
        }
    }

    fn gives_up(pool: &Pool, began: Instant) -> bool {
        match pool.settings.redial {
            Redial::Forever => false,
            Redial::For(limit) => now().saturating_duration_since(began) >= limit,
            Redial::OnDemand => !pool.somebody_waits(),
        }
    }

    /// From the first use of a connection to its last.
    async fn live(&mut self, peer: &Peer, claim: Option<Claim>) {
        let began = now();
        while self.pool.holds(self.slot, peer) && peer.close_reason().is_none() {
            tokio::select! {
                _ = peer.closed() => {}
                () = self.left.notified() => {}
            }
        }
        if let Some(claim) = claim {
            claim.failed(now());
        }
        let stats = peer.stats();
        let heard = stats.replies + stats.faults + stats.pongs + stats.requests + stats.notifications;
        let healthy = heard > 0 || now().saturating_duration_since(began) >= HEALTHY;
        self.pause = Some(if healthy { 0 } else { self.pause.map_or(0, |n| n.saturating_add(1)) });
    }
}
