//! What happened, for the repro line of a failing seed and for the proof that a seed always gives the same run.
//!
//! In: events. Out: the last 200 of them in words, and a hash over all.

use std::collections::VecDeque;
use std::fmt::Write as _;

/// How many events a failing seed prints.
const KEPT: usize = 200;

#[derive(Clone, Copy, Debug)]
struct Event {
    at: u64,
    side: usize,
    what: &'static str,
    a: u64,
    b: u64,
}

#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    events: u64,
    last: VecDeque<Event>,
}

impl Trace {
    pub(crate) fn new() -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, events: 0, last: VecDeque::with_capacity(KEPT) }
    }

    /// Something happened at `at` microseconds, on a side, with two numbers that tell it from others.
    pub(crate) fn note(&mut self, at: u64, side: usize, what: &'static str, a: u64, b: u64) {
        self.events += 1;
        self.mix(what.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(byte.into())));
        for number in [at, side as u64, a, b] {
            self.mix(number);
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(Event { at, side, what, a, b });
    }

    const fn mix(&mut self, number: u64) {
        self.hash = (self.hash ^ number).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
    }

    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) const fn events(&self) -> u64 {
        self.events
    }

    pub(crate) fn last(&self) -> String {
        let mut text = String::new();
        for Event { at, side, what, a, b } in &self.last {
            let _ = writeln!(text, "{:>12.3} ms  {}  {what} {a} {b}", *at as f64 / 1000.0, ["A", "B"][*side]);
        }
        text
    }
}
