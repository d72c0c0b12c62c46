//! A server that calls its client, over the connection that the client made, while it answers it.
//!
//! ```text
//! the server asks: what is your name?
//! the client hears: welcome, Ada
//! the client is told: 1 online
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use tokio::sync::mpsc;
use trunkline::{Client, Error, Fault, Request, Router, Server, Text};

const LOGIN: u32 = 1;
const NAME: u32 = 2;
const ONLINE: u32 = 3;

/// Both ends of a connection have a peer, and both may call.
async fn login(request: Request) -> Result<String, Fault> {
    let name: Text = request.peer.call(NAME, "what is your name?").await?;
    request.peer.notify(ONLINE, "1 online").await?;
    Ok(format!("welcome, {}", name.0))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let router = Router::new().route(LOGIN, login);
    let server = Server::builder().router(router).listen("iproto://127.0.0.1:0").start().await?;

    let (told, mut news) = mpsc::channel(8);
    let ours = Router::new()
        .route(NAME, async |question: Request<Text>| {
            println!("the server asks: {}", question.body.0);
            "Ada"
        })
        .route(ONLINE, move |notice: Request<Text>| {
            let told = told.clone();
            async move { drop(told.send(notice.body.0).await) }
        });
    let client = Client::builder().router(ours).connect(&server.addresses()[0]).await?;
    let welcome: Text = client.call(LOGIN, ()).await?;
    println!("the client hears: {}", welcome.0);
    println!("the client is told: {}", news.recv().await.unwrap_or_default());
    Ok(())
}
