//! Who may do what: a hook says who a peer is, and a layer denies a route to some.
//!
//! ```text
//! Guest reads: nothing new
//! Guest writes: not for Guest
//! Admin reads: nothing new
//! Admin writes: written
//! ```
#![expect(clippy::print_stdout, reason = "what it prints is what it shows")]

use tower::{ServiceExt, layer::layer_fn, service_fn};
use trunkline::layer::RouteService;
use trunkline::{Client, Code, Error, Fault, Peer, Reply, Request, Router, Server};

#[derive(Clone, Copy, Debug)]
enum Role {
    Guest,
    Admin,
}

/// Whoever may open the Unix socket is an admin; a real hook might ask the peer for a proof: it may call it.
async fn identify(peer: Peer) -> Result<(), Error> {
    peer.set_state(if peer.transport() == "unix" { Role::Admin } else { Role::Guest });
    Ok(())
}

/// Only admins pass. A peer that nobody identified does not.
async fn admins_only(route: RouteService, request: Request) -> Result<Reply, std::convert::Infallible> {
    match request.peer.state::<Role>() {
        Some(Role::Admin) => route.oneshot(request).await,
        role => {
            let who = role.map_or_else(|| "strangers".to_owned(), |role| format!("{role:?}"));
            Ok(Reply::fault(Fault::new(Code::PermissionDenied, format!("not for {who}"))))
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let admins =
        layer_fn(|route: RouteService| service_fn(move |request| admins_only(route.clone(), request)));
    let router = Router::new()
        .route("/write", async |_: Request| "written")
        .layer(admins) // around the routes above it
        .route("/read", async |_: Request| "nothing new");
    let socket = std::env::temp_dir().join(format!("authorize-{}.sock", std::process::id()));
    let listen = ["simple://127.0.0.1:0".to_owned(), format!("simple+unix://{}", socket.display())];
    let server = Server::builder().router(router).on_peer(identify).listen(listen).start().await?;

    for (role, address) in [Role::Guest, Role::Admin].into_iter().zip(server.addresses()) {
        let client = Client::connect(address).await?;
        for (what, route) in [("reads", "/read"), ("writes", "/write")] {
            let answer = client.call::<String>(route, ()).await;
            let said =
                answer.or_else(|error| error.as_fault().map(|no| no.message.to_string()).ok_or(error))?;
            println!("{role:?} {what}: {said}");
        }
    }
    Ok(())
}
