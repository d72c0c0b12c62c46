//! Whoever can be called through: a client or a peer.

use std::future::Future;

use trunkline_wire::Route;

use crate::body::{FromBody, IntoBody};
use crate::call::Call;
use crate::client::Client;
use crate::error::Error;
use crate::peer::Peer;

/// A [`Client`] or a [`Peer`]: what typed clients are written over, so that they work in either direction, and what a
/// test can stand in for.
pub trait Caller: Clone + Send + Sync + 'static {
    /// A call: nothing happens until it is awaited or started.
    fn call<R: FromBody>(&self, route: Route, body: impl IntoBody) -> Call<R>;

    /// A message that wants no answer.
    fn notify(&self, route: Route, body: impl IntoBody) -> impl Future<Output = Result<(), Error>> + Send;
}

impl Caller for Client {
    fn call<R: FromBody>(&self, route: Route, body: impl IntoBody) -> Call<R> {
        Self::call(self, route, body)
    }

    fn notify(&self, route: Route, body: impl IntoBody) -> impl Future<Output = Result<(), Error>> + Send {
        Self::notify(self, route, body)
    }
}

impl Caller for Peer {
    fn call<R: FromBody>(&self, route: Route, body: impl IntoBody) -> Call<R> {
        Self::call(self, route, body)
    }

    fn notify(&self, route: Route, body: impl IntoBody) -> impl Future<Output = Result<(), Error>> + Send {
        Self::notify(self, route, body)
    }
}
