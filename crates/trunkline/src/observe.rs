//! What the outside is told about a connection: one log line for each step of its life, and metrics.
//!
//! In: what the driver sees when it begins, goes idle, drains and ends. Out: `tracing` events; with the feature
//! `metrics`, counters and gauges of the `metrics` facade. Never: anything per call. Metrics are the differences of two
//! [`Stats`](trunkline_engine::Stats), told at most once a second and when a connection falls idle or ends; their names
//! and the events are listed in `docs/observability.md`.

use std::task::Waker;
use std::time::{Duration, Instant};

use trunkline_engine::{CloseReason, Connection, Phase, Stats};

use crate::link::Facts;

/// The time between two reports of a connection that is busy.
const INTERVAL: Duration = Duration::from_secs(1);

/// Tells of one connection.
#[derive(Debug, Default)]
pub(crate) struct Observer {
    draining: bool,
    told: Option<Instant>,
    meter: Meter,
}

impl Observer {
    pub(crate) fn connected(&mut self, facts: &Facts) {
        let Facts { id: peer, side, address, .. } = facts;
        tracing::debug!(peer, %address, dialect = facts.profile.name, ?side, "connected");
        self.meter.connected(facts);
    }

    /// Whether the connection has begun to drain since the last look; asked after every turn.
    #[inline]
    pub(crate) const fn begins_to_drain(&self, phase: &Phase) -> bool {
        !self.draining && matches!(phase, Phase::Draining)
    }

    pub(crate) fn draining(&mut self, facts: &Facts) {
        if !std::mem::replace(&mut self.draining, true) {
            tracing::debug!(peer = facts.id, address = %facts.address, "draining");
            self.meter.draining(facts);
        }
    }

    /// Whether it is time to report.
    pub(crate) fn is_due(&mut self, idle: bool, now: Instant) -> bool {
        let due = idle || self.told.is_none_or(|told| now.saturating_duration_since(told) >= INTERVAL);
        if due {
            self.told = Some(now);
        }
        due
    }

    pub(crate) fn report(&mut self, seen: &Snapshot, facts: &Facts) {
        self.meter.report(seen, facts);
    }

    pub(crate) fn closed(&mut self, seen: &Snapshot, facts: &Facts, reason: &CloseReason) {
        if matches!(reason, CloseReason::Drained | CloseReason::DrainTimeout { .. }) {
            // A drain that had nothing to wait for begins and ends in one turn.
            self.draining(facts);
        }
        let Facts { id: peer, address, .. } = facts;
        let (dialect, name) = (facts.profile.name, reason.name());
        if reason.is_error() {
            tracing::warn!(peer, %address, dialect, reason = name, "closed: {reason}");
        } else {
            tracing::debug!(peer, %address, dialect, reason = name, "closed: {reason}");
        }
        self.meter.report(seen, facts);
        self.meter.closed(facts);
    }
}

/// What is read under the lock, to be told outside of it: subscribers and recorders are user code.
#[derive(Debug)]
#[cfg_attr(not(feature = "metrics"), expect(dead_code, reason = "only metrics look into it"))]
pub(crate) struct Snapshot {
    stats: Stats,
    pending: usize,
    owed: usize,
    queued: usize,
}

impl Snapshot {
    pub(crate) const fn of(conn: &Connection<Waker>) -> Self {
        Self { stats: *conn.stats(), pending: conn.pending(), owed: conn.owed(), queued: conn.queued() }
    }
}

#[cfg(feature = "metrics")]
use metered::Meter;

#[cfg(feature = "metrics")]
mod metered {
    use metrics::{counter, gauge, histogram};
    use trunkline_engine::Stats;

    use super::{Facts, Snapshot};

    /// What was told of one connection so far.
    #[derive(Debug, Default)]
    pub(crate) struct Meter {
        stats: Stats,
        inflight: (usize, usize),
        queued: usize,
        state: Option<&'static str>,
    }

    impl Meter {
        pub(super) fn connected(&mut self, facts: &Facts) {
            self.enter(Some("open"), facts);
        }

        pub(super) fn draining(&mut self, facts: &Facts) {
            self.enter(Some("draining"), facts);
        }

        pub(super) fn closed(&mut self, facts: &Facts) {
            self.enter(None, facts);
            self.load((0, 0), 0, facts);
        }

        pub(super) fn report(&mut self, seen: &Snapshot, facts: &Facts) {
            let now = seen.stats;
            let news = now - std::mem::replace(&mut self.stats, now);
            let dialect = facts.profile.name;
            for (side, outcome, calls) in [
                ("client", "reply", news.replies),
                ("client", "fault", news.faults),
                ("client", "timeout", news.timeouts),
                ("client", "cancelled", news.cancelled),
                ("client", "lost", news.lost),
                ("server", "reply", news.answered.saturating_sub(news.answered_faults)),
                ("server", "fault", news.answered_faults.saturating_add(news.unsaid_faults)),
                ("server", "refused", news.refused),
            ] {
                if calls > 0 {
                    counter!("trunkline_calls_total", "side" => side, "dialect" => dialect, "outcome" => outcome)
                        .increment(calls);
                }
            }
            if news.pongs > 0 {
                histogram!("trunkline_ping_rtt_seconds", "dialect" => dialect)
                    .record(now.ping_rtt_us as f64 / 1e6);
            }
            self.load((seen.pending, seen.owed), seen.queued, facts);
        }

        /// Gauges of all connections together: each adds what changed about it.
        fn load(&mut self, inflight: (usize, usize), queued: usize, facts: &Facts) {
            let dialect = facts.profile.name;
            let before = std::mem::replace(&mut self.inflight, inflight);
            for (side, before, now) in [("client", before.0, inflight.0), ("server", before.1, inflight.1)] {
                if before != now {
                    gauge!("trunkline_inflight", "side" => side, "dialect" => dialect)
                        .increment(now as f64 - before as f64);
                }
            }
            let before = std::mem::replace(&mut self.queued, queued);
            if before != queued {
                gauge!("trunkline_queue_bytes", "dialect" => dialect)
                    .increment(queued as f64 - before as f64);
            }
        }

        fn enter(&mut self, state: Option<&'static str>, facts: &Facts) {
            let dialect = facts.profile.name;
            let before = std::mem::replace(&mut self.state, state);
            for (state, change) in [(before, -1.0), (state, 1.0)] {
                if let Some(state) = state {
                    gauge!("trunkline_connections", "state" => state, "dialect" => dialect).increment(change);
                }
            }
        }
    }
}

/// Without the feature there is nothing to count, and this costs nothing.
#[cfg(not(feature = "metrics"))]
#[derive(Debug, Default)]
struct Meter;

#[cfg(not(feature = "metrics"))]
#[expect(
    clippy::unused_self,
    clippy::needless_pass_by_ref_mut,
    reason = "the shape of the meter that counts"
)]
impl Meter {
    const fn connected(&mut self, _: &Facts) {}
    const fn draining(&mut self, _: &Facts) {}
    const fn closed(&mut self, _: &Facts) {}
    const fn report(&mut self, _: &Snapshot, _: &Facts) {}
}

/// A client has connected again to an address where it had been connected before.
#[expect(dead_code, reason = "the pool calls it; it comes with the pool")]
pub(crate) fn reconnected(dialect: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("trunkline_reconnects_total", "dialect" => dialect).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = dialect;
}
