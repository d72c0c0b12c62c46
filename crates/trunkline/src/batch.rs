//! Many calls that leave together.

use std::time::Duration;

use trunkline_wire::{Message, Route};

use crate::body::{FromBody, IntoBody};
use crate::call::{Call, Pending};
use crate::error::Error;
use crate::notify::try_send_quietly;
use crate::peer::Peer;

/// Calls and notifications to one peer that leave together, under one deadline.
///
/// What is added takes its place in the output at once; the connection's driver is woken when the batch is
/// [sent](Self::send) or dropped, and writes all of it in one go. Awaiting one of its calls sends what was added so far.
#[derive(Debug)]
#[must_use = "a batch without calls does nothing"]
pub struct Batch {
    peer: Peer,
    timeout: Option<Duration>,
}

impl Batch {
    pub(crate) const fn new(peer: Peer) -> Self {
        Self { peer, timeout: None }
    }

    /// The time that every call of the batch may take.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Adds a call.
    pub fn call<R: FromBody>(&mut self, route: impl Into<Route>, body: impl IntoBody) -> Pending<R> {
        let call: Call<R> = self.peer.call(route, body).quiet();
        match self.timeout {
            Some(timeout) => call.timeout(timeout).start(),
            None => call.start(),
        }
    }

    /// Adds a message that wants no answer.
    ///
    /// # Errors
    /// When there is no room for it now.
    pub fn notify(&mut self, route: impl Into<Route>, body: impl IntoBody) -> Result<(), Error> {
        let body = body.into_body(self.peer.profile()).map_err(Error::fault)?;
        try_send_quietly(&self.peer.link, &Message::notify(route.into(), body))
    }

    /// Sends it.
    pub fn send(self) {}
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.peer.link.wake();
    }
}
