//! A chat that terminals of three dialects share, with rooms: `cargo run -p trunkline --example chat` serves; with
//! `-- packet://127.0.0.1:7001`, `-- iproto://127.0.0.1:7002` or `-- simple://127.0.0.1:7003` behind it, it takes part.
//! `/join ROOM` goes elsewhere.
#![expect(clippy::print_stdout, reason = "a chat is on the terminal")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::{io, thread};
use trunkline::{Client, Error, Group, Request, Router, Server};

/// By number, by name, or not said at all: whatever the dialect has.
const CHAT: (u32, &str) = (11, "/chat");
type Rooms = Arc<Mutex<HashMap<String, Group<u64>>>>;

fn room(rooms: &Rooms, name: &str) -> Group<u64> {
    let mut rooms = rooms.lock().expect("no panic");
    rooms.retain(|_, room| !room.is_empty());
    rooms.entry(name.to_owned()).or_default().clone()
}

async fn say(rooms: Rooms, said: Request<String>) -> Result<(), Error> {
    let (peer, line) = (&said.peer, said.body.trim());
    let Some(place) = peer.state::<Mutex<Group<u64>>>() else { return Ok(()) };
    let mut place = place.lock().expect("no panic");
    if let Some(name) = line.strip_prefix("/join ") {
        place.leave(&peer.id());
        *place = room(&rooms, name);
        return place.join(peer.id(), peer).map(drop);
    }
    place.broadcast_except(peer, CHAT, format!("{}: {line}", peer.id()));
    Ok(())
}

async fn serve() -> Result<(), Error> {
    let rooms = Rooms::default();
    let server = Server::builder()
        .router(Router::with_state(rooms.clone()).packets(say).route(CHAT, say))
        .listen(["packet://127.0.0.1:7001", "iproto://127.0.0.1:7002", "simple://127.0.0.1:7003"])
        .on_peer(move |peer| {
            let lobby = room(&rooms, "lobby");
            let joined = lobby.join(peer.id(), &peer).map(drop);
            peer.set_state(Mutex::new(lobby));
            async move { joined }
        });
    server.start().await?.serve_until_signal().await.map(drop)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let Some(url) = std::env::args().nth(1) else { return serve().await };
    let router = Router::new().fallback(|said: Request<String>| async move { println!("{}", said.body) });
    let client = Client::builder().router(router).connect(url).await?;
    let (lines, mut typed) = tokio::sync::mpsc::channel(16);
    thread::spawn(move || io::stdin().lines().map_while(Result::ok).try_for_each(|l| lines.blocking_send(l)));
    while let Some(line) = typed.recv().await {
        client.notify(CHAT, line).await?;
    }
    let Some(peer) = client.peer() else { return Ok(()) };
    peer.flush().await
}
