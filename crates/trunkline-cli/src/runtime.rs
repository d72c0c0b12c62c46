//! Runtimes: one single-threaded one for verbs that do one thing, shards or a pool of threads for load.

use std::future::Future;
use std::num::NonZero;

use tokio::runtime::Builder;

use crate::args::{Runtime, RuntimeKind};
use crate::exit::{Exit, Failure, Result};

/// Runs on one single-threaded runtime. Ctrl-C ends it.
pub(crate) fn one<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    single()?.block_on(async {
        let mut interrupt = Interrupt::new()?;
        tokio::select! {
            done = work => done,
            () = interrupt.heard() => Err(Failure::interrupted()),
        }
    })
}

/// Ctrl-C, heard from the moment on in which this is made.
pub(crate) struct Interrupt {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
}

impl Interrupt {
    #[cfg(unix)]
    pub(crate) fn new() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::interrupt()).map(|signal| Self { signal }).map_err(cannot)
    }

    #[cfg(unix)]
    pub(crate) async fn heard(&mut self) {
        self.signal.recv().await;
    }

    #[cfg(not(unix))]
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    pub(crate) async fn heard(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// A runtime of the calling thread alone.
pub(crate) fn single() -> Result<tokio::runtime::Runtime> {
    Builder::new_current_thread().enable_all().build().map_err(cannot)
}

/// A runtime over several threads.
pub(crate) fn multi(workers: usize) -> Result<tokio::runtime::Runtime> {
    Builder::new_multi_thread().worker_threads(workers).enable_all().build().map_err(cannot)
}

fn cannot(error: std::io::Error) -> Failure {
    Failure::new(Exit::Limit, format!("cannot start a runtime: {error}"))
}

impl Runtime {
    /// How many threads: what was asked for, else 1 for shards and one per CPU for multi.
    pub(crate) fn workers(&self) -> Result<usize> {
        let default = || match self.runtime {
            RuntimeKind::Shards => 1,
            RuntimeKind::Multi => std::thread::available_parallelism().map_or(1, NonZero::get),
        };
        match self.workers {
            Some(0) => Err(Failure::usage("`--workers 0`: it takes at least one")),
            workers => Ok(workers.unwrap_or_else(default)),
        }
    }
}
