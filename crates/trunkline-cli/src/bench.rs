//! `trunkline bench`: load on any address, and what it did to throughput and latency.
//!
//! ```text
//!  Args ──► Plan ──► a thread per shard (load) ──► Tally per thread ──► Report (report)
//!                            ▲
//!                 one task per call in flight; --rate: tickets from a pacer (pace)
//! ```
//!
//! | room | what lives there |
//! |---|---|
//! | `load` | connections and tasks of one shard |
//! | `pace` | the schedule of an open loop |
//! | `tally` | what each thread counts, without sharing it while it runs |
//! | `report` | the figures, for people and as JSON |
//! | `idle` | `bench idle`: open connections, hold them, measure memory |

mod idle;
mod load;
mod pace;
mod report;
mod tally;

use std::io::IsTerminal;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::{mpsc, watch};
use trunkline::Route;
use trunkline::bytes::Bytes;

use self::load::{Plan, Shard};
use self::report::Report;
use self::tally::Board;
use crate::args::{Connect, Runtime, RuntimeKind, count, duration, route, size, url};
use crate::exit::{Exit, Failure, Result};
use crate::output::{Output, grouped};
use crate::runtime::{self, Interrupt};

/// What `bench` is told.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "\
Latency is that of answered calls. With --rate it counts from when a call was meant to be sent,
so a server that stalls cannot hide it. Ctrl-C prints the report so far.")]
pub(crate) struct Args {
    #[command(subcommand)]
    other: Option<Other>,
    /// Whom to load
    #[arg(required = true, value_parser = url)]
    url: Option<String>,
    /// What to call: a number (1, 0x11) or a name
    #[arg(value_parser = route, default_value = "/echo")]
    route: Route,
    /// Calls in flight on each connection
    #[arg(short = 'c', long, value_name = "N", value_parser = count::<usize>, default_value = "64", env = "TRUNKLINE_CONCURRENCY")]
    concurrency: usize,
    /// Connections
    #[arg(short = 'C', long, value_name = "N", value_parser = count::<usize>, default_value = "1", env = "TRUNKLINE_CONNECTIONS")]
    connections: usize,
    /// How long
    #[arg(short = 'z', long, value_name = "TIME", value_parser = duration, default_value = "10s", env = "TRUNKLINE_DURATION")]
    duration: Duration,
    /// How many calls, instead of how long
    #[arg(short = 'n', long, value_name = "N", value_parser = count::<u64>, conflicts_with = "duration", env = "TRUNKLINE_COUNT")]
    count: Option<u64>,
    /// Size of the body
    #[arg(short = 'd', long, value_name = "SIZE", value_parser = size, default_value = "64", env = "TRUNKLINE_SIZE")]
    size: usize,
    /// Calls a second over all connections, whether or not earlier ones were answered
    #[arg(long, value_name = "N", value_parser = count::<u64>, env = "TRUNKLINE_RATE")]
    rate: Option<u64>,
    /// Load before the measurement begins
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "200ms", env = "TRUNKLINE_WARMUP")]
    warmup: Duration,
    /// Calls that each task has in flight; it starts them together and awaits them together
    #[arg(long, value_name = "N", value_parser = count::<usize>, default_value = "1", conflicts_with = "rate", env = "TRUNKLINE_PIPELINE")]
    pipeline: usize,
    /// The whole time a call may take; by default the dialect's
    #[arg(long, value_name = "TIME", value_parser = duration, env = "TRUNKLINE_TIMEOUT")]
    timeout: Option<Duration>,
    #[command(flatten)]
    runtime: Runtime,
    #[command(flatten)]
    connect: Connect,
}

/// What is measured without load.
#[derive(Debug, clap::Subcommand)]
enum Other {
    /// Open connections and hold them: memory per connection
    Idle(idle::Args),
}

/// Loads, and reports.
pub(crate) fn run(args: Args, output: &Output) -> Result<()> {
    if let Some(Other::Idle(args)) = args.other {
        return runtime::one(idle::run(args, output));
    }
    let plan = Arc::new(args.plan()?);
    let (loading, ready) = start(&args, &plan)?;
    let end = runtime::single()?.block_on(watch_over(&plan, ready))?;
    let report = Report::new(&plan, &end);
    report.print(output);
    if end.interrupted {
        // The threads are in the middle of calls that nobody waits for any more.
        return Err(Failure::interrupted());
    }
    for thread in loading {
        let _ = thread.join();
    }
    if report.answered() == 0 {
        return Err(Failure::new(Exit::Connection, "no call was answered"));
    }
    Ok(())
}

