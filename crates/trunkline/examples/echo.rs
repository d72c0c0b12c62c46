//! A server with one route, and a client that calls it.
//!
//! ```text
//! echo: hello
//! echo of 1048576 bytes
//! 1 peers: 1 drained, 0 cut
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use trunkline::bytes::Bytes;
use trunkline::{Client, Error, Request, Router, Server, Text};

async fn echo(request: Request) -> Bytes {
    request.body
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let router = Router::new().route((1, "/echo"), echo);
    let server = Server::builder().router(router).listen("iproto://127.0.0.1:0").start().await?;

    let client = Client::connect(&server.addresses()[0]).await?;
    let hello: Text = client.call(1, "hello").await?;
    println!("echo: {}", hello.0);
    let large: Bytes = client.call(1, vec![7; 1 << 20]).await?;
    println!("echo of {} bytes", large.len());

    let report = server.drain().await;
    println!("{} peers: {} drained, {} cut", report.peers, report.drained, report.cut);
    Ok(())
}
