//! Requests that arrived and were not started yet.
//!
//! In: `push` for every request that arrives, `waits` and `ends` for the handlers that did not finish at once. Out:
//! `start`, in arrival order, while there is room to run. Owned by the driver and used outside the lock. Bounds: how
//! many handlers wait ([`Config::max_running`]), how many requests wait and how many bytes they hold.

use std::collections::VecDeque;

use crate::config::Config;
use crate::connection::Incoming;

/// What each waiting request is counted as beside its body.
const OVERHEAD: usize = 64;

/// What to do with a request that does not fit.
#[derive(Debug)]
pub enum Overload {
    /// Tell the peer that it was not started.
    Refuse(Incoming),
    /// The dialect has no words for that: close the peer that causes it.
    Close {
        /// What there is too much of.
        what: &'static str,
        /// How much.
        value: usize,
        /// The limit.
        limit: usize,
        /// The setting.
        setting: &'static str,
    },
}

/// Requests in arrival order, and how many handlers are under way.
#[derive(Debug)]
pub struct Inbox {
    waiting: VecDeque<Incoming>,
    bytes: usize,
    held: usize,
    running: usize,
    max_running: usize,
    max_waiting: usize,
    max_bytes: usize,
    can_refuse: bool,
}

impl Inbox {
    /// An empty inbox. `can_refuse`: the dialect can tell the peer that a request was not started.
    #[must_use]
    pub const fn new(config: &Config, can_refuse: bool) -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
            held: 0,
            running: 0,
            max_running: config.max_running,
            max_waiting: config.max_waiting,
            max_bytes: config.max_waiting_bytes,
            can_refuse,
        }
    }

    /// Takes a request in.
    ///
    /// # Errors
    /// [`Overload`] when too many wait already: refuse it, or close the peer where the dialect cannot refuse.
    pub fn push(&mut self, request: Incoming) -> Result<(), Overload> {
        let request = self.charge(request)?;
        self.waiting.push_back(request);
        Ok(())
    }

    /// Counts a request that waits elsewhere, behind another of its serial route, as if it waited here.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn hold(&mut self, request: Incoming) -> Result<Incoming, Overload> {
        let request = self.charge(request)?;
        self.held = self.held.saturating_add(1);
        Ok(request)
    }

    fn charge(&mut self, request: Incoming) -> Result<Incoming, Overload> {
        let bytes = self.bytes.saturating_add(request.body.len()).saturating_add(OVERHEAD);
        // A single large request is bounded by the message limit already.
        let too_much = self.bytes > 0 && bytes > self.max_bytes;
        if self.can_refuse && request.id.is_some() {
            if too_much || self.waiting.len().saturating_add(self.held) >= self.max_waiting {
                return Err(Overload::Refuse(request));
            }
        } else if too_much {
            return Err(Overload::Close {
                what: "bytes of requests that wait to be started",
                value: bytes,
                limit: self.max_bytes,
                setting: "max_waiting_bytes",
            });
        }
        self.bytes = bytes;
        Ok(request)
    }

    /// A request that was held goes elsewhere.
    pub fn unhold(&mut self, request: &Incoming) {
        self.held = self.held.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(request.body.len()).saturating_sub(OVERHEAD);
    }

    /// Puts requests back that were held, before everything that waits; their bytes were bounded when they came.
    pub fn push_front(&mut self, held: VecDeque<Incoming>) {
        for request in held.into_iter().rev() {
            self.bytes = self.bytes.saturating_add(request.body.len()).saturating_add(OVERHEAD);
            self.waiting.push_front(request);
        }
    }

    /// The next request to start, in arrival order, if another handler may run.
    #[inline]
    pub fn start(&mut self) -> Option<Incoming> {
        if self.running >= self.max_running {
            return None;
        }
        let request = self.waiting.pop_front()?;
        self.bytes = self.bytes.saturating_sub(request.body.len()).saturating_sub(OVERHEAD);
        Some(request)
    }

    /// Whether a request that arrives now may be started at once, without being queued.
    #[inline]
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.waiting.is_empty() && self.running < self.max_running
    }

    /// A handler that was started did not finish at once.
    pub const fn waits(&mut self) {
        self.running = self.running.saturating_add(1);
    }

    /// A handler that waited has finished.
    pub const fn ends(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// Requests that wait to be started.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Handlers under way.
    #[must_use]
    pub const fn running(&self) -> usize {
        self.running
    }

    /// Forgets what was not started; returns it, so that it can be dropped where the caller likes.
    pub fn clear(&mut self) -> VecDeque<Incoming> {
        self.bytes = 0;
        std::mem::take(&mut self.waiting)
    }

    /// Gives the memory back; for a connection that falls idle.
    pub fn release(&mut self) {
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use trunkline_wire::{Id, Route, iproto};

    fn request(n: u64, len: usize) -> Incoming {
        Incoming { id: Some(Id(n)), route: Route::NONE, body: Bytes::from(vec![0; len]), extra: None }
    }

    fn config() -> Config {
        Config {
            max_running: 2,
            max_waiting: 3,
            max_waiting_bytes: 1000,
            ..Config::for_dialect(&iproto::PROFILE)
        }
    }

    #[test]
    fn starts_in_arrival_order_and_stops_at_the_limit() {
        let mut inbox = Inbox::new(&config(), false);
        for n in 1..=4 {
            inbox.push(request(n, 1)).expect("fits");
        }
        let mut started = Vec::new();
        while let Some(next) = inbox.start() {
            started.push(next.id);
            inbox.waits();
        }
        assert_eq!(started, [Some(Id(1)), Some(Id(2))]);
        inbox.ends();
        assert_eq!(inbox.start().and_then(|next| next.id), Some(Id(3)));
    }

    #[test]
    fn refuses_where_it_can_and_closes_where_it_cannot() {
        let mut inbox = Inbox::new(&config(), true);
        for n in 1..=3 {
            inbox.push(request(n, 1)).expect("fits");
        }
        assert!(matches!(inbox.push(request(4, 1)), Err(Overload::Refuse(_))));

        let mut inbox = Inbox::new(&config(), false);
        inbox.push(request(1, 900)).expect("fits");
        let Err(Overload::Close { value, limit, setting, .. }) = inbox.push(request(2, 900)) else {
            panic!("must close")
        };
        assert_eq!((value, limit, setting), (900 + 900 + 128, 1000, "max_waiting_bytes"));
    }

    #[test]
    fn a_single_large_request_is_let_in() {
        let mut inbox = Inbox::new(&config(), false);
        inbox.push(request(1, 5000)).expect("the message limit bounds it");
        assert_eq!(inbox.start().map(|next| next.body.len()), Some(5000));
    }
}
