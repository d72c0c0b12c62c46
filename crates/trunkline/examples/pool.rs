//! One client, cloned into many tasks, that outlives its server.
//!
//! It connects again by itself: a call that begins while nobody is there waits, within its time-out.
//!
//! ```text
//! 100 calls from 10 tasks were answered
//! the server is gone: Timeout, not sent
//! another one is there: 100 calls from 10 tasks were answered
//! ```
#![expect(clippy::print_stdout, reason = "what it prints is what it shows")]

use std::time::Duration;

use trunkline::{Client, Error, Packed, Request, Router, Server};

async fn double(request: Request<Packed<u32>>) -> Packed<u32> {
    Packed(request.body.0 * 2)
}

async fn start(address: &str) -> Result<Server, Error> {
    Server::builder().router(Router::new().route(1, double)).listen(address).start().await
}

async fn calls(client: &Client) -> usize {
    let tasks = (0..10u32).map(|task| {
        let client = client.clone();
        tokio::spawn(async move {
            let mut answered = 0;
            for n in 0..10 {
                let number = task * 10 + n;
                let answer = client.call::<Packed<u32>>(1, Packed(number)).await;
                answered += usize::from(answer.is_ok_and(|Packed(answer)| answer == number * 2));
            }
            answered
        })
    });
    let mut answered = 0;
    for task in tasks.collect::<Vec<_>>() {
        answered += task.await.unwrap_or(0);
    }
    answered
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let server = start("iproto://127.0.0.1:0").await?;
    let address = server.addresses()[0].to_string();
    let client = Client::connect(&address).await?;
    println!("{} calls from 10 tasks were answered", calls(&client).await);

    server.drain().await;
    let call = client.call::<Packed<u32>>(1, Packed(1)).timeout(Duration::from_millis(50));
    if let Err(error) = call.await {
        println!("the server is gone: {:?}, {}", error.kind(), error.outcome());
    }

    let _server = start(&address).await?;
    println!("another one is there: {} calls from 10 tasks were answered", calls(&client).await);
    Ok(())
}
