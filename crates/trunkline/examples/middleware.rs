//! tower's layers around a route: a trace, a time-out, and a limit of concurrency that sheds what is above it.
//!
//! ```text
//!  INFO call{route=/job}: begun
//! second call: overloaded
//! first call: done
//!  INFO call{route=/job}: begun
//! third call: the handler took too long
//! ```
#![expect(clippy::print_stdout, reason = "what it prints is what it shows")]

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tower::{ServiceBuilder, ServiceExt, layer::layer_fn, service_fn};
use tracing::{Instrument, info, info_span};
use tracing_subscriber::prelude::*;
use trunkline::{Client, Error, Request, Router, Server, layer::RouteService};

async fn work(finish: Arc<Notify>, _: Request) -> &'static str {
    info!(target: "work", "begun");
    finish.notified().await;
    "done"
}

fn said(answer: Result<String, Error>) -> String {
    let no = |error: Error| error.as_fault().map_or_else(|| error.to_string(), |no| no.message.to_string());
    answer.unwrap_or_else(no)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let only_work = tracing_subscriber::filter::Targets::new().with_target("work", tracing::Level::INFO);
    let format = tracing_subscriber::fmt::layer().without_time().with_target(false).with_ansi(false);
    tracing_subscriber::registry().with(format).with(only_work).init();

    let trace = layer_fn(|route: RouteService| {
        service_fn(move |request: Request| {
            let span = info_span!(target: "work", "call", route = %request.route);
            route.clone().oneshot(request).instrument(span)
        })
    });
    let layers = ServiceBuilder::new() // from the outside in
        .load_shed()
        .concurrency_limit(1)
        .timeout(Duration::from_millis(50))
        .layer(trace);
    let finish = Arc::new(Notify::new());
    let router = Router::with_state(finish.clone()).route("/job", work).layer(layers);
    let server = Server::builder().router(router).listen("simple://127.0.0.1:0").start().await?;

    let client = Client::connect(&server.addresses()[0]).await?;
    let first = client.call::<String>("/job", ()).start();
    println!("second call: {}", said(client.call("/job", ()).await));
    finish.notify_one();
    println!("first call: {}", said(first.await));
    println!("third call: {}", said(client.call("/job", ()).await));
    Ok(())
}
