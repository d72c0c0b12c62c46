//! The rate limit of a client: one token for each call, however often it is repeated.
//!
//! In: a call that wants to begin. Out: go, wait, or no. `governor` counts the tokens (GCRA); the clock is the
//! runtime's, so that paused time pauses the limit.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::error::{Error, ErrorKind};
use crate::link::now;

/// What happens to a call over the rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// It fails at once with [`ErrorKind::RateLimited`] ("policing"; go-iproto's default).
    Fail,
    /// It waits for its turn, in arrival order ("shaping"; go-iproto's `RateWait`). It fails at once with
    /// [`ErrorKind::RateLimited`] when its turn would come after its deadline.
    Wait,
}

#[derive(Clone, Copy, Debug)]
struct RuntimeClock;

impl Clock for RuntimeClock {
    type Instant = Instant;

    fn now(&self) -> Instant {
        now()
    }
}

type Bucket = RateLimiter<NotKeyed, InMemoryState, RuntimeClock, NoOpMiddleware<Instant>>;

#[derive(Debug)]
pub(super) struct Limit {
    bucket: Bucket,
    over: Over,
    interval: Duration,
    /// Calls that wait for a token take turns: only the first looks at the clock.
    turn: tokio::sync::Mutex<()>,
    waiting: AtomicU32,
}

impl Limit {
    /// `per_second` tokens, at most `burst` saved. `None`: a burst of 0 switches the limit off.
    ///
    /// # Errors
    /// When no token ever comes: a rate of 0 with a burst.
    pub(super) fn new(per_second: u32, burst: u32, over: Over) -> Result<Option<Self>, Error> {
        let Some(burst) = NonZeroU32::new(burst) else { return Ok(None) };
        let Some(rate) = NonZeroU32::new(per_second) else {
            let what =
                format!("a rate limit of 0 calls per second with a burst of {burst} would refuse every call");
            return Err(Error::not_sent(ErrorKind::Config(what)));
        };
        let quota = Quota::per_second(rate).allow_burst(burst);
        Ok(Some(Self {
            bucket: RateLimiter::direct_with_clock(quota, RuntimeClock),
            over,
            interval: quota.replenish_interval(),
            turn: tokio::sync::Mutex::default(),
            waiting: AtomicU32::new(0),
        }))
    }

    /// Takes a token if there is one now. `Ok(false)`: the call may wait for one.
    ///
    /// # Errors
    /// [`ErrorKind::RateLimited`] when calls do not wait.
    pub(super) fn take(&self) -> Result<bool, Error> {
        if self.waiting.load(Ordering::Relaxed) == 0 && self.bucket.check().is_ok() {
            return Ok(true);
        }
        match self.over {
            Over::Wait => Ok(false),
            Over::Fail => Err(Error::not_sent(ErrorKind::RateLimited)),
        }
    }

    /// Waits for a token, in arrival order.
    ///
    /// Cancel safe: a call that gives up takes no token.
    ///
    /// # Errors
    /// [`ErrorKind::RateLimited`] at once when calls do not wait, or when the token would come after the deadline.
    pub(super) async fn wait(&self, deadline: Instant) -> Result<(), Error> {
        if self.take()? {
            return Ok(());
        }
        let ahead = Waiting::new(&self.waiting);
        if now() + self.interval.saturating_mul(ahead.before) > deadline {
            return Err(Error::not_sent(ErrorKind::RateLimited));
        }
        let _turn = self.turn.lock().await;
        loop {
            let Err(later) = self.bucket.check() else { return Ok(()) };
            let at = now() + later.wait_time_from(now());
            if at > deadline {
                return Err(Error::not_sent(ErrorKind::RateLimited));
            }
            tokio::time::sleep_until(at.into()).await;
        }
    }
}

/// One of those who wait.
struct Waiting<'a> {
    count: &'a AtomicU32,
    before: u32,
}

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicU32) -> Self {
        Self { before: count.fetch_add(1, Ordering::Relaxed), count }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_0_is_off_and_a_rate_of_0_with_a_burst_is_a_mistake() {
        assert!(Limit::new(0, 0, Over::Fail).expect("off").is_none());
        assert!(Limit::new(5, 0, Over::Wait).expect("off").is_none());
        let error = Limit::new(0, 5, Over::Fail).expect_err("refuses everything");
        assert!(error.to_string().contains("0 calls per second with a burst of 5"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn policing_refuses_and_tokens_come_back() {
        let limit = Limit::new(10, 3, Over::Fail).expect("sound").expect("on");
        for _ in 0..3 {
            assert!(limit.take().expect("a token"));
        }
        assert!(matches!(limit.take().expect_err("empty").kind(), ErrorKind::RateLimited));
        tokio::time::advance(Duration::from_millis(101)).await;
        assert!(limit.take().expect("a token"));
        assert!(limit.take().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn shaping_serves_in_order_and_says_no_early_when_it_is_hopeless() {
        let limit = Limit::new(10, 1, Over::Wait).expect("sound").expect("on");
        let began = now();
        let far = began + Duration::from_secs(60);
        let order = std::sync::Mutex::new(Vec::new());
        futures_util::future::join_all((0..5).map(|n| {
            let (limit, order) = (&limit, &order);
            async move {
                limit.wait(far).await.expect("in time");
                order.lock().expect("no panic").push(n);
            }
        }))
        .await;
        assert_eq!(*order.lock().expect("no panic"), [0, 1, 2, 3, 4]);
        let took = now() - began;
        assert!(took >= Duration::from_millis(400) && took < Duration::from_millis(420), "{took:?}");
        let before = now();
        let error = limit.wait(before + Duration::from_millis(50)).await.expect_err("too late");
        assert!(matches!(error.kind(), ErrorKind::RateLimited));
        assert_eq!(now(), before, "it did not wait for nothing");
    }
}
