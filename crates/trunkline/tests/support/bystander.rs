//! An honest client beside an attack: 100 echo calls a second over a connection of its own, none of which may fail.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use trunkline::Client;
use trunkline::bytes::Bytes;

/// The bystander's 99th percentile, beyond how late the machine itself is.
const P99: Duration = Duration::from_millis(50);

/// The fewest calls that make a verdict.
const LEAST: usize = 20;

pub(crate) struct Bystander {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Record>,
}

#[derive(Default)]
struct Record {
    latencies: Vec<Duration>,
    /// How late the ticks were: the machine's own delay, without any of our code.
    lateness: Vec<Duration>,
    failures: Vec<String>,
}

impl Bystander {
    pub(crate) async fn start(url: &str) -> Self {
        let client = Client::connect(url).await.expect("the bystander connects");
        let (stop, mut stopping) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut record = Record::default();
            let mut ticks = interval(Duration::from_millis(10));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut stopped = false;
            while !stopped || record.latencies.len() < LEAST {
                stopped |= stopping.try_recv().is_ok();
                record.lateness.push(ticks.tick().await.elapsed());
                let began = Instant::now();
                match client.call::<Bytes>(1, "bystander").await {
                    Ok(body) if body == "bystander" => record.latencies.push(began.elapsed()),
                    Ok(body) => record.failures.push(format!("answered {body:?}")),
                    Err(error) => record.failures.push(error.to_string()),
                }
                if record.failures.len() > LEAST {
                    break;
                }
            }
            record
        });
        Self { stop, task }
    }

    /// Ends it and judges: no call failed, and its 99th percentile stayed low.
    pub(crate) async fn verdict(self, attack: &str) {
        let _ = self.stop.send(());
        let record = timeout(Duration::from_secs(30), self.task).await;
        let Record { latencies, lateness, failures } = record.expect("in time").expect("no panic");
        assert_eq!(failures, Vec::<String>::new(), "the bystander saw failures during: {attack}");
        let (calls, p99, late) = (latencies.len(), percentile(latencies), percentile(lateness));
        println!("bystander: {attack}: {calls} calls, 0 failed, p99 {p99:.1?} (machine late by {late:.1?})");
        assert!(
            p99 <= P99 + late,
            "the bystander's p99 is {p99:?} during: {attack}; ticks were late by {late:?}"
        );
    }
}

fn percentile(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[(times.len() * 99 / 100).min(times.len() - 1)]
}
