//! How many repeats a client may make, so that repeats never become the load.
//!
//! In: how many calls were made so far, and each wish to repeat. Out: yes or no. Over any long time at most 20 % of the
//! calls plus 3 a second (the retry budgets of Finagle and Envoy: 20 %).

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Repeats earned by a call.
const PER_CALL: f64 = 0.2;

/// Repeats earned by a second.
const PER_SECOND: f64 = 3.0;

/// Repeats that can be saved up: what ten seconds at 500 calls a second earn.
const SAVED: f64 = 1_000.0;

#[derive(Debug)]
pub(super) struct Budget(Mutex<Account>);

#[derive(Debug)]
struct Account {
    saved: f64,
    calls: u64,
    at: Instant,
}

impl Budget {
    pub(super) const fn new(now: Instant) -> Self {
        Self(Mutex::new(Account { saved: PER_SECOND, calls: 0, at: now }))
    }

    /// Takes one repeat, if there is one. `calls`: how many calls the client has made so far.
    pub(super) fn take(&self, calls: u64, now: Instant) -> bool {
        let mut account = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = calls.saturating_sub(account.calls) as f64;
        let seconds = now.saturating_duration_since(account.at).as_secs_f64();
        account.saved = (account.saved + fresh * PER_CALL + seconds * PER_SECOND).min(SAVED);
        account.calls = calls.max(account.calls);
        account.at = now.max(account.at);
        let may = account.saved >= 1.0;
        if may {
            account.saved -= 1.0;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn twenty_percent_and_three_a_second() {
        let start = crate::link::now();
        let budget = Budget::new(start);
        assert_eq!((0..100).filter(|_| budget.take(0, start)).count(), 3);
        let later = start + Duration::from_secs(10);
        assert_eq!((0..100).filter(|_| budget.take(0, later)).count(), 30);
        assert_eq!((0..1_000).filter(|_| budget.take(500, later)).count(), 100);
        let saved = (0..10_000).filter(|_| budget.take(1_000_000, later)).count();
        assert_eq!(saved, 1_000, "savings are bounded");
    }
}
