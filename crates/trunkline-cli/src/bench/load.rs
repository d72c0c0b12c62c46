//! One shard of the load: its connections, and a task per call in flight.
//!
//! A task costs one reading of the clock per call: the end of a call is the beginning of the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use trunkline::bytes::Bytes;
use trunkline::{Client, Error, Pending, Route};

use super::pace::Schedule;
use super::tally::{Board, record};
use crate::args::Connect;
use crate::exit::{Failure, Result};

/// How long a task pauses after an error, so that a dead server does not make it spin.
const AFTER_ERROR: Duration = Duration::from_millis(1);

/// The load as a whole.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) url: String,
    pub(super) route: Route,
    pub(super) body: Bytes,
    /// Calls in flight on each connection.
    pub(super) in_flight: usize,
    pub(super) connections: usize,
    /// Of those in flight, how many each task starts together.
    pub(super) pipeline: usize,
    /// Calls a second over all connections; `None`: as fast as answers come.
    pub(super) rate: Option<u64>,
    pub(super) warmup: Duration,
    pub(super) duration: Duration,
    /// Calls over all connections, instead of `duration`.
    pub(super) count: Option<u64>,
    pub(super) timeout: Option<Duration>,
    pub(super) connect: Connect,
    pub(super) board: Board,
}

/// A part of the load, on a runtime of its own.
pub(super) struct Shard {
    plan: Arc<Plan>,
    index: usize,
    of: usize,
    go: watch::Receiver<Option<Instant>>,
    say: mpsc::UnboundedSender<Result<()>>,
}

impl Shard {
    pub(super) const fn new(
        plan: Arc<Plan>,
        index: usize,
        of: usize,
        go: watch::Receiver<Option<Instant>>,
        say: mpsc::UnboundedSender<Result<()>>,
    ) -> Self {
        Self { plan, index, of, go, say }
    }

    /// Connects, waits for all others, loads.
    pub(super) async fn run(mut self) {
        let clients = match self.connect().await {
            Ok(clients) => clients,
            Err(failure) => return drop(self.say.send(Err(failure))),
        };
        let _ = self.say.send(Ok(()));
        let Ok(from) = self.go.wait_for(Option::is_some).await.map(|from| *from) else { return };
        let Some(from) = from else { return };
        self.load(clients, from).await;
        let _ = self.say.send(Ok(()));
    }

    /// Our share of a whole number: connections, calls, rate.
    fn share(&self, whole: u64) -> u64 {
        let (index, of) = (self.index as u64, self.of as u64);
        whole / of + u64::from(index < whole % of)
    }

    async fn connect(&self) -> Result<Vec<Client>> {
        let mut clients = Vec::new();
        for _ in 0..self.share(self.plan.connections as u64) {
            clients.push(self.plan.connect.client(&self.plan.url).await.map_err(Failure::from)?);
        }
        Ok(clients)
    }

    async fn load(&self, clients: Vec<Client>, from: Instant) {
        let plan = &self.plan;
        let end = plan.count.is_none().then(|| from + plan.duration);
        let schedule = plan.rate.map(|rate| {
            let share = rate as f64 * clients.len() as f64 / plan.connections as f64;
            Schedule::start(Instant::now(), share, end)
        });
        let left = plan.count.map(|count| Arc::new(AtomicU64::new(self.share(count))));
        let mut tasks = JoinSet::new();
        for client in &clients {
            let mut in_flight = plan.in_flight;
            while in_flight > 0 {
                let together = in_flight.min(plan.pipeline);
                in_flight -= together;
                let caller = Caller {
                    plan: plan.clone(),
                    client: client.clone(),
                    together,
                    from,
                    end,
                    left: left.clone(),
                    schedule: schedule.clone(),
                };
                tasks.spawn(caller.run());
            }
        }
        while tasks.join_next().await.is_some() {}
        if let Some(schedule) = schedule {
            plan.board.never_sent(schedule.stop());
        }
        for client in clients {
            client.drain().await;
        }
    }
}

/// One task: it has one call in flight, or `together` of them.
struct Caller {
    plan: Arc<Plan>,
    client: Client,
    together: usize,
    /// What begins earlier is warm-up and is not counted.
    from: Instant,
    end: Option<Instant>,
    left: Option<Arc<AtomicU64>>,
    schedule: Option<Schedule>,
}

impl Caller {
    async fn run(self) {
        let mut now = Instant::now();
        loop {
            let calls = self.may_begin(now);
            if calls == 0 {
                return;
            }
            let began = match &self.schedule {
                None => now,
                Some(schedule) => match schedule.next().await {
                    Some(meant) => meant,
                    None => return,
                },
            };
            now = match calls {
                1 => self.one(began).await,
                _ => self.several(calls, began).await,
            };
        }
    }

    /// How many calls may begin now: as many as this task has in flight, or what is left of them; 0 at the end.
    fn may_begin(&self, now: Instant) -> usize {
        if self.end.is_some_and(|end| now >= end) {
            return 0;
        }
        let Some(left) = self.left.as_ref().filter(|_| now >= self.from) else { return self.together };
        let take = self.together as u64;
        let before =
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(take)));
        before.unwrap_or_default().min(take) as usize
    }

    fn call(&self) -> trunkline::Call<Bytes> {
        let call = self.client.call(&self.plan.route, self.plan.body.clone());
        match self.plan.timeout {
            None => call,
            Some(timeout) => call.timeout(timeout),
        }
    }

    #[inline]
    async fn one(&self, began: Instant) -> Instant {
        let ended = self.call().await;
        self.note(began, ended).await
    }

    async fn several(&self, calls: usize, began: Instant) -> Instant {
        let calls: Vec<Pending> = (0..calls).map(|_| self.call().start()).collect();
        let mut now = began;
        for call in calls {
            let ended = call.await;
            now = self.note(began, ended).await;
        }
        now
    }

    /// Counts a call that has ended; the time.
    #[inline]
    async fn note(&self, began: Instant, ended: std::result::Result<Bytes, Error>) -> Instant {
        let now = Instant::now();
        let failed = ended.is_err();
        if began >= self.from {
            let took = now.saturating_duration_since(began);
            record(&self.plan.board, ended.map(|_| took).map_err(|error| kind(&error)));
        }
        if !failed {
            return now;
        }
        tokio::time::sleep(AFTER_ERROR).await;
        Instant::now()
    }
}

/// What an error is counted as.
fn kind(error: &Error) -> String {
    use trunkline::ErrorKind as Kind;
    match error.kind() {
        Kind::Fault(fault) => format!("fault {:?}", fault.code),
        Kind::Timeout => "timeout".into(),
        Kind::Closed(reason) => format!("closed ({})", reason.name()),
        Kind::Draining => "draining".into(),
        Kind::Full { .. } => "lane full".into(),
        Kind::TooManyPending { .. } => "too many pending".into(),
        Kind::Encode(_) => "not encoded".into(),
        Kind::NoPeer | Kind::Offline | Kind::Connect(_) => "no connection".into(),
        Kind::RateLimited => "rate limited".into(),
        other => other.to_string(),
    }
}
