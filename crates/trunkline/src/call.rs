//! Calls: described, sent, awaited.
//!
//! A [`Call`] is described and does nothing; awaiting it sends it and waits. [`Call::start`] sends it now and gives a
//! [`Pending`] to await later. Dropping either cancels: what has not left is taken back, a late answer is recognised and
//! dropped.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_engine::connection::WhenFull;
use trunkline_engine::{Answer, Failure, Outcome};
use trunkline_wire::{Fault, Id, Message, Route};

use crate::body::FromBody;
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::link::{Inner, Link, now};
use crate::peer::Peer;

/// Whom a call is for.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Peer(Peer),
    Client(Client),
}

/// How a call wants to be made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    pub(crate) timeout: Option<Duration>,
    pub(crate) idempotent: bool,
    pub(crate) try_only: bool,
    /// Part of a batch: the driver is woken when the batch ends, or when the call is awaited.
    pub(crate) quiet: bool,
}

/// A call that was described and not yet sent.
#[must_use = "a call does nothing until it is awaited or started"]
pub struct Call<R = Bytes> {
    target: Target,
    message: Result<Message, Fault>,
    options: Options,
    reply: PhantomData<fn() -> R>,
}

impl<R: FromBody> Call<R> {
    pub(crate) fn new(target: Target, route: Route, body: Result<Bytes, Fault>) -> Self {
        let message = body.map(|body| Message::request(Id(0), route, body));
        Self { target, message, options: Options::default(), reply: PhantomData }
    }

    /// The whole time this call may take: waiting for a connection, for room, for the answer, and repeats. The default
    /// is the connection's `call_timeout`.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Executing it twice does no harm: a client may repeat it, within its budget, when the outcome is unknown.
    pub const fn idempotent(mut self) -> Self {
        self.options.idempotent = true;
        self
    }

    /// Fails when there is no room to send it, instead of waiting.
    pub const fn try_only(mut self) -> Self {
        self.options.try_only = true;
        self
    }

    /// The driver is not woken for it.
    pub(crate) const fn quiet(mut self) -> Self {
        self.options.quiet = true;
        self
    }

    /// Sends it now; the answer can be awaited later. It is bound to one peer and is never repeated. Calls started in a
    /// row without an `.await` between them leave in one write.
    ///
    /// A client without a connection sends it as soon as the [`Pending`] is polled and there is one.
    pub fn start(self) -> Pending<R> {
        let mut pending = self.into_future();
        pending.start();
        pending
    }
}

impl<R: FromBody> IntoFuture for Call<R> {
    type Output = Result<R, Error>;
    type IntoFuture = Pending<R>;

    fn into_future(self) -> Pending<R> {
        let Self { target, message, options, reply } = self;
        let state = match message {
            Ok(_) => State::Begin,
            Err(_) => State::Over,
        };
        let (message, failed) = match message {
            Ok(message) => (message, None),
            Err(fault) => (Message::notify(Route::NONE, Bytes::new()), Some(fault)),
        };
        Pending {
            target,
            message,
            options,
            state,
            failed,
            deadline: None,
            repeats: 0,
            uncertain: false,
            admitted: false,
            bound: false,
            reply,
        }
    }
}

impl<R> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("target", &self.target)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

enum State {
    Begin,
    /// Waiting for a client to have a connection.
    Finding(Pin<Box<dyn Future<Output = Result<Peer, Error>> + Send>>),
    /// Registered with a connection.
    Sent(Arc<Link>, Id),
    /// Ended before it was awaited.
    Failed(Error),
    Over,
}

/// A call that was sent, or is about to be. Dropping it cancels the call.
///
/// Cancel safe in the sense of design: dropping it at any moment leaves the connection intact.
#[must_use = "dropping a pending call cancels it"]
pub struct Pending<R = Bytes> {
    target: Target,
    /// The call owns its message until it ends, so that a repeat can encode it again.
    message: Message,
    options: Options,
    state: State,
    failed: Option<Fault>,
    deadline: Option<Instant>,
    repeats: u32,
    /// An earlier attempt may have been executed: no later error may deny it.
    uncertain: bool,
    /// It has its token of the client's rate limit; a repeat needs no other.
    admitted: bool,
    /// Started: never repeated.
    bound: bool,
    reply: PhantomData<fn() -> R>,
}

impl<R: FromBody> Pending<R> {
    fn start(&mut self) {
        self.bound = true;
        if !matches!(self.state, State::Begin) {
            return;
        }
        loop {
            let peer = match &self.target {
                Target::Peer(peer) => Ok(Some(peer.clone())),
                Target::Client(client) => client.pick(&mut self.admitted),
            };
            self.state = match peer {
                Ok(Some(peer)) => match self.send(&peer, Waker::noop()) {
                    Ok(id) => State::Sent(peer.link, id),
                    // Its connection turned out to be about to end: nothing was sent, so it is bound to none yet.
                    Err(error) if self.moves_on(&peer, &error) => continue,
                    Err(error) => State::Failed(error),
                },
                Ok(None) => State::Begin,
                Err(error) => State::Failed(error),
            };
            return;
        }
    }

    /// A connection of the client refused the call because it is about to end: whether to try another.
    fn moves_on(&mut self, peer: &Peer, error: &Error) -> bool {
        let Target::Client(client) = &self.target else { return false };
        let moves = client.may_repeat(error, false, self.repeats);
        if moves {
            client.leave(peer);
        }
        moves
    }

