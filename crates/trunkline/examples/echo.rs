//! The smallest server and its client.
//!
//! ```text
//! hello, world
//! 1 peers: 1 drained, 0 cut
//! ```
#![expect(clippy::print_stdout, reason = "what it prints is what it shows")]

use trunkline::bytes::Bytes;
use trunkline::{Client, Error, Request, Router, Server};

async fn echo(request: Request) -> Bytes {
    request.body
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let router = Router::new().route((1, "/echo"), echo);
    let server = Server::builder().router(router).listen("iproto://127.0.0.1:0").start().await?;

    let client = Client::connect(&server.addresses()[0]).await?;
    let answer: String = client.call(1, "hello, world").await?;
    println!("{answer}");

    let report = server.drain().await;
    println!("{} peers: {} drained, {} cut", report.peers, report.drained, report.cut);
    Ok(())
}
