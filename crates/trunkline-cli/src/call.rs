//! `trunkline call`: one call, its answer on standard output.

use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use trunkline::Route;
use trunkline::bytes::Bytes;

use crate::args::{Connect, Format, duration, route, url};
use crate::body::Body;
use crate::exit::Result;
use crate::output::{Output, put_body, readable};

/// What `call` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Whom to call
    #[arg(value_parser = url)]
    url: String,
    /// What for: a number (1, 0x11) or a name
    #[arg(value_parser = route)]
    route: Route,
    #[command(flatten)]
    body: Body,
    /// The whole time the call may take; by default the dialect's (iproto: 5s)
    #[arg(long, value_name = "TIME", value_parser = duration, env = "TRUNKLINE_TIMEOUT")]
    timeout: Option<Duration>,
    #[command(flatten)]
    connect: Connect,
}

/// Calls once.
pub(crate) async fn run(args: Args, output: &Output) -> Result<()> {
    let body = args.body.read()?;
    let client = args.connect.client(&args.url).await?;
    let began = Instant::now();
    let mut call = client.call::<Bytes>(&args.route, body);
    if let Some(timeout) = args.timeout {
        call = call.timeout(timeout);
    }
    let answer = call.await?;
    let took = began.elapsed();
    match output.format() {
        Format::Raw => output.raw(&answer),
        Format::Human => output.print(&readable(&answer)),
        Format::Json => output.json(&json(&answer, took)),
    }
    client.drain().await;
    Ok(())
}

fn json(answer: &[u8], took: Duration) -> Value {
    let mut object = Map::new();
    put_body(&mut object, answer);
    object.insert("us".into(), (took.as_micros() as u64).into());
    object.into()
}
