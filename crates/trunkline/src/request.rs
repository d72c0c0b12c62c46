//! What a handler is given, and what it gives back.

use std::time::{Duration, Instant};

use bytes::Bytes;
use trunkline_wire::{Code, Fault, Id, Metadata, Name, Route};

use crate::body::{FromBody, IntoBody};
use crate::extensions::Extensions;
use crate::peer::Peer;

/// A request or notification, with its body as `B`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request<B = Bytes> {
    /// Who asks. It can be called, too.
    pub peer: Peer,
    /// What for.
    pub route: Route,
    /// The question.
    pub body: B,
    /// What came beside it.
    pub metadata: Metadata,
    /// When the caller stops waiting, if it said so.
    pub deadline: Option<Instant>,
    /// What layers attached.
    pub extensions: Extensions,
    pub(crate) id: Option<Id>,
}

impl<B> Request<B> {
    /// Whether nobody waits for an answer. Whatever the handler returns is dropped then.
    #[must_use]
    pub const fn is_notification(&self) -> bool {
        self.id.is_none()
    }

    /// The id that the caller's dialect gave to the request; `None` for a notification.
    #[must_use]
    pub const fn id(&self) -> Option<Id> {
        self.id
    }

    /// The first metadata entry with this key.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&Bytes> {
        self.metadata.iter().find(|(name, _)| Name::as_str(name) == key).map(|(_, value)| value)
    }

    /// The time that the caller still grants, if it said so.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(crate::link::now()))
    }

    /// Completes when nobody can receive the answer any more: the connection is over.
    ///
    /// Cancel safe.
    pub async fn cancelled(&self) {
        self.peer.closed().await;
    }

    /// The same request with another body.
    pub fn with_body<C>(self, body: C) -> (B, Request<C>) {
        let Self { peer, route, body: old, metadata, deadline, extensions, id } = self;
        (old, Request { peer, route, body, metadata, deadline, extensions, id })
    }
}

impl Request<Bytes> {
    /// Reads the body as a `B`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn decode<B: FromBody>(self) -> Result<Request<B>, Fault> {
        let dialect = self.peer.profile();
        let (body, empty) = self.with_body(());
        let body = B::from_body(body, dialect)?;
        Ok(empty.with_body(body).1)
    }
}

/// What a handler gives back: a body, or why not.
#[derive(Debug)]
pub struct Reply(pub(crate) Result<Bytes, Box<Fault>>);

impl Reply {
    /// An answer that says no.
    #[must_use]
    pub fn fault(fault: Fault) -> Self {
        Self(Err(Box::new(fault)))
    }

    /// The body, or why not.
    ///
    /// # Errors
    /// The fault that the caller will see.
    pub fn into_result(self) -> Result<Bytes, Fault> {
        self.0.map_err(|fault| *fault)
    }

    pub(crate) fn panicked() -> Self {
        Self::fault(Fault::new(Code::Internal, "the handler panicked"))
    }
}

/// What a handler may return: a body, or a `Result` of one. Any error works with `?`; the caller of a handler that
/// fails with something other than a [`Fault`] hears "internal error", and the log hears the rest.
#[diagnostic::on_unimplemented(
    message = "a handler cannot answer with `{Self}`",
    note = "a handler returns a body, such as `Bytes`, `String` or `Packed<T>`, or a `Result` of one whose error is a \
            `Fault` or becomes one, as every `std::error::Error` does"
)]
pub trait IntoReply: Send {
    /// The reply, spelled for a caller who speaks `dialect`.
    fn into_reply(self, dialect: &'static trunkline_wire::Profile) -> Reply;
}

impl<B: IntoBody> IntoReply for B {
    fn into_reply(self, dialect: &'static trunkline_wire::Profile) -> Reply {
        Reply(self.into_body(dialect).map_err(Box::new))
    }
}

impl<B: IntoBody, E: Into<Fault> + Send> IntoReply for Result<B, E> {
    fn into_reply(self, dialect: &'static trunkline_wire::Profile) -> Reply {
        Reply(self.map_err(Into::into).and_then(|body| body.into_body(dialect)).map_err(Box::new))
    }
}

impl IntoReply for Reply {
    fn into_reply(self, _: &'static trunkline_wire::Profile) -> Reply {
        self
    }
}
