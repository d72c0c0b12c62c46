//! Verbs to structs of one gob stream.
//!
//! The stream remembers which types it has defined, so everything must leave in the order in which it was encoded.
//! A message that cannot be encoded leaves neither bytes nor definitions behind: unlike in Go, one bad value fails
//! one call and not the connection.

use bytes::Bytes;
use serde::Serialize;
use trunkline_gob::{self as gob, Named, Order, Raw};

use super::{ANY, Bounds, DISPATCHER_REQUEST, DISPATCHER_RESPONSE, unsayable, value};
use crate::{Code, Encode, EncodeError, Fault, Message, Output, Route, Side, Unsayable};

/// How large the scratch space may be between two messages.
const KEPT: usize = 64 << 10;

/// What the side that dials says.
#[derive(Debug, Serialize)]
#[serde(rename = "wireRequest", rename_all = "PascalCase")]
struct Asked<R> {
    #[serde(rename = "ID")]
    id: u64,
    request: R,
}

/// What the side that accepts says.
#[derive(Debug, Serialize)]
#[serde(rename = "wireResponse", rename_all = "PascalCase")]
struct Answered<'a, R> {
    #[serde(rename = "ID")]
    id: u64,
    response: R,
    error: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename = "dispatcherRequest", rename_all = "PascalCase")]
struct Called<'a> {
    request: &'a Raw,
    name: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename = "dispatcherResponse", rename_all = "PascalCase")]
struct Returned<'a> {
    response: &'a Raw,
    error: &'a str,
}

#[derive(Debug)]
pub(super) struct Encoder {
    side: Side,
    bounds: Bounds,
    stream: gob::Encoder,
    scratch: Vec<u8>,
}

impl Encoder {
    pub(super) fn new(side: Side, bounds: Bounds) -> Self {
        let stream = gob::Encoder::with_limits(Order::Ahead, bounds.gob);
        Self { side, bounds, stream, scratch: Vec::new() }
    }

    fn put<T: Serialize>(&mut self, message: &T, output: &mut Output) -> Result<(), EncodeError> {
        self.scratch.clear();
        self.stream.encode(message, &mut self.scratch).map_err(value::refused)?;
        output.put(&self.scratch);
        if self.scratch.capacity() > KEPT {
            self.scratch = Vec::new();
        }
        Ok(())
    }

    /// A request; the id 0 is not sent, and wants no answer.
    fn ask(&mut self, id: u64, route: &str, body: &Bytes, output: &mut Output) -> Result<(), EncodeError> {
        let request = &value::of(body, &self.bounds)?;
        if is_any(route) {
            return self.put(&Asked { id, request }, output);
        }
        self.bounds.route.leaving::<usize>(route.len())?;
        let request = Named::new(DISPATCHER_REQUEST, Called { request, name: route });
        self.put(&Asked { id, request }, output)
    }

    fn reply(&mut self, id: u64, route: &str, body: &Bytes, output: &mut Output) -> Result<(), EncodeError> {
        let response = &value::of(body, &self.bounds)?;
        if is_any(route) {
            return self.put(&Answered { id, response, error: "" }, output);
        }
        let response = Named::new(DISPATCHER_RESPONSE, Returned { response, error: "" });
        self.put(&Answered { id, response, error: "" }, output)
    }

    /// An error that a function of a Dispatcher returned stands in the Dispatcher's answer; that a call itself failed
    /// stands around it, which is where gorpc reports panics.
    fn refuse(
        &mut self,
        id: u64,
        route: &str,
        fault: &Fault,
        output: &mut Output,
    ) -> Result<(), EncodeError> {
        let (error, nothing) = (&*text(fault), &Raw::default());
        if is_any(route) || fault.code == Code::Internal {
            return self.put(&Answered { id, response: nothing, error }, output);
        }
        let response = Named::new(DISPATCHER_RESPONSE, Returned { response: nothing, error });
        self.put(&Answered { id, response, error: "" }, output)
    }
}

fn is_any(route: &str) -> bool {
    ANY.name() == Some(route)
}

fn name<'a>(verb: &'static str, route: &'a Route) -> Result<&'a str, Unsayable> {
    route.name().ok_or_else(|| unsayable(verb, ": the route has no name, and gorpc has no numbers"))
}

/// What a caller is told: the message, or the code where there is none. Never nothing: an empty text is a success.
fn text(fault: &Fault) -> String {
    match fault.message.as_str() {
        "" => format!("{:?}", fault.code),
        message => message.to_owned(),
    }
}

impl Encode for Encoder {
    fn encode(&mut self, message: &Message, output: &mut Output) -> Result<(), EncodeError> {
        let verb = message.verb();
        match (self.side, message) {
            (_, Message::Request { id, .. } | Message::Reply { id, .. } | Message::Fault { id, .. })
                if id.0 == 0 =>
            {
                Err(unsayable(verb, ": the id 0 wants no answer, and gets none").into())
            }
            (Side::Dialling, Message::Request { id, route, body, .. }) => {
                self.ask(id.0, name(verb, route)?, body, output)
            }
            (Side::Dialling, Message::Notify { route, body, .. }) => {
                self.ask(0, name(verb, route)?, body, output)
            }
            (Side::Accepting, Message::Reply { id, route, body }) => {
                self.reply(id.0, name(verb, route)?, body, output)
            }
            (Side::Accepting, Message::Fault { id, route, fault }) => {
                self.refuse(id.0, name(verb, route)?, fault, output)
            }
            (Side::Accepting, Message::Request { .. } | Message::Notify { .. }) => {
                Err(unsayable(verb, ": a server of gorpc speaks only when it is asked").into())
            }
            (Side::Dialling, Message::Reply { .. } | Message::Fault { .. }) => {
                Err(unsayable(verb, ": a server of gorpc asks nothing").into())
            }
            (
                _,
                Message::Item { .. }
                | Message::End { .. }
                | Message::Reset { .. }
                | Message::Cancel { .. }
                | Message::Credit { .. }
                | Message::Ping { .. }
                | Message::Pong { .. }
                | Message::Drain(_),
            ) => Err(unsayable(verb, "").into()),
        }
    }
}
