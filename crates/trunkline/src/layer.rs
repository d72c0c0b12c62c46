//! tower at the two seams: around routes, and around a client.
//!
//! A layer sees [`Request`]s on their way to a handler and [`Reply`]s on their way back; nothing inside the engine is
//! made of services, and a route without a layer is dispatched directly. What a layer fails with becomes a fault by one
//! rule: a time-out is `DeadlineExceeded`, load shed is `ResourceExhausted` and refused, anything else is `Internal`.

use std::convert::Infallible;
use std::error::Error as StdError;

use std::task::{Context, Poll};

use bytes::Bytes;
use tower::{Layer, Service, ServiceExt};
use trunkline_wire::{Code, Fault, Route};

use crate::client::Client;
use crate::error::Error;
use crate::handler::BoxFuture;
use crate::request::{Reply, Request};
use crate::router::Serve;

/// What a failed layer fails with.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// A route as a tower service: what a layer on a router wraps.
#[derive(Clone)]
pub struct RouteService(pub(crate) Serve);

impl Service<Request> for RouteService {
    type Response = Reply;
    type Error = Infallible;
    type Future = BoxFuture<Result<Reply, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let reply = (self.0)(request);
        Box::pin(async move { Ok(reply.await) })
    }
}

impl std::fmt::Debug for RouteService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RouteService")
    }
}

/// The route behind a layer. Each request has its own copy of the service, so that one that waits holds up no other.
pub(crate) fn around<L>(layer: &L, serve: Serve) -> Serve
where
    L: Layer<RouteService>,
    L::Service: Service<Request, Response = Reply> + Clone + Send + Sync + 'static,
    <L::Service as Service<Request>>::Error: Into<BoxError>,
    <L::Service as Service<Request>>::Future: Send,
{
    let service = layer.layer(RouteService(serve));
    std::sync::Arc::new(move |request| {
        let answer = service.clone().oneshot(request);
        Box::pin(async move { answer.await.unwrap_or_else(|error| Reply::fault(fault_of(&error.into()))) })
    })
}

/// The fault that stands for a layer's error.
fn fault_of(error: &BoxError) -> Fault {
    if error.is::<tower::timeout::error::Elapsed>() {
        return Fault::new(Code::DeadlineExceeded, "the handler took too long");
    }
    if error.is::<tower::load_shed::error::Overloaded>() {
        return Fault::refused(Code::ResourceExhausted, "overloaded");
    }
    Fault { internal: Some(error.to_string().into()), ..Fault::new(Code::Internal, "internal error") }
}

/// A call for a client that is used as a tower service.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// What is called.
    pub route: Route,
    /// The question.
    pub body: Bytes,
}

impl Outgoing {
    /// A call.
    pub fn new(route: impl Into<Route>, body: impl Into<Bytes>) -> Self {
        Self { route: route.into(), body: body.into() }
    }
}

/// So that tower's layers fit around a client: `ServiceBuilder::new().timeout(..).service(client)`.
impl Service<Outgoing> for Client {
    type Response = Bytes;
    type Error = Error;
    type Future = BoxFuture<Result<Bytes, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Outgoing) -> Self::Future {
        let pending = Self::call::<Bytes>(self, call.route, call.body).into_future();
        Box::pin(pending) as BoxFuture<_>
    }
}
