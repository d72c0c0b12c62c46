//! Two engines over a scripted wire and a virtual clock: a thousand seeds, each a different bad day.
//!
//! In: seeds; `TRUNKLINE_SEEDS=n` runs n of them, `TRUNKLINE_SEED=s` that one alone. Out: a failing seed prints a line
//! to repeat it, what went wrong, and its last 200 events. Never: real time, sockets, tasks.
//!
//! | room | what lives there |
//! |---|---|
//! | `rng`, `plan` | chance, and what it decides beforehand |
//! | `wire`, `tap` | one direction of the transport, and a wiretap on it |
//! | `side`, `turns` | one end: the engine and its driver |
//! | `ledger` | what each call came to, and what must never happen |
//! | `world` | the clock, the agenda, the checks |
//! | `trace`, `planted` | what happened, and bugs planted to be found |

#[path = "simulation/ledger.rs"]
mod ledger;
#[path = "simulation/plan.rs"]
mod plan;
#[path = "simulation/planted.rs"]
mod planted;
#[path = "simulation/rng.rs"]
mod rng;
#[path = "simulation/side.rs"]
mod side;
#[path = "simulation/tap.rs"]
mod tap;
#[path = "simulation/trace.rs"]
mod trace;
#[path = "simulation/turns.rs"]
mod turns;
#[path = "simulation/wire.rs"]
mod wire;
#[path = "simulation/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use planted::Bug;
use world::{Report, World};

/// How many seeds `cargo test` runs.
const SEEDS: u64 = 1000;

#[expect(clippy::disallowed_methods, reason = "a virtual clock has to count from some instant")]
fn base() -> Instant {
    Instant::now()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// One run. What went wrong, with the last events, when something did.
fn simulate(seed: u64, bug: Option<Bug>, base: Instant) -> Result<Report, String> {
    let mut world = World::new(seed, bug, base);
    let result = catch_unwind(AssertUnwindSafe(|| world.run()));
    let what = match result {
        Ok(Ok(report)) => return Ok(report),
        Ok(Err(what)) => what,
        Err(panic) => panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "a panic without words".to_owned()),
    };
    let plan = &world.plan;
    Err(format!(
        "{:?}, {:?}, at {} µs: {what}\nrepeat: TRUNKLINE_SEED={seed} cargo test -p trunkline-engine --test simulation thousand\n{}",
        plan.weather,
        plan.finish,
        world.now,
        world.trace.last()
    ))
}

#[test]
fn a_thousand_seeds_end_honestly() {
    let (seeds, base) = (number("TRUNKLINE_SEEDS").unwrap_or(SEEDS), base());
    let seeds = number("TRUNKLINE_SEED").map_or(0..seeds, |seed| seed..seed + 1);
    let mut failed = Vec::new();
    let mut total = Report::default();
    let mut ends: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in seeds.clone() {
        let report = match simulate(seed, None, base) {
            Ok(report) => report,
            Err(what) => {
                failed.push((seed, what));
                continue;
            }
        };
        total.events += report.events;
        total.calls += report.calls;
        total.answered += report.answered;
        total.unknown += report.unknown;
        total.not_sent += report.not_sent;
        total.notices += report.notices;
        total.late += report.late;
        total.pings += report.pings;
        for end in report.ends {
            *ends.entry(end).or_default() += 1;
        }
    }
    if let Some((seed, what)) = failed.first() {
        for (seed, what) in failed.iter().skip(1).take(20) {
            println!("seed {seed}: {}", what.lines().next().unwrap_or_default());
        }
        panic!("{} of {} seeds failed; seed {seed}: {what}", failed.len(), seeds.count());
    }
    println!(
        "simulation: {} seeds, {} events, {} calls ({} answered, {} unknown, {} not sent), {} notifications, {} late answers, {} pings, ends {ends:?}",
        seeds.count(),
        total.events,
        total.calls,
        total.answered,
        total.unknown,
        total.not_sent,
        total.notices,
        total.late,
        total.pings,
    );
    assert_eq!(
        total.calls,
        total.answered + total.unknown + total.not_sent,
        "each call ended as one of three"
    );
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..20 {
        let [first, second] = [0, 1].map(|_| simulate(seed, None, base()).expect("a good seed"));
        assert_eq!((first.hash, first.events), (second.hash, second.events), "seed {seed}");
    }
}

/// A simulator that finds nothing proves nothing: each planted bug must be found, and soon.
#[test]
fn every_planted_bug_is_found_within_200_seeds() {
    let base = base();
    for bug in Bug::ALL {
        let found = (0..200).find_map(|seed| simulate(seed, Some(bug), base).err().map(|what| (seed, what)));
        let (seed, what) = found.unwrap_or_else(|| panic!("{bug:?} was not found"));
        println!("planted {bug:?}: seed {seed}: {}", what.lines().next().unwrap_or_default());
    }
}

/// The engine's purity, which is what makes this simulation possible at all.
#[test]
fn the_engine_depends_on_no_runtime() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = std::process::Command::new(env!("CARGO"))
        .args(["tree", "-p", "trunkline-engine", "--edges", "normal,build", "--offline", "--prefix", "none"])
        .args(["--manifest-path", manifest])
        .output()
        .expect("cargo runs");
    let tree = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(tree.contains("trunkline-wire"), "the tree of the engine: {tree}");
    for runtime in ["tokio", "mio", "async-std", "smol", "socket2", "futures-executor"] {
        assert!(
            !tree.lines().any(|line| line.split(' ').next() == Some(runtime)),
            "the engine depends on {runtime}:\n{tree}"
        );
    }
}
