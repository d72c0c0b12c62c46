//! Servers that die and return, and servers that are restarted with care, under load and over real sockets.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use trunkline::{Client, Error, Outcome, Request, Router, Text};

use crate::support::{eventually, is_online, listen};

/// How often each call was executed, by its nonce.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<HashMap<u64, u32>>>);

impl Ledger {
    fn router(&self) -> Router {
        let ledger = self.clone();
        Router::new().route(1, move |request: Request<Text>| {
            let ledger = ledger.clone();
            async move {
                let nonce: u64 = request.body.0.parse().expect("a nonce");
                *ledger.0.lock().expect("no panic").entry(nonce).or_default() += 1;
                if nonce.is_multiple_of(3) {
                    tokio::time::sleep(Duration::from_millis(nonce % 7)).await;
                }
                request.body
            }
        })
    }

    fn executed(&self, nonce: u64) -> u32 {
        self.0.lock().expect("no panic").get(&nonce).copied().unwrap_or(0)
    }
}

/// Callers that never stop, and what became of each of their calls.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    callers: Vec<JoinHandle<Vec<Ended>>>,
}

struct Ended {
    nonce: u64,
    idempotent: bool,
    result: Result<Text, Error>,
}

impl Load {
    fn start(
        client: &Client,
        callers: u64,
        idempotent: impl Fn(u64) -> bool + Copy + Send + 'static,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicU64::new(0));
        let callers = (0..callers).map(|caller| {
            let (client, stop, answered) = (client.clone(), stop.clone(), answered.clone());
            tokio::spawn(async move {
                let mut ended = Vec::new();
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let nonce = (caller << 32) + n;
                    let idempotent = idempotent(nonce);
                    let call = client.call::<Text>(1, Text(nonce.to_string()));
                    let result = if idempotent { call.idempotent().await } else { call.await };
                    match &result {
                        Ok(_) => _ = answered.fetch_add(1, Ordering::Relaxed),
                        // Losing everything at once is no reason to spin.
                        Err(_) => tokio::task::yield_now().await,
                    }
                    ended.push(Ended { nonce, idempotent, result });
                }
                ended
            })
        });
        Self { callers: callers.collect(), stop, answered }
    }

    /// So many more calls are answered.
    async fn goes_on(&self, calls: u64) {
        let before = self.answered.load(Ordering::Relaxed);
        let more = || self.answered.load(Ordering::Relaxed) >= before + calls;
        eventually("calls are answered", Duration::from_secs(10), more).await;
    }

    async fn stop(self) -> Vec<Ended> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for caller in self.callers {
            all.extend(caller.await.expect("every call of a caller ended"));
        }
        all
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_twenty_times_under_load() {
    let ledger = Ledger::default();
    let mut server = listen(ledger.router(), "iproto://127.0.0.1:0").await;
    let address = server.addresses()[0].to_string();
    let client = Client::builder().size(2).connect_all(&address).await.expect("connects");
    let load = Load::start(&client, 16, |nonce: u64| nonce.is_multiple_of(4));
    let mut slowest = Duration::ZERO;
    for round in 0..20u64 {
        load.goes_on(200).await;
        drop(server);
        // How long the server is away is the scenario, not a wait for something.
        tokio::time::sleep(Duration::from_millis(round * 37 % 300)).await;
        server = listen(ledger.router(), &address).await;
        slowest = slowest.max(is_online(&client, 2).await);
    }
    load.goes_on(200).await;
    let ended = load.stop().await;
    client.drain().await;

    let mut outcomes: HashMap<String, u64> = HashMap::new();
    for Ended { nonce, idempotent, result } in &ended {
        let executed = ledger.executed(*nonce);
        match result {
            Ok(Text(body)) => {
                assert_eq!(*body, nonce.to_string(), "the answer to another call");
                assert!(executed >= 1);
                *outcomes.entry("answered".into()).or_default() += 1;
            }
            Err(error) => {
                if error.outcome() != Outcome::Unknown {
                    assert_eq!(executed, 0, "{error:?}");
                }
                *outcomes.entry(format!("{}", error.outcome())).or_default() += 1;
            }
        }
        assert!(executed <= if *idempotent { 3 } else { 1 }, "{nonce} was executed {executed} times");
    }
    let unknown = |it: &&Ended| it.result.as_ref().is_err_and(|error| error.outcome() == Outcome::Unknown);
    let stats = client.stats();
    println!(
        "20 kills: {} calls, {outcomes:?}, {} repeats, {} dials; whole again after {slowest:?} at most",
        ended.len(),
        stats.repeats,
        stats.dials
    );
    assert!(ended.iter().filter(unknown).count() > 0, "the kills met no call: the test shows nothing");
    assert!(slowest <= Duration::from_secs(2), "{slowest:?}");
}

/// Both servers are restarted in turns, each with a drain, while callers go on.
async fn rolling_restarts(size: usize) {
    let ledger = Ledger::default();
    let any = "iproto://127.0.0.1:0";
    let servers = [listen(ledger.router(), any).await, listen(ledger.router(), any).await];
    let addresses = servers.each_ref().map(|server| server.addresses()[0].to_string());
    let mut servers = servers.map(Some);
    let client =
        Client::builder().size(size).connect_all(addresses.join(",").as_str()).await.expect("connects");
    let load = Load::start(&client, 16, |_| false);
    for round in 0..10 {
        load.goes_on(200).await;
        let (server, address) = (&mut servers[round % 2], &addresses[round % 2]);
        let report = server.take().expect("runs").drain().await;
        assert_eq!((report.cut, report.calls_cut, report.answers_cut), (0, 0, 0), "{report}");
        load.goes_on(200).await;
        *server = Some(listen(ledger.router(), address).await);
        is_online(&client, size).await;
    }
    let ended = load.stop().await;
    let failed: Vec<_> = ended.iter().filter_map(|it| it.result.as_ref().err()).collect();
    assert!(failed.is_empty(), "{} of {} calls failed: {:?}", failed.len(), ended.len(), failed.first());
    for Ended { nonce, .. } in &ended {
        assert_eq!(ledger.executed(*nonce), 1);
    }
    println!("10 drains, {size} connections: {} calls, none failed", ended.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rolling_restarts_fail_no_call_with_a_connection_to_each_server() {
    rolling_restarts(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rolling_restarts_fail_no_call_with_one_connection() {
    rolling_restarts(1).await;
}
