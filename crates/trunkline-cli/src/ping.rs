//! `trunkline ping`: round trips of the dialect's own ping.

use std::time::{Duration, Instant};

use serde_json::json;
use trunkline::Peer;
use trunkline::bytes::Bytes;
use trunkline::wire::iproto;

use crate::args::{Connect, Format, count, duration, url};
use crate::exit::{Exit, Failure, Result};
use crate::output::{Output, STRONG, time};

/// What `ping` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Whom to ping
    #[arg(value_parser = url)]
    url: String,
    /// How many times
    #[arg(short = 'n', long, value_name = "N", value_parser = count::<usize>, default_value = "5", env = "TRUNKLINE_COUNT")]
    count: usize,
    /// Time from one to the next
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "200ms", env = "TRUNKLINE_INTERVAL")]
    interval: Duration,
    /// How long an answer may take
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "2s", env = "TRUNKLINE_TIMEOUT")]
    timeout: Duration,
    #[command(flatten)]
    connect: Connect,
}

/// Pings, and says how long it took.
pub(crate) async fn run(args: Args, output: &Output) -> Result<()> {
    if args.count == 0 {
        return Err(Failure::usage("`-n 0`: it takes at least one ping"));
    }
    let client = args.connect.client(&args.url).await?;
    let name = client.profile().name;
    let cannot = || Failure::usage(format!("{name} cannot say `ping`"));
    if !client.profile().ping {
        return Err(cannot().hint("`trunkline call` with the route of an echo measures a round trip, too"));
    }
    let peer = client.peer().ok_or_else(|| Failure::new(Exit::Connection, "the connection ended"))?;
    let mut trips = Vec::new();
    for n in 0..args.count {
        if n > 0 {
            tokio::time::sleep(args.interval).await;
        }
        let trip = round_trip(&peer, args.timeout).await.ok_or_else(cannot)??;
        if output.format() == Format::Human {
            output.print(&format!("{} from {}: {}", n + 1, args.url, time(trip)));
        }
        trips.push(trip);
    }
    report(&mut trips, output);
    client.drain().await;
    Ok(())
}

/// One round trip; `None` where we do not know how the dialect pings.
async fn round_trip(peer: &Peer, timeout: Duration) -> Option<Result<Duration>> {
    if peer.dialect() != iproto::PROFILE.name {
        return None;
    }
    // On iproto a ping is a call of this code: its answer comes back under the same sync.
    let began = Instant::now();
    let pong = peer.call::<Bytes>(iproto::PING, ()).timeout(timeout).await;
    Some(pong.map(|_| began.elapsed()).map_err(Failure::from))
}

fn report(trips: &mut [Duration], output: &Output) {
    trips.sort_unstable();
    let count = trips.len();
    let avg = trips.iter().sum::<Duration>() / count as u32;
    // The nearest rank: with fewer than a hundred round trips it is the longest.
    let rank = (count * 99).div_ceil(100);
    let [min, p99, max] = [1, rank, count].map(|rank| trips[rank - 1]);
    let us = |time: Duration| (time.as_secs_f64() * 1e7).round() / 10.0;
    match output.format() {
        Format::Human => output.print(&format!(
            "{STRONG}{count} round trips{STRONG:#}  min {}  avg {}  p99 {}  max {}",
            time(min),
            time(avg),
            time(p99),
            time(max)
        )),
        Format::Json => output.json(&json!({
            "count": count, "min_us": us(min), "avg_us": us(avg), "p99_us": us(p99), "max_us": us(max)
        })),
        Format::Raw => {}
    }
}
