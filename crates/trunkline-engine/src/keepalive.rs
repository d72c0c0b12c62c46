//! Is the peer there, and does it do its share?
//!
//! In: what was heard and written, and the time. Out: a ping to send, an acknowledgement to send, or the reason to
//! close. Never: calls, bodies.
//!
//! ```text
//!            timer                     timer, silent > 2 × interval
//!  quiet ──────────────► asked ───────────────────────────────────► dead
//!    ▲    send a ping      │
//!    └─────────────────────┘ a ping with id 0, or a pong: the acknowledgement
//! ```
//!
//! On a dialect with matched pairing (iproto) the acknowledgement is the ping itself. So whether an arriving ping is
//! a question or an answer depends on whether we asked; `docs/wire/iproto.md` section "Ping" has the table. Any byte
//! counts as a sign of life, but only a ping ends the asking: else its late acknowledgement would be taken for a
//! question and be answered, without end.
//!
//! A ping with another id (a peer that numbers its pings, or a call with the code of a ping) ends the asking as well,
//! as in go-iproto; the acknowledgement that is still on its way is then taken for a question and answered. That
//! answer is one ping too many on the wire, and would go back and forth for ever; so it counts as asked, and what
//! comes back for it ends there.

use std::time::{Duration, Instant};

use crate::config::Config;
use crate::error::CloseReason;

#[derive(Debug)]
pub(crate) struct Keepalive {
    interval: Option<Duration>,
    idle_limit: Option<Duration>,
    stall_limit: Duration,
    grace: Duration,
    next_ping: Option<Instant>,
    asked: Option<Instant>,
    /// Acknowledgements on their way that will look like questions, because another ping ended the asking.
    astray: u32,
    heard: Instant,
    wrote: Instant,
    /// Since when output waits that the transport does not take.
    stalled: Option<Instant>,
    /// A message that has begun to arrive: since when, and how many bytes of it are here.
    partial: Option<(Instant, usize)>,
}

/// What the clock brought about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    Ping,
    Close(CloseReason),
}

impl Keepalive {
    pub(crate) fn new(config: &Config, now: Instant) -> Self {
        Self {
            interval: config.ping_interval,
            idle_limit: config.idle_timeout,
            stall_limit: config.write_stall_timeout,
            grace: config.slow_message_grace,
            next_ping: config.ping_interval.map(|interval| now + interval),
            asked: None,
            astray: 0,
            heard: now,
            wrote: now,
            stalled: None,
            partial: None,
        }
    }

    /// Bytes arrived.
    pub(crate) const fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// After decoding: `have` bytes of an unfinished message remain.
    pub(crate) const fn partial(&mut self, have: usize, fresh: bool, now: Instant) {
        self.partial = match self.partial {
            _ if have == 0 => None,
            Some((since, _)) if !fresh => Some((since, have)),
            _ => Some((now, have)),
        };
    }

    /// The transport took bytes; `more` wait.
    pub(crate) const fn wrote(&mut self, more: bool, now: Instant) {
        self.wrote = now;
        self.stalled = if more { Some(now) } else { None };
    }

    /// Output waits and the transport is not ready.
    pub(crate) const fn blocked(&mut self, now: Instant) {
        if self.stalled.is_none() {
            self.stalled = Some(now);
        }
    }

    /// The peer will send no more bytes: silence says nothing about it any more.
    pub(crate) const fn ended(&mut self) {
        self.next_ping = None;
        self.partial = None;
    }

    /// A ping arrived. Whether to answer it with its own id.
    pub(crate) const fn pinged(&mut self, own_id_zero: bool, matched: bool, now: Instant) -> bool {
        if !matched {
            return true;
        }
        let asked = self.asked.take().is_some();
        if !own_id_zero {
            self.astray = self.astray.saturating_add(asked as u32);
            return true;
        }
        if !asked && self.astray > 0 {
            self.astray -= 1;
            self.asked = Some(now);
        }
        !asked
    }

    /// The acknowledgement of our ping arrived; the round trip, if we asked.
    pub(crate) fn acknowledged(&mut self, now: Instant) -> Option<Duration> {
        self.asked.take().map(|asked| now.saturating_duration_since(asked))
    }

    /// Since when we wait for an acknowledgement.
    pub(crate) const fn asked(&self) -> Option<Instant> {
        self.asked
    }

    pub(crate) fn tick(&mut self, now: Instant, output_waits: usize) -> Due {
        if let Some(reason) = self.overdue(now, output_waits) {
            return Due::Close(reason);
        }
        let (Some(interval), Some(at)) = (self.interval, self.next_ping) else { return Due::Nothing };
        if at > now {
            return Due::Nothing;
        }
        self.next_ping = Some(now + interval);
        let Some(asked) = self.asked else {
            self.asked = Some(now);
            return Due::Ping;
        };
        let silent = now.saturating_duration_since(asked.max(self.heard));
        if silent > interval * 2 {
            Due::Close(CloseReason::PingTimeout { silent, interval })
        } else {
            Due::Nothing
        }
    }

