//! What our side serves: the same codes as the Go peer, with the same books.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use trunkline::bytes::Bytes;
use trunkline::{Request, Router};

/// Answers the body at once.
pub(crate) const ECHO: u32 = 1;
/// Both sides call it at once.
pub(crate) const CROSS: u32 = 5;
/// Answers after 0 to 20 ms.
pub(crate) const RANDOM: u32 = 6;
/// Answers the body's length, 8 bytes little-endian.
pub(crate) const SINK: u32 = 7;
/// Notifications, numbered from 0.
pub(crate) const NOTICE: u32 = 9;
/// Nobody serves it.
pub(crate) const UNKNOWN: u32 = 999;

/// Handlers and their books.
#[derive(Debug, Default)]
pub(crate) struct Service {
    /// Executions by nonce, over all codes.
    ledger: Mutex<HashMap<u64, u32>>,
    executed: watch::Sender<u64>,
    notices: watch::Sender<u64>,
    out_of_order: AtomicU64,
}

impl Service {
    pub(crate) fn router(self: &Arc<Self>) -> Router<Arc<Self>> {
        Router::with_state(self.clone())
            .route(ECHO, echo)
            .route(CROSS, echo)
            .route(RANDOM, random)
            .route(SINK, sink)
            .route(NOTICE, notice)
    }

    fn execute(&self, body: &[u8]) -> u64 {
        self.executed.send_modify(|count| *count += 1);
        let Some(nonce) = body.first_chunk().copied().map(u64::from_le_bytes) else { return 0 };
        *self.ledger.lock().expect("no panics under it").entry(nonce).or_default() += 1;
        nonce
    }

    /// Requests that were executed, notifications aside.
    pub(crate) fn executed(&self) -> u64 {
        *self.executed.borrow()
    }

    /// Waits until so many requests were executed in all.
    pub(crate) async fn until(&self, count: u64) {
        self.executed.subscribe().wait_for(|executed| *executed >= count).await.expect("the service lives");
    }

    /// Executions of a nonce that had been executed before.
    pub(crate) fn repeated(&self) -> u64 {
        let ledger = self.ledger.lock().expect("no panics under it");
        ledger.values().map(|times| u64::from(*times) - 1).sum()
    }

    pub(crate) fn out_of_order(&self) -> u64 {
        self.out_of_order.load(Ordering::Relaxed)
    }

    pub(crate) fn notices(&self) -> u64 {
        *self.notices.borrow()
    }
}

async fn echo(service: Arc<Service>, request: Request) -> Bytes {
    service.execute(&request.body);
    request.body
}

async fn random(service: Arc<Service>, request: Request) -> Bytes {
    let nonce = service.execute(&request.body);
    let delay = nonce.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    tokio::time::sleep(Duration::from_micros(delay % 20_000)).await;
    request.body
}

async fn sink(service: Arc<Service>, request: Request) -> Vec<u8> {
    service.execute(&request.body);
    (request.body.len() as u64).to_le_bytes().to_vec()
}

async fn notice(service: Arc<Service>, request: Request) {
    assert!(request.is_notification(), "code {NOTICE} is for notifications");
    let number = request.body.first_chunk().copied().map(u64::from_le_bytes);
    service.notices.send_modify(|next| {
        if number != Some(*next) {
            service.out_of_order.fetch_add(1, Ordering::Relaxed);
        }
        *next += 1;
    });
}
