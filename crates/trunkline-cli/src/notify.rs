//! `trunkline notify`: one message that wants no answer.
//!
//! The connection is drained before the command ends, so "accepted" has become "left".

use serde_json::json;
use trunkline::{CloseReason, Route};

use crate::args::{Connect, Format, route, url};
use crate::body::Body;
use crate::exit::{Exit, Failure, Result};
use crate::output::{FAINT, Output};

/// What `notify` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Whom to tell
    #[arg(value_parser = url)]
    url: String,
    /// What about: a number (1, 0x11) or a name
    #[arg(value_parser = route)]
    route: Route,
    #[command(flatten)]
    body: Body,
    #[command(flatten)]
    connect: Connect,
}

/// Notifies once.
pub(crate) async fn run(args: Args, output: &Output) -> Result<()> {
    let body = args.body.read()?;
    let len = body.len();
    let client = args.connect.client(&args.url).await?;
    let peer = client.peer();
    client.notify(&args.route, body).await?;
    client.drain().await;
    let reason = peer.and_then(|peer| peer.close_reason());
    if let Some(reason) = reason.filter(|reason| was_lost(reason)) {
        return Err(Failure::new(Exit::Connection, format!("the connection ended: {reason}"))
            .hint("the message was handed to the connection; whether it arrived is unknown"));
    }
    match output.format() {
        Format::Human => output.print(&format!("{FAINT}sent {len} bytes{FAINT:#}")),
        Format::Json => output.json(&json!({ "sent": true, "len": len })),
        Format::Raw => {}
    }
    Ok(())
}

/// The drain did not end as it should. A peer that never says goodbye has had all our bytes by then.
fn was_lost(reason: &CloseReason) -> bool {
    reason.is_error()
}
