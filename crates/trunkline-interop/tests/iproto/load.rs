//! Calls of ours without a pause, until they are stopped, with every end in the books.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinHandle;
use trunkline::Client;

use crate::books::Books;
use crate::service::ECHO;
use crate::world::{body, nonce};

/// Calls that are in flight at the same time.
pub(crate) const AT_ONCE: u64 = 32;

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
        let workers = (0..AT_ONCE).map(|_| {
            let (client, books, stop) = (client.clone(), books.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let nonce = nonce();
                    let body = body(nonce, SIZE);
                    books.enter(nonce, &body, client.call(ECHO, body.clone()).await);
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