    /// Registers the call with a connection.
    #[inline]
    fn send(&mut self, peer: &Peer, waker: &Waker) -> Result<Id, Error> {
        let deadline = *self.deadline.get_or_insert_with(|| {
            now() + self.options.timeout.unwrap_or_else(|| peer.config().call_timeout)
        });
        let when_full = if self.options.try_only { WhenFull::Fail } else { WhenFull::Wait };
        let waker = waker.clone();
        let message = &mut self.message;
        let section = |inner: &mut Inner| inner.conn.call(message, Some(deadline), waker, when_full);
        let begun =
            if self.options.quiet { section(&mut peer.link.lock()) } else { peer.link.command(section) };
        begun.map_err(|failure| self.error(failure, &peer.link))
    }

    fn error(&self, failure: Failure, link: &Link) -> Error {
        Error::from(failure).at(&link.facts.address, self.route())
    }

    const fn route(&self) -> Option<&Route> {
        match &self.message {
            Message::Request { route, .. } => Some(route),
            _ => None,
        }
    }

    fn finish(&self, link: &Link, result: Result<Answer, Failure>) -> Result<R, Error> {
        let error = match result {
            Ok(Answer::Reply(body)) => match R::from_body(body, link.facts.profile) {
                Ok(reply) => return Ok(reply),
                Err(fault) => Error::new(ErrorKind::Decode(fault), Outcome::Answered),
            },
            Ok(Answer::Fault(fault)) => Error::fault(*fault),
            Err(failure) => Error::from(failure),
        };
        Err(error.at(&link.facts.address, self.route()))
    }

    /// One step of the call; `None` waits.
    #[inline]
    fn step(&mut self, cx: &mut Context<'_>) -> Option<Result<R, Error>> {
        match &mut self.state {
            State::Begin => {
                let peer = match &self.target {
                    Target::Peer(peer) => peer.clone(),
                    Target::Client(client) => match client.pick(&mut self.admitted) {
                        Ok(Some(peer)) => peer,
                        Ok(None) => return self.find(cx),
                        Err(error) => return Some(Err(error.called(self.route()))),
                    },
                };
                self.send_to(peer, cx)
            }
            State::Finding(finding) => match finding.as_mut().poll(cx) {
                Poll::Pending => None,
                Poll::Ready(Ok(peer)) => self.send_to(peer, cx),
                Poll::Ready(Err(error)) => Some(Err(self.honest(error.called(self.route())))),
            },
            State::Sent(link, id) => {
                if std::mem::take(&mut self.options.quiet) {
                    link.wake();
                }
                let ended = link.lock().conn.poll_call(*id, |token| match token {
                    Some(waker) => waker.clone_from(cx.waker()),
                    None => *token = Some(cx.waker().clone()),
                })?;
                let link = link.clone();
                self.state = State::Over;
                let result = self.finish(&link, ended);
                self.repeat_or(result, cx)
            }
            State::Failed(_) => {
                let State::Failed(error) = std::mem::replace(&mut self.state, State::Over) else {
                    return None;
                };
                Some(Err(error))
            }
            State::Over => {
                let fault = self.failed.take()?;
                Some(Err(Error::not_sent(ErrorKind::Fault(fault))))
            }
        }
    }

    fn send_to(&mut self, peer: Peer, cx: &mut Context<'_>) -> Option<Result<R, Error>> {
        match self.send(&peer, cx.waker()) {
            Ok(id) => {
                self.state = State::Sent(peer.link, id);
                None
            }
            Err(error) => self.repeat_or(Err(error), cx),
        }
    }

    fn find(&mut self, cx: &mut Context<'_>) -> Option<Result<R, Error>> {
        let Target::Client(client) = &self.target else { return None };
        let client = client.clone();
        let timeout = || self.options.timeout.unwrap_or_else(|| client.call_timeout());
        let deadline = self.deadline.unwrap_or_else(|| now() + timeout());
        self.deadline = Some(deadline);
        let admitted = std::mem::replace(&mut self.admitted, true);
        self.state = State::Finding(Box::pin(async move { client.available(deadline, admitted).await }));
        self.step(cx)
    }

    /// A client repeats what was certainly not executed, and idempotent calls within its budget.
    fn repeat_or(&mut self, result: Result<R, Error>, cx: &mut Context<'_>) -> Option<Result<R, Error>> {
        let Err(error) = result else { return Some(result) };
        let repeats = match &self.target {
            Target::Client(client) => {
                !self.bound && client.may_repeat(&error, self.options.idempotent, self.repeats)
            }
            Target::Peer(_) => false,
        };
        if !repeats {
            return Some(Err(self.honest(error)));
        }
        self.repeats += u32::from(error.outcome() != Outcome::NotSent);
        self.uncertain |= error.outcome() == Outcome::Unknown;
        self.find(cx)
    }

    /// What is known of all attempts together.
    fn honest(&self, error: Error) -> Error {
        if self.uncertain && error.is_safe_to_repeat() { error.with_outcome(Outcome::Unknown) } else { error }
    }
}

impl<R: FromBody> Future for Pending<R> {
    type Output = Result<R, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.step(cx) {
            Some(result) => {
                self.state = State::Over;
                Poll::Ready(result)
            }
            None => Poll::Pending,
        }
    }
}

impl<R> Unpin for Pending<R> {}

impl<R> Drop for Pending<R> {
    fn drop(&mut self) {
        if let State::Sent(link, id) = &self.state {
            let rest = link.command(|inner| inner.conn.abandon_call(*id, now()));
            drop(rest);
        }
    }
}

impl<R> fmt::Debug for Pending<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("target", &self.target).finish_non_exhaustive()
    }
}
