//! `trunkline demo`: a server on real sockets, used in every way there is, and a table of how it went.
//!
//! In: nothing. Out: a row per pattern with what was done and how fast; the command succeeds only if every row did.
//! [`ROWS`] is the list; a pattern that comes later is a line here and a function in one of the rooms:
//!
//! | room | patterns |
//! |---|---|
//! | `stage` | the server, its clients, and what its extra routes count |
//! | `calls` | calls one by one, many at once, large, batched, started early |
//! | `ends` | calls that end otherwise: deadline, dropped, fault, lost |
//! | `both` | notifications, calls from server to client, taking over, drain |

mod both;
mod calls;
mod ends;
mod stage;

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::runtime::Handle;
use trunkline::{BoxFuture, Error};

use self::stage::Stage;
use crate::args::Format;
use crate::exit::{Exit, Failure, Result};
use crate::output::{BAD, GOOD, Output, STRONG, time};
use crate::runtime;

/// What a row did, or what was wrong.
type Shown = std::result::Result<String, Wrong>;

/// No row takes longer than this.
const ROW_LIMIT: Duration = Duration::from_secs(8);

/// A pattern: its name, and how it is shown.
struct Row {
    name: &'static str,
    show: fn(Stage) -> BoxFuture<Shown>,
}

macro_rules! rows {
    ($($name:literal => $show:path,)*) => {
        &[$(Row { name: $name, show: |stage| Box::pin($show(stage)) },)*]
    };
}

/// Every pattern, in the order in which it is shown. The last one ends the server.
const ROWS: &[Row] = rows! {
    "a call over TCP" => calls::tcp,
    "a call over a Unix socket" => calls::unix,
    "a call in memory" => calls::memory,
    "1,000 calls at once" => calls::many,
    "answers out of order" => calls::out_of_order,
    "a large body" => calls::large,
    "a packed body" => calls::packed,
    "a batch" => calls::batch,
    "start now, await later" => calls::start,
    "one at a time" => calls::serial,
    "ping" => calls::ping,
    "a deadline" => ends::deadline,
    "cancel by dropping" => ends::dropped,
    "a fault" => ends::fault,
    "an unknown route" => ends::unknown,
    "a peer that dies" => ends::lost,
    "nobody listens" => ends::nobody,
    "notify" => both::notify,
    "the server calls the client" => both::call_back,
    "raw send" => both::raw,
    "taking the connection over" => both::hijack,
    "drain under load" => both::drain,
};

/// Why a row did not work.
struct Wrong(String);

impl From<Error> for Wrong {
    fn from(error: Error) -> Self {
        Self(format!("{error} ({})", error.outcome()))
    }
}

impl From<std::io::Error> for Wrong {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// What has to hold for a row to have worked.
fn check(holds: bool, otherwise: impl FnOnce() -> String) -> std::result::Result<(), Wrong> {
    if holds { Ok(()) } else { Err(Wrong(otherwise())) }
}

/// Calls, messages or bytes per second.
fn per_second(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64().max(1e-9)
}

/// Runs every row: the clients on this thread, the server on another.
pub(crate) fn run(output: &Output) -> Result<()> {
    let servers = runtime::multi(1)?;
    runtime::one(show(servers.handle(), output))
}

async fn show(servers: &Handle, output: &Output) -> Result<()> {
    let began = Instant::now();
    let stage = Stage::start(servers).await?;
    if output.format() == Format::Human {
        output.print(&format!("{STRONG}one server at {}{STRONG:#}", stage.urls().join(" and ")));
    }
    let mut worked = 0;
    for row in ROWS {
        let began = Instant::now();
        let shown = match tokio::time::timeout(ROW_LIMIT, (row.show)(stage.clone())).await {
            Ok(shown) => shown,
            Err(_) => Err(Wrong(format!("it took longer than {}", time(ROW_LIMIT)))),
        };
        worked += usize::from(shown.is_ok());
        print(row, &shown, began.elapsed(), output);
    }
    let (of, took) = (ROWS.len(), began.elapsed());
    match output.format() {
        Format::Human => {
            let style = if worked == of { GOOD } else { BAD };
            output.print(&format!("{style}{worked} of {of} worked{style:#}, in {}", time(took)));
        }
        _ => output.json(&json!({ "worked": worked, "of": of, "seconds": took.as_secs_f64() })),
    }
    if worked == of {
        return Ok(());
    }
    Err(Failure::new(Exit::Application, format!("{} of {of} patterns did not work", of - worked)))
}

fn print(row: &Row, shown: &Shown, took: Duration, output: &Output) {
    let (ok, did) = match shown {
        Ok(did) => (true, did),
        Err(Wrong(why)) => (false, why),
    };
    match output.format() {
        Format::Human => {
            let mark = if ok { format!("{GOOD}ok  {GOOD:#}") } else { format!("{BAD}FAIL{BAD:#}") };
            output.print(&format!("{mark}  {:<28}{:>9}   {did}", row.name, time(took)));
        }
        _ => output.json(&json!({
            "pattern": row.name, "ok": ok, "us": took.as_micros() as u64, "did": did
        })),
    }
}
