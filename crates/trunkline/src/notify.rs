//! Messages that want no answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Sleep;
use trunkline_engine::connection::WhenFull;
use trunkline_engine::{Accepted, Failure, Ticket};
use trunkline_wire::{Fault, Message};

use crate::error::{Error, ErrorKind};
use crate::link::Link;

/// A notification on its way to its place in the output. `Ok` means "accepted, in order", no more.
///
/// Does nothing until polled. Dropping it while it waits for room takes the message back.
#[must_use = "a notification does nothing until it is awaited"]
pub struct Notify {
    link: Arc<Link>,
    message: Option<Result<Message, Fault>>,
    waits: Option<(Ticket, Pin<Box<Sleep>>)>,
}

impl Notify {
    pub(crate) const fn new(link: Arc<Link>, message: Result<Message, Fault>) -> Self {
        Self { link, message: Some(message), waits: None }
    }
}

/// Sends now, or fails when there is no room.
pub(crate) fn try_send(link: &Link, message: &Message) -> Result<(), Error> {
    accepted(link, link.command(|inner| inner.conn.send(message, WhenFull::Fail)))
}

/// As [`try_send`], without waking the driver.
pub(crate) fn try_send_quietly(link: &Link, message: &Message) -> Result<(), Error> {
    let sent = link.lock().conn.send(message, WhenFull::Fail);
    accepted(link, sent)
}

fn accepted(link: &Link, sent: Result<Accepted, Failure>) -> Result<(), Error> {
    sent.map(|_| ()).map_err(|failure| Error::from(failure).at(&link.facts.address, None))
}

impl Future for Notify {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let link = self.link.clone();
        if let Some(message) = self.message.take() {
            let message = match message {
                Ok(message) => message,
                Err(fault) => return Poll::Ready(Err(Error::not_sent(ErrorKind::Fault(fault)))),
            };
            let sent = link.command(|inner| inner.conn.send(&message, WhenFull::Wait));
            match sent.map_err(|failure| Error::from(failure).at(&link.facts.address, None))? {
                Accepted::Queued => return Poll::Ready(Ok(())),
                Accepted::Waits(ticket) => {
                    let sleep = tokio::time::sleep(link.facts.config.notify_timeout);
                    self.waits = Some((ticket, Box::pin(sleep)));
                }
            }
        }
        let Some((ticket, sleep)) = &mut self.waits else { return Poll::Ready(Ok(())) };
        let placed = link.lock().conn.poll_ticket(*ticket, |token| *token = Some(cx.waker().clone()));
        if let Some(result) = placed {
            self.waits = None;
            return Poll::Ready(result.map_err(|failure| Error::from(failure).at(&link.facts.address, None)));
        }
        std::task::ready!(sleep.as_mut().poll(cx));
        // Dropping the ticket takes the message back, so nothing of it is ever sent.
        Poll::Ready(Err(Error::not_sent(ErrorKind::Timeout).at(&link.facts.address, None)))
    }
}

impl Drop for Notify {
    fn drop(&mut self) {
        if let Some((ticket, _)) = &self.waits {
            let message = self.link.lock().conn.abandon_ticket(*ticket);
            drop(message);
        }
    }
}

impl std::fmt::Debug for Notify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notify").field("message", &self.message).finish_non_exhaustive()
    }
}