    fn overdue(&self, now: Instant, waiting: usize) -> Option<CloseReason> {
        if self.stalled.is_some_and(|since| now.saturating_duration_since(since) >= self.stall_limit) {
            return Some(CloseReason::WriteStalled { limit: self.stall_limit, waiting });
        }
        if self.slow_at().is_some_and(|at| now >= at)
            && let Some((since, have)) = self.partial
        {
            let elapsed = now.saturating_duration_since(since);
            return Some(CloseReason::TooSlow { have, elapsed, grace: self.grace });
        }
        let limit = self.idle_limit?;
        let idle = now.saturating_duration_since(self.heard.max(self.wrote)) >= limit;
        idle.then_some(CloseReason::Idle { limit })
    }

    /// When the message that is arriving will have been too slow: the grace, then 1 KiB/s.
    fn slow_at(&self) -> Option<Instant> {
        let (since, have) = self.partial?;
        Some(since + self.grace + Duration::from_micros((have as u64).saturating_mul(1_000_000) / 1024))
    }

    /// The next instant at which something may be due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let idle = self.idle_limit.map(|limit| self.heard.max(self.wrote) + limit);
        let stall = self.stalled.map(|since| since + self.stall_limit);
        [self.next_ping, idle, stall, self.slow_at()].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_wire::iproto;

    const MS: Duration = Duration::from_millis(1);

    fn keepalive(change: impl FnOnce(&mut Config)) -> (Keepalive, Instant) {
        #[expect(clippy::disallowed_methods, reason = "a test needs some instant to count from")]
        let now = Instant::now();
        let mut config = Config { ping_interval: Some(100 * MS), ..Config::for_dialect(&iproto::PROFILE) };
        change(&mut config);
        (Keepalive::new(&config, now), now)
    }

    #[test]
    fn one_ping_and_then_dead_between_two_and_three_intervals() {
        let (mut alive, now) = keepalive(|_| ());
        assert_eq!(alive.tick(now + 100 * MS, 0), Due::Ping);
        assert_eq!(alive.tick(now + 200 * MS, 0), Due::Nothing);
        assert_eq!(alive.tick(now + 300 * MS, 0), Due::Nothing);
        assert!(matches!(alive.tick(now + 401 * MS, 0), Due::Close(CloseReason::PingTimeout { .. })));
    }

    #[test]
    fn any_byte_is_a_sign_of_life_but_not_an_acknowledgement() {
        let (mut alive, now) = keepalive(|_| ());
        assert_eq!(alive.tick(now + 100 * MS, 0), Due::Ping);
        for n in 2..10 {
            alive.heard(now + 100 * n * MS - 10 * MS);
            assert_eq!(alive.tick(now + 100 * n * MS, 0), Due::Nothing, "neither dead nor asked again");
        }
        assert!(!alive.pinged(true, true, now), "the late acknowledgement is not answered");
        assert!(alive.pinged(true, true, now), "the next one is a question");
    }

    #[test]
    fn an_acknowledgement_that_went_astray_is_answered_once() {
        let (mut alive, now) = keepalive(|_| ());
        assert_eq!(alive.tick(now + 100 * MS, 0), Due::Ping);
        assert!(alive.pinged(false, true, now), "a numbered ping is answered, and ends the asking");
        assert!(alive.pinged(true, true, now), "our acknowledgement looks like a question");
        assert!(!alive.pinged(true, true, now), "what comes back for our answer ends there");
        assert!(alive.pinged(true, true, now), "and the next one is a question again");
    }

    #[test]
    fn a_dripping_peer_is_too_slow_and_a_slow_one_is_not() {
        let (mut alive, now) = keepalive(|config| config.ping_interval = None);
        alive.partial(1, true, now);
        assert_eq!(alive.tick(now + Duration::from_secs(10), 0), Due::Nothing, "one byte buys a millisecond");
        assert!(matches!(
            alive.tick(now + Duration::from_secs(11), 0),
            Due::Close(CloseReason::TooSlow { .. })
        ));
        alive.partial(20 << 10, false, now + Duration::from_secs(11));
        assert_eq!(alive.tick(now + Duration::from_secs(29), 0), Due::Nothing, "2 KiB/s is honest");
        alive.partial(0, false, now);
        assert_eq!(alive.deadline(), None);
    }

    #[test]
    fn a_stalled_transport_is_closed_and_progress_resets_it() {
        let (mut alive, now) = keepalive(|config| config.ping_interval = None);
        alive.blocked(now);
        alive.wrote(true, now + Duration::from_secs(4));
        assert_eq!(alive.tick(now + Duration::from_secs(8), 9), Due::Nothing);
        assert!(matches!(
            alive.tick(now + Duration::from_secs(9), 9),
            Due::Close(CloseReason::WriteStalled { waiting: 9, .. })
        ));
    }

    #[test]
    fn sending_is_not_idleness() {
        let (mut alive, now) = keepalive(|config| {
            config.ping_interval = None;
            config.idle_timeout = Some(100 * MS);
        });
        alive.wrote(false, now + 90 * MS);
        assert_eq!(alive.tick(now + 150 * MS, 0), Due::Nothing);
        assert!(matches!(alive.tick(now + 190 * MS, 0), Due::Close(CloseReason::Idle { .. })));
    }
}
