//! A service as a trait: `#[service]` makes its client and its router.
//!
//! ```text
//! noted: adding
//! 2 + 3 = 5
//! no answer: the sum is too large
//! ```
#![expect(clippy::print_stdout, reason = "what it prints is what it shows")]

use trunkline::{Client, Code, Error, Fault, Server, service};

#[service]
trait Calculator {
    /// The sum.
    #[route(1, "/add")]
    #[idempotent]
    async fn add(&self, a: u32, b: u32) -> Result<u32, Fault>;

    /// For the journal; nobody waits for an answer.
    #[notify(2, "/note")]
    async fn note(&self, text: String);
}

struct Desk;

impl Calculator for Desk {
    async fn add(&self, a: u32, b: u32) -> Result<u32, Fault> {
        a.checked_add(b).ok_or_else(|| Fault::new(Code::OutOfRange, "the sum is too large"))
    }

    async fn note(&self, text: String) {
        println!("noted: {text}");
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let server = Server::builder().router(Desk.into_router()).listen("simple://127.0.0.1:0").start().await?;
    let calculator = CalculatorClient::new(Client::connect(&server.addresses()[0]).await?);

    calculator.note("adding".to_owned()).await?;
    println!("2 + 3 = {}", calculator.add(2, 3).await?);
    if let Err(error) = calculator.add(u32::MAX, 1).await {
        let why = error.as_fault().map(|fault| fault.message.to_string());
        println!("no answer: {}", why.unwrap_or_else(|| error.to_string()));
    }
    Ok(())
}
