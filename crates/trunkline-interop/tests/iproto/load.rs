//! Calls of ours without a pause, until they are stopped, with every end in the books.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use tokio::task::JoinHandle;
use trunkline::Client;

use crate::books::Books;
use crate::service::{ECHO, RANDOM};
use crate::world::{body, executions, nonce};

/// Calls that are in flight at the same time.
pub(crate) const AT_ONCE: u64 = 32;

/// Half of the calls are answered at once; the others wait, so that there is always something in the middle.
const CODES: [u32; 2] = [ECHO, RANDOM];

/// Bytes of a body.
const SIZE: usize = 64;

/// A running load.
pub(crate) struct Load {
    pub(crate) books: Arc<Books>,
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<()>>,
}

impl Load {
    pub(crate) fn start(client: &Client) -> Self {
        let (books, stop) = (Arc::new(Books::default()), Arc::new(AtomicBool::new(false)));
        let workers = (0..AT_ONCE).map(|n| {
            let (client, books, stop) = (client.clone(), books.clone(), stop.clone());
            let code = CODES[n as usize % CODES.len()];
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let nonce = nonce();
                    let body = body(nonce, SIZE);
                    books.enter(nonce, &body, client.call(code, body.clone()).await);
                }
            })
        });
        let workers = workers.collect();
        Self { books, stop, workers }
    }

    /// Begins no further call, and waits until every one has ended.
    pub(crate) async fn stop(self) -> Arc<Books> {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers {
            worker.await.expect("a worker does not panic");
        }
        self.books
    }
}

/// Executions of the load on the Go side; none may be a repetition.
pub(crate) fn executed(stats: &Value) -> u64 {
    CODES.iter().map(|code| executions(stats, *code)).fold(0, |sum, (times, repeated)| {
        assert_eq!(repeated, 0, "{stats}");
        sum + times
    })
}
