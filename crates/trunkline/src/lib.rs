//! One service, written once, reached over few persistent connections in every dialect its callers already speak.
//!
//! A [`Client`] or a [`Server`] keeps [`Peer`]s. A Peer exchanges [`Message`](wire::Message)s with the other end, spelled
//! in a [`Dialect`](wire::Dialect). A [`Router`] answers what arrives.

pub mod address;
mod batch;
pub mod body;
mod call;
mod client;
mod dialects;
mod dispatch;
mod driver;
pub mod error;
mod handler;
mod link;
mod notify;
mod observe;
mod peer;
mod request;
mod router;
mod scratch;
mod server;
mod signal;
pub mod test;
mod transport;

pub use batch::Batch;
pub use body::{FromBody, IntoBody, Text};
pub use bytes;
pub use call::{Call, Pending};
pub use client::{Client, ClientBuilder};
pub use error::{Error, ErrorKind};
pub use handler::{BoxFuture, Handler};
pub use notify::Notify;
pub use peer::Peer;
pub use request::{IntoReply, Reply, Request};
pub use router::{Router, Run, Unknown};
pub use server::{DrainReport, Server, ServerBuilder};
pub use transport::{AnyIo, Io};
pub use trunkline_engine::{CloseReason, Config, Outcome, Stats};
pub use trunkline_wire as wire;
pub use trunkline_wire::{Code, Fault, Route, Side};
