//! `trunkline call`: one call, its answer on standard output.

use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use trunkline::Route;
use trunkline::bytes::Bytes;
use trunkline_pack::dynamic::{Record, Schema};

use crate::args::{Connect, Format, duration, route, url};
use crate::body::Body;
use crate::exit::{Exit, Failure, Result};
use crate::output::{Output, put_body, readable};
use crate::packed::{schema, unpack};

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
    /// The answer's types, such as 'u32 str': it is printed as values
    #[arg(long, value_name = "TYPES", value_parser = schema, env = "TRUNKLINE_UNPACK")]
    unpack: Option<Schema>,
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
    client.drain().await;
    let values = args.unpack.map(|schema| unpack(&schema, &answer)).transpose();
    let values = values.map_err(|what| Failure::new(Exit::Protocol, what))?;
    match (output.format(), values) {
        (Format::Raw, _) => output.raw(&answer),
        (Format::Human, None) => output.print(&readable(&answer)),
        (Format::Human, Some(record)) => output.print(&record.to_string()),
        (Format::Json, record) => output.json(&json(&answer, record.as_ref(), took)),
    }
    Ok(())
}

fn json(answer: &[u8], record: Option<&Record>, took: Duration) -> Value {
    let mut object = Map::new();
    put_body(&mut object, answer);
    if let Some(record) = record {
        object.insert("values".into(), crate::packed::json(&record.values));
    }
    object.insert("us".into(), (took.as_micros() as u64).into());
    object.into()
}
