//! `trunkline serve`: the built-in routes on any number of addresses, until a signal drains it.
//!
//! Standard output gets one line per listener once it is ready, `listening <url with the real port>`, and nothing
//! else; the report of the drain goes to standard error.

use std::io::Write;
use std::time::Duration;

use trunkline::{Config, Server};

use crate::args::{Runtime, RuntimeKind, count, duration, size, url};
use crate::exit::{Failure, Result};
use crate::output::note;
use crate::{builtins, runtime};

/// What `serve` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = builtins::help())]
pub(crate) struct Args {
    /// Where to listen; port 0 takes a free one
    #[arg(required = true, value_name = "URL", value_parser = url)]
    urls: Vec<String>,
    #[command(flatten)]
    runtime: Runtime,
    #[command(flatten)]
    limits: Limits,
}

/// Limits; where one is not given, the dialect's default holds.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
struct Limits {
    /// Connections at the same time; further ones are closed at once
    #[arg(long, value_name = "N", value_parser = count::<usize>, default_value = "10000", env = "TRUNKLINE_MAX_CONNECTIONS")]
    max_connections: usize,
    /// Handlers that may wait at the same time, over all connections
    #[arg(long, value_name = "N", value_parser = count::<usize>, default_value = "8192", env = "TRUNKLINE_MAX_RUNNING")]
    max_running: usize,
    /// The largest body, received or sent
    #[arg(long, value_name = "SIZE", value_parser = size, env = "TRUNKLINE_MAX_MESSAGE")]
    max_message: Option<usize>,
    /// Time between pings; 0s sends none
    #[arg(long, value_name = "TIME", value_parser = duration, env = "TRUNKLINE_PING_INTERVAL")]
    ping_interval: Option<Duration>,
    /// Close a connection after this time without a byte; 0s never does
    #[arg(long, value_name = "TIME", value_parser = duration, env = "TRUNKLINE_IDLE_TIMEOUT")]
    idle_timeout: Option<Duration>,
    /// How long a drain may take
    #[arg(long, value_name = "TIME", value_parser = duration, env = "TRUNKLINE_DRAIN_TIMEOUT")]
    drain_timeout: Option<Duration>,
}

impl Limits {
    fn apply(&self, config: &mut Config) {
        let set = |time: Duration| (!time.is_zero()).then_some(time);
        if let Some(size) = self.max_message {
            config.limits.max_message = size;
        }
        if let Some(time) = self.ping_interval {
            config.ping_interval = set(time);
        }
        if let Some(time) = self.idle_timeout {
            config.idle_timeout = set(time);
        }
        if let Some(time) = self.drain_timeout {
            config.drain_timeout = time;
        }
    }
}

/// Serves until a signal.
pub(crate) fn run(args: Args) -> Result<()> {
    let workers = args.runtime.workers()?;
    let runtime = match args.runtime.runtime {
        RuntimeKind::Multi => runtime::multi(workers)?,
        RuntimeKind::Shards if workers == 1 => runtime::single()?,
        RuntimeKind::Shards => {
            let what = format!("`--runtime shards` serves with one worker, not with {workers}");
            return Err(Failure::usage(what).hint("several workers: `--runtime multi`"));
        }
    };
    runtime.block_on(serve(args))
}

async fn serve(args: Args) -> Result<()> {
    let limits = args.limits.clone();
    let mut server = Server::builder()
        .router(builtins::router())
        .max_connections(limits.max_connections)
        .max_running(limits.max_running)
        .configure(move |config| limits.apply(config));
    for url in args.urls {
        server = server.listen(url);
    }
    let server = server.start().await?;
    let addresses = server.addresses().to_vec();
    // The signals are heard before anybody can know that we are ready.
    let ready = async {
        let mut out = std::io::stdout().lock();
        for address in addresses {
            let _ = writeln!(out, "listening {address}");
        }
        let _ = out.flush();
    };
    let (report, ()) = tokio::join!(biased; server.serve_until_signal(), ready);
    note(&format!("drained {}", report?));
    Ok(())
}
