//! The metrics of the feature `metrics`: their names, their labels, and that they add up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use tokio::time::{sleep, timeout};
use trunkline::bytes::Bytes;
use trunkline::{Client, Request, Router, Server};

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
struct Cell(Mutex<Vec<f64>>);

impl Cell {
    fn sum(&self) -> f64 {
        self.0.lock().expect("no panic").iter().sum()
    }

    fn add(&self, value: f64) {
        self.0.lock().expect("no panic").push(value);
    }
}

impl CounterFn for Cell {
    fn increment(&self, value: u64) {
        self.add(value as f64);
    }

    fn absolute(&self, _: u64) {
        panic!("differences only");
    }
}

impl GaugeFn for Cell {
    fn increment(&self, value: f64) {
        self.add(value);
    }

    fn decrement(&self, value: f64) {
        self.add(-value);
    }

    fn set(&self, _: f64) {
        panic!("a gauge is the sum over connections");
    }
}

impl HistogramFn for Cell {
    fn record(&self, value: f64) {
        self.add(value);
    }
}

#[derive(Clone, Debug, Default)]
struct Table(Arc<Mutex<HashMap<String, Arc<Cell>>>>);

impl Table {
    fn cell(&self, key: &Key) -> Arc<Cell> {
        let mut labels: Vec<_> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        labels.sort();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        self.0.lock().expect("no panic").entry(name).or_default().clone()
    }

    fn get(&self, name: &str) -> f64 {
        self.0.lock().expect("no panic").get(name).map_or(0.0, |cell| cell.sum())
    }

    async fn becomes(&self, name: &str, value: f64) {
        let holds = async {
            while (self.get(name) - value).abs() > f64::EPSILON {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, holds)
            .await
            .unwrap_or_else(|_| panic!("{name} is {} of {value}: {self:#?}", self.get(name)));
    }
}

impl Recorder for Table {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.cell(key))
    }
}

#[tokio::test]
async fn metrics_add_up_over_the_life_of_a_connection() {
    let table = Table::default();
    let _recording = metrics::set_default_local_recorder(&table);
    let router = Router::new()
        .route(1, async |request: Request| -> Bytes { request.body })
        .route(2, |_: Request| std::future::pending::<()>());
    let ping = Duration::from_millis(100);
    let server = Server::builder()
        .router(router)
        .listen("iproto://127.0.0.1:0")
        .configure(move |config| config.ping_interval = Some(ping))
        .drain_timeout(Duration::from_millis(50))
        .start()
        .await
        .expect("starts");
    let client = Client::connect(&server.addresses()[0]).await.expect("connects");
    let peer = client.peer().expect("is up");
    for _ in 0..10 {
        client.call::<Bytes>(1, "x").await.expect("answers");
    }
    let waiting = peer.call::<()>(2, ()).start();
    peer.call::<()>(9, ()).timeout(Duration::from_millis(20)).await.expect_err("silence");
    drop(peer.call::<()>(2, ()).start());
    // Both ends live in this process: each open connection is counted at both.
    table.becomes("trunkline_connections{dialect=iproto,state=open}", 2.0).await;
    table.becomes("trunkline_calls_total{dialect=iproto,outcome=reply,side=client}", 10.0).await;
    table.becomes("trunkline_calls_total{dialect=iproto,outcome=reply,side=server}", 10.0).await;
    table.becomes("trunkline_calls_total{dialect=iproto,outcome=timeout,side=client}", 1.0).await;
    table.becomes("trunkline_calls_total{dialect=iproto,outcome=cancelled,side=client}", 1.0).await;
    table.becomes("trunkline_calls_total{dialect=iproto,outcome=fault,side=server}", 1.0).await;
    table.becomes("trunkline_inflight{dialect=iproto,side=client}", 1.0).await;
    table.becomes("trunkline_inflight{dialect=iproto,side=server}", 2.0).await;
    let rtt = async {
        while table.get("trunkline_ping_rtt_seconds{dialect=iproto}") <= 0.0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, rtt).await.expect("a ping was answered");
    assert_eq!(table.get("trunkline_queue_bytes{dialect=iproto}"), 0.0);

    let report = server.drain().await;
    assert_eq!(report.cut, 1, "{report}");
    waiting.await.expect_err("lost");
    peer.closed().await;
    assert_eq!(table.get("trunkline_calls_total{dialect=iproto,outcome=lost,side=client}"), 1.0);
    for gauge in [
        "trunkline_connections{dialect=iproto,state=open}",
        "trunkline_connections{dialect=iproto,state=draining}",
        "trunkline_inflight{dialect=iproto,side=client}",
        "trunkline_inflight{dialect=iproto,side=server}",
        "trunkline_queue_bytes{dialect=iproto}",
    ] {
        assert_eq!(table.get(gauge), 0.0, "{gauge} is back to nothing: {table:#?}");
    }
}
