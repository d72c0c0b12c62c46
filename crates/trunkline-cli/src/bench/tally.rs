//! What was counted. Each thread counts for itself; its lock is taken by nobody else until somebody looks.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

/// The longest latency that is told apart: ten minutes, in nanoseconds.
const LONGEST: u64 = 600_000_000_000;

/// Latencies are kept with three digits.
const DIGITS: u8 = 3;

/// Calls that ended, by how.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// Nanoseconds of answered calls.
    pub(super) latency: Histogram<u64>,
    /// Calls that failed, by what they failed with.
    pub(super) errors: BTreeMap<String, u64>,
}

impl Tally {
    fn new() -> Self {
        #[expect(clippy::expect_used, reason = "both bounds are constants that the histogram takes")]
        let latency = Histogram::new_with_max(LONGEST, DIGITS).expect("constants");
        Self { latency, errors: BTreeMap::new() }
    }

    pub(super) fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    #[inline]
    fn record(&mut self, ended: Result<Duration, String>) {
        match ended {
            Ok(took) => self.latency.saturating_record(took.as_nanos() as u64),
            Err(kind) => *self.errors.entry(kind).or_default() += 1,
        }
    }

    fn add(&mut self, other: &Self) {
        // Both have the same bounds.
        let _ = self.latency.add(&other.latency);
        for (kind, count) in &other.errors {
            *self.errors.entry(kind.clone()).or_default() += count;
        }
    }
}

type Shared = Arc<Mutex<Tally>>;

/// The tallies of all threads.
#[derive(Debug, Default)]
pub(super) struct Board {
    tallies: Mutex<Vec<Shared>>,
    never_sent: AtomicU64,
}

thread_local! {
    static MINE: OnceCell<Shared> = const { OnceCell::new() };
}

/// Counts a call on the tally of this thread.
#[inline]
pub(super) fn record(board: &Board, ended: Result<Duration, String>) {
    MINE.with(|mine| {
        mine.get_or_init(|| board.enter()).lock().unwrap_or_else(PoisonError::into_inner).record(ended);
    });
}

impl Board {
    fn enter(&self) -> Shared {
        let tally = Shared::new(Mutex::new(Tally::new()));
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner).push(tally.clone());
        tally
    }

    /// Calls of a schedule that were due and never sent.
    pub(super) fn never_sent(&self, calls: u64) {
        self.never_sent.fetch_add(calls, Ordering::Relaxed);
    }

    pub(super) fn unsent(&self) -> u64 {
        self.never_sent.load(Ordering::Relaxed)
    }

    /// Everything so far.
    pub(super) fn total(&self) -> Tally {
        let mut total = Tally::new();
        for tally in &*self.tallies.lock().unwrap_or_else(PoisonError::into_inner) {
            total.add(&tally.lock().unwrap_or_else(PoisonError::into_inner));
        }
        total
    }

    /// Answered and failed so far.
    pub(super) fn counts(&self) -> (u64, u64) {
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.iter().fold((0, 0), |(answered, failed), tally| {
            let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            (answered + tally.latency.len(), failed + tally.failed())
        })
    }
}
