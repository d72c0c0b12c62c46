//! The server calls its client, on the client's own connection, from inside a handler. (Not every dialect can: simple
//! knows calls in one direction only.)
//!
//! ```text
//! the client was asked: pay 7?
//! the order says: paid
//! the client hears: thank you
//! ```
#![expect(clippy::print_stdout, reason = "what it prints is what it shows")]

use tokio::sync::mpsc;
use trunkline::{Client, Error, Packed, Request, Router, Server};

/// Serves an order: asks the buyer first, and thanks in the end.
async fn order(request: Request<Packed<u32>>) -> Result<&'static str, Error> {
    let (buyer, Packed(price)) = (request.peer, request.body);
    let agreed: String = buyer.call(2, format!("pay {price}?")).await?;
    buyer.notify(3, "thank you").await?;
    Ok(if agreed == "yes" { "paid" } else { "cancelled" })
}

async fn confirm(request: Request<String>) -> &'static str {
    println!("the client was asked: {}", request.body);
    "yes"
}

async fn news(heard: mpsc::Sender<String>, request: Request<String>) {
    // Nobody listens any more: then nobody misses it.
    let _ = heard.send(request.body).await;
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let shop = Router::new().route((1, "/order"), order);
    let server = Server::builder().router(shop).listen("iproto://127.0.0.1:0").start().await?;

    let (heard, mut hears) = mpsc::channel(1);
    let buyer = Router::with_state(heard).route((2, "/confirm"), confirm).route((3, "/news"), news);
    let client = Client::builder().router(buyer).connect(&server.addresses()[0]).await?;
    let answer: String = client.call(1, Packed(7u32)).await?;
    println!("the order says: {answer}");
    println!("the client hears: {}", hears.recv().await.unwrap_or_default());
    Ok(())
}
