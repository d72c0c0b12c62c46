//! A server: any number of listeners, one router, and the peers that connected.
//!
//! ```text
//!  builder ──► start ──► Server ──► drain / serve_until_signal ──► DrainReport
//!                          │
//!              accept loops (server/accept.rs), one driver per peer
//! ```

mod accept;
mod builder;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use trunkline_engine::{CloseReason, Stats};

pub(crate) use builder::Configure;
pub use builder::ServerBuilder;

use crate::address::Address;
use crate::error::Error;
use crate::link::{Link, now};
use crate::peer::Peer;
use crate::registry::Registry;

/// Handlers that may wait at the same time, over all connections of a server. gorpc's concurrency, from its README.
pub(crate) const MAX_RUNNING: usize = 8_192;

/// Connections a server accepts at the same time; Redis' `maxclients`.
pub(crate) const MAX_CONNECTIONS: usize = 10_000;

/// A running server. Dropping it closes its listeners and cuts its connections; [`drain`](Self::drain) ends it well.
#[derive(Debug)]
pub struct Server {
    registry: Arc<Registry>,
    addresses: Vec<Address>,
    loops: Vec<JoinHandle<()>>,
    drain_timeout: Option<Duration>,
}

/// What a drain found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// Connections that were open when the drain began.
    pub peers: usize,
    /// Those that finished what they had begun.
    pub drained: usize,
    /// Those that were cut by the time limit or ended otherwise.
    pub cut: usize,
    /// Calls of ours that were cut.
    pub calls_cut: usize,
    /// Answers of ours that were cut.
    pub answers_cut: usize,
    /// How long it took.
    pub took: Duration,
}

impl DrainReport {
    /// Waits until connections that were told to drain are over.
    pub(crate) async fn of(links: Vec<Arc<Link>>, began: Instant) -> Self {
        let mut report = Self { peers: links.len(), ..Self::default() };
        for link in links {
            match &*Peer::from_link(link).closed().await {
                CloseReason::Drained | CloseReason::Peer => report.drained += 1,
                CloseReason::DrainTimeout { pending, owed, .. } => {
                    report.cut += 1;
                    report.calls_cut += pending;
                    report.answers_cut += owed;
                }
                _ => report.cut += 1,
            }
        }
        report.took = now().saturating_duration_since(began);
        report
    }
}

impl fmt::Display for DrainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peers, drained, cut, calls_cut, answers_cut, took } = self;
        write!(
            f,
            "{peers} peers: {drained} drained, {cut} cut ({calls_cut} calls, {answers_cut} answers) in {took:.1?}"
        )
    }
}

impl Server {
    /// A server is built step by step.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new()
    }

    /// Where the server listens, with the ports it was given.
    #[must_use]
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// The peers that are connected, in no order.
    #[must_use]
    pub fn peers(&self) -> Vec<Peer> {
        self.registry.peers()
    }

    /// The peer with this id.
    #[must_use]
    pub fn peer(&self, id: u64) -> Option<Peer> {
        self.registry.get(id)
    }

    /// The counters of all connections, those that are over included.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.registry.stats()
    }

    /// Serves until the process ends or this future is dropped.
    pub async fn serve(self) {
        std::future::pending::<()>().await;
        drop(self);
    }

    /// Serves until `stop` completes, then drains.
    pub async fn serve_until<F: Future>(self, stop: F) -> DrainReport {
        stop.await;
        self.drain().await
    }

    /// Serves until SIGINT or SIGTERM, then drains; a second signal cuts.
    ///
    /// # Errors
    /// When the signals cannot be heard.
    pub async fn serve_until_signal(self) -> Result<DrainReport, Error> {
        let mut signals = crate::signal::Signals::new()?;
        signals.next().await;
        let peers = self.registry.peers();
        let drain = self.drain();
        tokio::pin!(drain);
        tokio::select! {
            report = &mut drain => Ok(report),
            () = signals.next() => {
                peers.iter().for_each(Peer::close);
                Ok(drain.await)
            }
        }
    }

    /// Stops accepting, lets every peer finish what was begun, and closes. Ends by its time limit, with a report of what
    /// was cut.
    pub async fn drain(mut self) -> DrainReport {
        let began = now();
        for accepting in self.loops.drain(..) {
            accepting.abort();
            let _ = accepting.await;
        }
        let peers = self.registry.close();
        for peer in &peers {
            peer.link.drain(self.drain_timeout);
        }
        let report = DrainReport::of(peers.into_iter().map(|peer| peer.link).collect(), began).await;
        tracing::info!(peers = report.peers, cut = report.cut, "drained: {report}");
        report
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.loops.iter().for_each(JoinHandle::abort);
        self.registry.close().iter().for_each(Peer::close);
    }
}
