//! Many routes on one server, by number and by name, for callers who speak different dialects.
//!
//! ```text
//! over iproto, 1: HELLO
//! over simple, /upper: HELLO
//! over simple, /text/reverse: olleh
//! over simple, /text/length: nobody answers /text/length
//! ```
#![expect(clippy::print_stdout, reason = "what it prints is what it shows")]

use trunkline::{Client, Code, Error, Fault, Request, Router, Server};

async fn upper(request: Request<String>) -> String {
    request.body.to_uppercase()
}

async fn reverse(request: Request<String>) -> String {
    request.body.chars().rev().collect()
}

async fn nobody(request: Request) -> Result<(), Fault> {
    Err(Fault::new(Code::Unimplemented, format!("nobody answers {}", request.route)))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let text = Router::new().route((2, "/reverse"), reverse);
    let router = Router::new().route((1, "/upper"), upper).nest("/text", text).fallback(nobody);
    let server = Server::builder()
        .router(router)
        .listen("iproto://127.0.0.1:0")
        .listen("simple://127.0.0.1:0")
        .start()
        .await?;

    let iproto = Client::connect(&server.addresses()[0]).await?;
    let answer: String = iproto.call(1, "hello").await?;
    println!("over iproto, 1: {answer}");

    let simple = Client::connect(&server.addresses()[1]).await?;
    for name in ["/upper", "/text/reverse", "/text/length"] {
        let answer = match simple.call::<String>(name, "hello").await {
            Ok(answer) => answer,
            Err(error) => {
                error.as_fault().map_or_else(|| error.to_string(), |fault| fault.message.to_string())
            }
        };
        println!("over simple, {name}: {answer}");
    }
    Ok(())
}
