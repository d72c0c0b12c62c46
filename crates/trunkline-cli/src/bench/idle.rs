//! `trunkline bench idle`: open connections, hold them, and say what each costs.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;
use trunkline::Client;

use crate::args::{Connect, Format, count, duration, url};
use crate::exit::{Failure, Result};
use crate::output::{Output, STRONG, bytes, grouped, note, time};

/// Connections that are opened at the same time.
const AT_ONCE: usize = 64;

/// Open files beside the connections.
const OTHER_FILES: u64 = 64;

/// What `bench idle` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to connect
    #[arg(value_parser = url)]
    url: String,
    /// Connections
    #[arg(short = 'C', long, value_name = "N", value_parser = count::<usize>, default_value = "1000", env = "TRUNKLINE_CONNECTIONS")]
    connections: usize,
    /// How long to hold them
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "3s", env = "TRUNKLINE_HOLD")]
    hold: Duration,
    /// The server's process, to see its memory, too
    #[arg(long, value_name = "PID", env = "TRUNKLINE_PID")]
    pid: Option<u32>,
    /// How long each may take to connect: thousands at once overflow a listener's queue, which costs a second
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s", env = "TRUNKLINE_CONNECT_TIMEOUT")]
    connect_timeout: Duration,
}

/// Opens, holds, reports.
pub(crate) async fn run(args: Args, output: &Output) -> Result<()> {
    if args.connections == 0 {
        return Err(Failure::usage("`-C 0`: it takes at least one connection"));
    }
    raise_open_files(args.connections as u64 + OTHER_FILES)?;
    let server = args.pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    let before = (resident("self")?, resident(&server)?);
    let began = Instant::now();
    let clients = open(&args).await?;
    let took = began.elapsed();
    if output.format() == Format::Human {
        note(&format!("{} connections in {}; holding them", grouped(clients.len() as u64), time(took)));
    }
    tokio::time::sleep(args.hold).await;
    let alive = clients.iter().filter(|client| client.peer().is_some()).count();
    let each = |after: u64, before: u64| after.saturating_sub(before) as f64 / clients.len() as f64;
    let ours = each(resident("self")?, before.0);
    let theirs = args.pid.map(|_| resident(&server)).transpose()?.map(|after| each(after, before.1));
    match output.format() {
        Format::Human => {
            let mut text = format!(
                "{STRONG}{} of {} connections alive{STRONG:#} after {}; resident memory of each: {} here",
                grouped(alive as u64),
                grouped(clients.len() as u64),
                time(args.hold),
                bytes(ours)
            );
            if let Some(theirs) = theirs {
                text += &format!(", {} on the server", bytes(theirs));
            }
            output.print(&text);
        }
        _ => output.json(&json!({
            "connections": clients.len(),
            "alive": alive,
            "seconds_to_open": took.as_secs_f64(),
            "client_bytes_per_connection": ours.round(),
            "server_bytes_per_connection": theirs.map(f64::round),
        })),
    }
    Ok(())
}

async fn open(args: &Args) -> Result<Vec<Client>> {
    let mut clients = Vec::with_capacity(args.connections);
    let mut opening = JoinSet::new();
    for _ in 0..args.connections {
        if opening.len() == AT_ONCE {
            take(&mut opening, &mut clients).await?;
        }
        let (connect, url) = (Connect { connect_timeout: args.connect_timeout }, args.url.clone());
        opening.spawn(async move { connect.client(&url).await });
    }
    while !opening.is_empty() {
        take(&mut opening, &mut clients).await?;
    }
    Ok(clients)
}

async fn take(
    opening: &mut JoinSet<std::result::Result<Client, trunkline::Error>>,
    clients: &mut Vec<Client>,
) -> Result<()> {
    if let Some(Ok(client)) = opening.join_next().await {
        let opened = clients.len();
        clients.push(client.map_err(|error| {
            Failure::from(error).hint(format!("{opened} connections were opened before"))
        })?);
    }
    Ok(())
}

/// Allows this process as many open files as it will need.
fn raise_open_files(needed: u64) -> Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum }).map_err(|error| {
        let limit = maximum.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string());
        Failure::new(
            crate::exit::Exit::Limit,
            format!("{needed} open files are needed, the hard limit is {limit}: {error}"),
        )
        .hint("raise it with `ulimit -Hn`, or open fewer connections")
    })
}

/// Resident memory of a process in bytes.
fn resident(process: &str) -> Result<u64> {
    let cannot = |why: String| Failure::usage(format!("cannot read the memory of process {process}: {why}"));
    let status =
        fs::read_to_string(format!("/proc/{process}/status")).map_err(|error| cannot(error.to_string()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.map(|kib| kib << 10).ok_or_else(|| cannot("no VmRSS in its status".to_owned()))
}
