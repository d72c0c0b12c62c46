//! Values in go-iproto's packed form: as bytes, and as bodies of calls.
//!
//! ```text
//! 8202 05000000 776f726c64
//! Message { count: 258, name: "world" }
//! [1, 2] is left
//! the peer says: 258 times world
//! ```
#![expect(clippy::print_stdout, reason = "what it prints is what it shows")]

use trunkline::pack::{append, pack, unpack};
use trunkline::{Pack, Packed, Request, Router, Unpack};

#[derive(Pack, Unpack, Debug)]
struct Message<'a> {
    #[pack(ber)]
    count: u32,
    name: &'a str,
}

/// What a body holds owns its parts: it outlives the bytes that it came in.
#[derive(Pack, Unpack)]
struct OwnedMessage {
    #[pack(ber)]
    count: u32,
    name: String,
}

async fn say(request: Request<Packed<OwnedMessage>>) -> String {
    let Packed(OwnedMessage { count, name }) = request.body;
    format!("{count} times {name}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut bytes = pack(&Message { count: 258, name: "world" })?;
    println!("{} {} {}", hex(&bytes[..2]), hex(&bytes[2..6]), hex(&bytes[6..]));

    append(&mut bytes, &(1u8, 2u8))?; // several values are a tuple
    let (message, rest) = unpack::<Message<'_>>(&bytes)?; // `name` borrows from `bytes`
    println!("{message:?}");
    println!("{rest:?} is left");

    let (peer, _server) = trunkline::test::pair(Router::new().route(1, say))?;
    let owned = OwnedMessage { count: message.count, name: message.name.to_owned() };
    let answer: String = peer.call(1, Packed(owned)).await?;
    println!("the peer says: {answer}");
    Ok(())
}