impl Args {
    fn plan(&self) -> Result<Plan> {
        let Some(url) = self.url.clone() else { return Err(Failure::usage("bench takes a URL")) };
        for (value, option) in [
            (self.concurrency, "-c"),
            (self.connections, "-C"),
            (self.pipeline, "--pipeline"),
            (self.rate.map_or(1, |rate| rate as usize), "--rate"),
        ] {
            if value == 0 {
                return Err(Failure::usage(format!("`{option} 0`: it takes at least one")));
            }
        }
        Ok(Plan {
            url,
            route: self.route.clone(),
            body: Bytes::from(vec![b'x'; self.size]),
            in_flight: self.concurrency,
            connections: self.connections,
            pipeline: self.pipeline.min(self.concurrency),
            rate: self.rate,
            warmup: self.warmup,
            duration: self.duration,
            count: self.count,
            timeout: self.timeout,
            connect: self.connect.clone(),
            board: Board::default(),
        })
    }
}

/// A shard says that it is connected, or why not, and later that it is done.
type Ready = mpsc::UnboundedReceiver<Result<()>>;

/// The threads, what they say, and how they are told to begin.
type Loading = (Vec<thread::JoinHandle<()>>, (Ready, watch::Sender<Option<Instant>>, usize));

fn start(args: &Args, plan: &Arc<Plan>) -> Result<Loading> {
    let workers = args.runtime.workers()?;
    let shards = match args.runtime.runtime {
        RuntimeKind::Shards => workers.min(args.connections),
        RuntimeKind::Multi => 1,
    };
    let (say, ready) = mpsc::unbounded_channel();
    let (go, wait) = watch::channel(None);
    let mut threads = Vec::new();
    for index in 0..shards {
        let runtime = match args.runtime.runtime {
            RuntimeKind::Shards => runtime::single()?,
            RuntimeKind::Multi => runtime::multi(workers)?,
        };
        let shard = Shard::new(plan.clone(), index, shards, wait.clone(), say.clone());
        threads.push(thread::spawn(move || runtime.block_on(shard.run())));
    }
    Ok((threads, (ready, go, shards)))
}

/// What the measurement took.
#[derive(Debug)]
struct End {
    seconds: f64,
    cpu: Duration,
    interrupted: bool,
}

/// Lets all shards begin at once, and waits for their end or Ctrl-C.
async fn watch_over(
    plan: &Plan,
    (mut ready, go, shards): (Ready, watch::Sender<Option<Instant>>, usize),
) -> Result<End> {
    let mut interrupt = Interrupt::new()?;
    for _ in 0..shards {
        tokio::select! {
            connected = ready.recv() => connected.unwrap_or_else(|| Err(Failure::interrupted()))?,
            () = interrupt.heard() => return Err(Failure::interrupted()),
        }
    }
    let from = Instant::now() + plan.warmup;
    go.send_replace(Some(from));
    tokio::select! {
        () = tokio::time::sleep_until(from.into()) => {}
        () = interrupt.heard() => return Err(Failure::interrupted()),
    }
    let cpu = cpu_time();
    let bar = bar(plan);
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    let mut running = shards;
    let mut interrupted = false;
    while running > 0 && !interrupted {
        tokio::select! {
            done = ready.recv() => match done {
                Some(done) => { done?; running -= 1; }
                None => break,
            },
            () = interrupt.heard() => interrupted = true,
            _ = tick.tick(), if !bar.is_hidden() => progress(&bar, plan, from),
        }
    }
    bar.finish_and_clear();
    Ok(End { seconds: from.elapsed().as_secs_f64(), cpu: cpu_time().saturating_sub(cpu), interrupted })
}

/// A progress bar, on a terminal.
fn bar(plan: &Plan) -> ProgressBar {
    let length = plan.count.unwrap_or(plan.duration.as_millis() as u64);
    let target = match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("##-");
    ProgressBar::with_draw_target(Some(length), target).with_style(style)
}

fn progress(bar: &ProgressBar, plan: &Plan, from: Instant) {
    let (answered, errors) = plan.board.counts();
    let elapsed = from.elapsed();
    bar.set_position(if plan.count.is_some() { answered + errors } else { elapsed.as_millis() as u64 });
    let rate = answered as f64 / elapsed.as_secs_f64().max(1e-9);
    let errors = if errors > 0 { format!("  {} errors", grouped(errors)) } else { String::new() };
    bar.set_message(format!("{} calls/s{errors}", grouped(rate as u64)));
}

/// The processor time of this process so far, all threads together.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
