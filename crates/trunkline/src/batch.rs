//! Many calls that leave together.

use std::time::Duration;

use trunkline_wire::Route;

use crate::body::{FromBody, IntoBody};
use crate::call::{Call, Pending};
use crate::error::Error;
use crate::peer::Peer;

/// Calls and notifications to one peer that leave in one write, under one deadline.
///
/// Everything is sent as it is added; the connection's driver runs at the next `.await` of this task and writes all of
/// it at once.
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
        let call: Call<R> = self.peer.call(route, body);
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
        self.peer.try_notify(route, body)
    }
}
