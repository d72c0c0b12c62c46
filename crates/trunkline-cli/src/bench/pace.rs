//! The schedule of an open loop: when each call is meant to be sent, whatever became of those before it.
//!
//! The timers of a runtime tick in milliseconds, which is longer than a call takes. So a thread sleeps instead, and
//! hands out a ticket for every call that is due.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

/// How long the thread sleeps at most, to notice that nobody wants tickets any more.
const NAP: Duration = Duration::from_millis(50);

/// Tickets for calls, each with its time. Cheap to clone.
#[derive(Clone)]
pub(super) struct Schedule(Arc<Inner>);

struct Inner {
    start: Instant,
    /// Calls a second.
    rate: f64,
    due: Semaphore,
    taken: AtomicU64,
    given: AtomicU64,
    stop: AtomicBool,
}

impl Schedule {
    /// Begins to hand out `rate` tickets a second, until `end` or [`stop`](Self::stop).
    pub(super) fn start(start: Instant, rate: f64, end: Option<Instant>) -> Self {
        let schedule = Self(Arc::new(Inner {
            start,
            rate,
            due: Semaphore::new(0),
            taken: AtomicU64::new(0),
            given: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        }));
        let pacer = schedule.clone();
        thread::spawn(move || pacer.pace(end));
        schedule
    }

    fn pace(&self, end: Option<Instant>) {
        let mut given = 0;
        while !self.0.stop.load(Ordering::Relaxed) {
            let now = Instant::now();
            if end.is_some_and(|end| now >= end) {
                break;
            }
            // The call with the number n is due n intervals after the start.
            let due = (now.duration_since(self.0.start).as_secs_f64() * self.0.rate) as u64 + 1;
            if due > given {
                self.0.due.add_permits((due - given) as usize);
                given = due;
                self.0.given.store(given, Ordering::Relaxed);
            }
            thread::sleep(self.meant(given).saturating_duration_since(now).min(NAP));
        }
        self.0.due.close();
    }

    /// When the call with this number is meant to be sent.
    fn meant(&self, number: u64) -> Instant {
        self.0.start + Duration::from_secs_f64(number as f64 / self.0.rate)
    }

    /// Waits until the next call is due; when it was meant to be sent. `None`: there is none any more.
    pub(super) async fn next(&self) -> Option<Instant> {
        self.0.due.acquire().await.ok()?.forget();
        Some(self.meant(self.0.taken.fetch_add(1, Ordering::Relaxed)))
    }

    /// Ends it; how many calls were due and never sent.
    pub(super) fn stop(&self) -> u64 {
        self.0.stop.store(true, Ordering::Relaxed);
        self.0.given.load(Ordering::Relaxed).saturating_sub(self.0.taken.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn calls_are_meant_for_even_times() {
        let start = Instant::now();
        let schedule = Schedule::start(start, 10_000.0, None);
        for n in 0..100 {
            let meant = schedule.next().await.expect("no end");
            assert_eq!(meant, start + Duration::from_secs_f64(f64::from(n) / 10_000.0));
            assert!(Instant::now() >= meant, "a ticket came before its time");
        }
        schedule.stop();
    }

    #[tokio::test]
    async fn an_end_ends_it() {
        let start = Instant::now();
        let schedule = Schedule::start(start, 1_000.0, Some(start + Duration::from_millis(30)));
        let mut tickets = 0;
        while schedule.next().await.is_some() {
            tickets += 1;
        }
        assert!((1..=30).contains(&tickets), "{tickets} tickets in 30 ms");
    }
}
