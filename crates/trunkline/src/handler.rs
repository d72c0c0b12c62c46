//! Handlers: plain async functions of a [`Request`].

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;

use crate::body::FromBody;
use crate::request::{IntoReply, Reply, Request};

/// A future that owns everything it needs.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// An async function that answers requests: `async fn(Request<B>) -> R` or `async fn(State, Request<B>) -> R`.
///
/// `B` is how the body is read, `R` a body or a `Result` of one. Dropping the returned future cancels the handler at
/// its next `.await`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    note = "a handler is `async fn(Request<B>) -> R` or `async fn(State, Request<B>) -> R`: `State` is the router's own, \
            `B` is a body that can be read (`FromBody`), `R` is a body that can be written (`IntoBody`) or a `Result` \
            of one, and nothing that is not `Send` is kept over an `.await`"
)]
pub trait Handler<M, S>: Clone + Send + Sync + 'static {
    /// Starts to answer.
    fn handle(&self, state: &S, request: Request<Bytes>) -> BoxFuture<Reply>;
}

impl<F, Fut, B, R, S> Handler<(B,), S> for F
where
    F: Fn(Request<B>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = R> + Send + 'static,
    B: FromBody,
    R: IntoReply + 'static,
{
    fn handle(&self, _: &S, request: Request<Bytes>) -> BoxFuture<Reply> {
        let dialect = request.peer.profile();
        match request.decode() {
            Ok(request) => {
                let answer = self(request);
                Box::pin(async move { answer.await.into_reply(dialect) })
            }
            Err(fault) => Box::pin(std::future::ready(Reply::fault(fault))),
        }
    }
}

impl<F, Fut, B, R, S> Handler<(S, B), S> for F
where
    F: Fn(S, Request<B>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = R> + Send + 'static,
    B: FromBody,
    R: IntoReply + 'static,
    S: Clone,
{
    fn handle(&self, state: &S, request: Request<Bytes>) -> BoxFuture<Reply> {
        let dialect = request.peer.profile();
        match request.decode() {
            Ok(request) => {
                let answer = self(state.clone(), request);
                Box::pin(async move { answer.await.into_reply(dialect) })
            }
            Err(fault) => Box::pin(std::future::ready(Reply::fault(fault))),
        }
    }
}
