//! Taking a connection over: after one call in iproto, both ends go on in plain text on the same socket.
//!
//! ```text
//! the server says: switching
//! the server reads: so long, iproto
//! the client reads: and thanks
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use trunkline::{Client, Request, Router, Server, Text};

/// The answer leaves first; then the socket is ours, with every byte that was read and not used.
async fn switch(request: Request) -> &'static str {
    tokio::spawn(async move {
        let (io, unread) = request.peer.hijack().await?;
        let (reader, mut writer) = tokio::io::split(io);
        let mut line = String::new();
        BufReader::new((&unread[..]).chain(reader)).read_line(&mut line).await?;
        println!("the server reads: {}", line.trim_end());
        writer.write_all(b"and thanks").await?;
        writer.shutdown().await?;
        Ok::<_, Box<dyn Error + Send + Sync>>(())
    });
    "switching"
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let router = Router::new().route(9, switch);
    let server = Server::builder().router(router).listen("iproto://127.0.0.1:0").start().await?;

    let client = Client::connect(&server.addresses()[0]).await?;
    let said: Text = client.call(9, ()).await?;
    println!("the server says: {}", said.0);
    let peer = client.peer().ok_or("the connection is up")?;
    let (mut io, _) = peer.hijack().await?;
    io.write_all(b"so long, iproto\n").await?;
    let mut answer = String::new();
    io.read_to_string(&mut answer).await?;
    println!("the client reads: {answer}");
    Ok(())
}
