//! One service, written once, reached over few persistent connections in every dialect its callers already speak.
//!
//! ```
//! use trunkline::{Client, Error, Request, Router, Server};
//!
//! async fn greet(request: Request<String>) -> String {
//!     format!("hello, {}", request.body)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! let router = Router::new().route((1, "/greet"), greet);
//! let server = Server::builder().router(router).listen("iproto://127.0.0.1:0").start().await?;
//!
//! let client = Client::connect(&server.addresses()[0]).await?;
//! let hello: String = client.call(1, "Ann").await?;
//! assert_eq!(hello, "hello, Ann");
//!
//! let report = server.drain().await;
//! assert_eq!((report.peers, report.drained), (1, 1));
//! # Ok(())
//! # }
//! ```
//!
//! # Seven nouns
//!
//! > A **Client** or a **Server** keeps **Peers**. A Peer exchanges **Messages** with the other end, spelled in a
//! > **Dialect**. A **Router** answers what arrives. A **Stream** is a call that says more than one thing. A **Group** is
//! > many Peers addressed as one.
//!
//! | noun | is |
//! |---|---|
//! | [`Message`](wire::Message) | the one vocabulary that all dialects translate to; a small enum of verbs |
//! | [`Dialect`](wire::Dialect) | how messages are spelled, without I/O |
//! | [`Peer`] | a handle to the other end of one live connection; both ends have one, both may call |
//! | [`Router`] | route to handler, where a route is a number, a name, or both: `(1, "/echo")` |
//! | [`Client`], [`Server`] | what dials or accepts, keeps Peers alive, and lets them go |
//! | [`Group`] | a keyed set of Peers that forgets a Peer when it closes; broadcast |
//! | Stream | not built yet |
//!
//! # How a call ends
//!
//! Exactly once: with an answer, or with an [`Error`] whose [`outcome`](Error::outcome) says what is known of its
//! execution. Dropping the future of a call cancels it and leaves the connection intact.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `unix` | on | Unix sockets: `iproto+unix:///run/x.sock` |
//! | `macros` | on | `#[service]`, and with `pack` its derives |
//! | `pack` | on | bodies as go-iproto packs them: `Packed<T>` |
//! | `json`, `msgpack`, `protobuf`, `gob` | off | bodies in other formats, one each; `json` brings link's codec, `link_json` |
//! | `auto` | off | bodies in the dialect's own format: `Auto<T>` |
//! | `gorpc` | off | the dialect of valyala/gorpc, `gorpc://`, with [`Gob`](body) bodies |
//! | `metrics` | off | counters and histograms through the `metrics` facade (under way) |
//!
//! # Where to go on
//!
//! Handlers are described at [`Handler`], body formats at [`body`], addresses at [`address`], errors at [`error`], the
//! knobs at [`Config`], testing at [`mod@test`]. The bare codecs are in [`wire`].

pub mod address;
mod batch;
pub mod body;
mod call;
mod caller;
mod client;
mod dialects;
mod dispatch;
mod driver;
pub mod error;
mod extensions;
mod group;
mod handler;
mod hooks;
pub mod layer;
mod link;
#[cfg(feature = "json")]
pub mod link_json;
mod notify;
mod observe;
mod peer;
mod registry;
mod request;
mod router;
mod scratch;
mod server;
mod signal;
mod sync;
pub mod test;
mod transport;

pub use batch::Batch;
#[cfg(feature = "auto")]
pub use body::Auto;
#[cfg(feature = "gob")]
pub use body::Gob;
#[cfg(feature = "json")]
pub use body::Json;
#[cfg(feature = "msgpack")]
pub use body::Msgpack;
#[cfg(feature = "pack")]
pub use body::Packed;
#[cfg(feature = "protobuf")]
pub use body::Protobuf;
pub use body::{Append, Appended, FromBody, IntoBody, Text};
pub use bytes;
pub use call::{Call, Pending};
pub use caller::Caller;
pub use client::{Backoff, Client, ClientBuilder, ClientStats, EachIp, Offline, Over, Pick, Redial, Resolve};
pub use error::{Error, ErrorKind, Who};
pub use extensions::Extensions;
pub use group::{Delivered, Group};
pub use handler::{BoxFuture, Handler};
pub use notify::Notify;
pub use peer::Peer;
pub use request::{IntoReply, Reply, Request};
pub use router::{Router, Run, Unknown};
pub use server::{DrainReport, Server, ServerBuilder};
pub use transport::{AnyIo, Io};
pub use trunkline_engine::{CloseReason, Config, Outcome, Overflow, Stats};
#[cfg(feature = "gob")]
pub use trunkline_gob as gob;
#[cfg(feature = "macros")]
pub use trunkline_macros::service;
#[cfg(feature = "pack")]
pub use trunkline_pack as pack;
#[cfg(all(feature = "pack", feature = "macros"))]
pub use trunkline_pack::{Pack, Unpack};
pub use trunkline_wire as wire;
pub use trunkline_wire::{Code, Fault, Route, Side};

/// The README's programs compile as they stand there.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// So do the programs of the guide to services.
#[cfg(all(doctest, feature = "macros", feature = "pack"))]
#[doc = include_str!("../../../docs/services.md")]
struct Services;
