//! Structs of one gob stream to verbs.
//!
//! In: the plain stream, one gob message at a time; what is not complete stays in the input, so that it is seen to be
//! slow. Out: messages whose bodies carry their own definitions. Fields are found by name: numbers of types, order
//! and additional fields are the peer's choice.

use serde::Deserialize;
use trunkline_gob::{self as gob, Error, Limit, Raw};

use super::{ANY, Bounds, DEFINITIONS, DISPATCHED, DISPATCHER_REQUEST, DISPATCHER_RESPONSE, PROFILE, value};
use crate::{Code, Decode, Decoded, Fault, Id, Input, Message, Route, Side, WireError};

/// What the side that dials says.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Asked {
    #[serde(rename = "ID", default)]
    id: u64,
    #[serde(default)]
    request: Raw,
}

/// What the side that accepts says.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answered {
    #[serde(rename = "ID", default)]
    id: u64,
    #[serde(default)]
    response: Raw,
    #[serde(default)]
    error: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Called {
    #[serde(default)]
    request: Raw,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Returned {
    #[serde(default)]
    response: Raw,
    #[serde(default)]
    error: String,
}

/// One value of the stream, by the side that hears it.
enum Heard {
    Asked(Asked),
    Answered(Answered),
}

#[derive(Debug)]
pub(super) struct Decoder {
    side: Side,
    bounds: Bounds,
    stream: gob::Decoder,
    /// Bytes of messages since the last value: what the value may have cost its sender.
    arrived: usize,
}

impl Decoder {
    pub(super) fn new(side: Side, bounds: Bounds) -> Self {
        Self { side, bounds, stream: gob::Decoder::new(bounds.gob), arrived: 0 }
    }

    /// How many bytes the first gob message has, its length included; else how many are needed to go on.
    fn whole(&self, stream: &[u8]) -> Result<Result<usize, usize>, WireError> {
        let Some((&first, behind)) = stream.split_first() else { return Ok(Err(1)) };
        // Below 128 the number itself; else the negated count of its bytes.
        let (width, len) = match usize::from(first.wrapping_neg()) {
            _ if first < 0x80 => (0, u64::from(first)),
            width @ 1..=8 => match behind.get(..width) {
                Some(bytes) => (width, bytes.iter().fold(0, |len, byte| (len << 8) | u64::from(*byte))),
                None => return Ok(Err(width.saturating_add(1))),
            },
            width => return Err(malformed(format!("a length of {width} bytes"))),
        };
        if len == 0 {
            return Err(malformed("a message of length zero"));
        }
        let whole = self.bounds.message.arriving(len)?.saturating_add(width).saturating_add(1);
        Ok(if stream.len() < whole { Err(whole) } else { Ok(whole) })
    }

    /// The verb that a value is.
    fn heard(&self, heard: Heard) -> Result<Message, WireError> {
        match heard {
            Heard::Asked(asked) => self.asked(asked),
            Heard::Answered(answered) => self.answered(answered),
        }
    }

    fn asked(&self, Asked { id, request }: Asked) -> Result<Message, WireError> {
        let (route, request) = if request.name() == Some(DISPATCHER_REQUEST) {
            let Called { request, name } = request.decode().map_err(unread)?;
            self.bounds.route.arriving(name.len() as u64)?;
            (Route::from(name), request)
        } else {
            (ANY, request)
        };
        let body = self.body(request)?;
        Ok(match id {
            0 => Message::notify(route, body),
            id => Message::request(Id(id), route, body),
        })
    }

    fn answered(&self, Answered { id, response, error }: Answered) -> Result<Message, WireError> {
        let id = Id(id);
        let dispatched = response.name() == Some(DISPATCHER_RESPONSE);
        if !error.is_empty() {
            // gorpc hands both to the caller, so the value goes along.
            let details = self.body(response)?;
            return Ok(Message::fault(id, ANY, Fault::new(Code::Internal, error).with_details(details)));
        }
        if !dispatched {
            return Ok(Message::reply(id, ANY, self.body(response)?));
        }
        let Returned { response, error } = response.decode().map_err(unread)?;
        let body = self.body(response)?;
        if error.is_empty() {
            return Ok(Message::reply(id, DISPATCHED, body));
        }
        Ok(Message::fault(id, DISPATCHED, Fault::new(Code::Unknown, error).with_details(body)))
    }

    fn body(&self, raw: Raw) -> Result<bytes::Bytes, WireError> {
        let body = value::body(raw);
        self.bounds.body.arriving(body.len() as u64)?;
        let limit = self.arrived.saturating_add(DEFINITIONS);
        if body.len() > limit {
            let what = "value with the definitions it needs";
            let (value, limit) = (body.len() as u64, limit as u64);
            return Err(WireError::TooLarge { what, value, limit, setting: "fixed: its message and 64 KiB" });
        }
        Ok(body)
    }
}

impl Decode for Decoder {
    fn decode(&mut self, input: &mut Input) -> Result<Decoded, WireError> {
        loop {
            let whole = match self.whole(input.remaining())? {
                Ok(whole) => whole,
                Err(more) => return Ok(Decoded::More(more)),
            };
            self.stream.push(input.remaining().get(..whole).unwrap_or_default());
            input.advance(whole);
            self.arrived = self.arrived.saturating_add(whole);
            // Definitions, and values that go on in the next message, are nothing by themselves.
            if let Some(message) = self.stream.next_message().map_err(unread)? {
                let decoded = match self.side {
                    Side::Accepting => message.decode().map(Heard::Asked),
                    Side::Dialling => message.decode().map(Heard::Answered),
                };
                let message = self.heard(decoded.map_err(unread)?)?;
                self.arrived = 0;
                return Ok(Decoded::Message(message));
            }
        }
    }

    fn finish(&mut self, rest: &[u8]) -> Result<(), WireError> {
        if rest.is_empty() && self.stream.is_at_border() {
            return Ok(());
        }
        let want = match self.whole(rest)? {
            Ok(whole) | Err(whole) => whole.max(rest.len()),
        };
        Err(WireError::Truncated { have: rest.len(), want })
    }
}

fn malformed(what: impl ToString) -> WireError {
    WireError::Malformed { dialect: PROFILE.name, what: what.to_string() }
}

/// What gob did not accept; its limit on messages is ours.
fn unread(error: Error) -> WireError {
    match error {
        Error::Limit { limit: Limit::Message, value, max } => {
            let what = "message with its envelope";
            WireError::TooLarge { what, value, limit: max, setting: "max_message" }
        }
        error => malformed(error),
    }
}
