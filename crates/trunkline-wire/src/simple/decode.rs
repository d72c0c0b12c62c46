//! Frames to verbs, by the rules of simple-rpc's own client and server.
//!
//! The rules look at the bits one by one, so that every combination means something, also those that nobody sends.

use bytes::Bytes;

use super::frame::{Flags, HEADER, Header};
use super::{Bounds, PUSH};
use crate::{Code, Decode, Decoded, Fault, Id, Input, Message, Name, Route, Side, WireError};

#[derive(Debug)]
pub(super) struct Decoder {
    side: Side,
    bounds: Bounds,
    /// The route of the frame before: most frames repeat it, and then it is neither checked nor copied again.
    route: Name,
    /// The end that came with a last item.
    owed: Option<Message>,
}

impl Decoder {
    pub(super) const fn new(side: Side, bounds: Bounds) -> Self {
        Self { side, bounds, route: Name::from_static(""), owed: None }
    }

    #[inline]
    fn route(&mut self, input: &mut Input, len: usize) -> Name {
        if input.remaining().get(..len) == Some(self.route.as_str().as_bytes()) {
            input.advance(len);
        } else {
            self.route = text(&input.take(len)).0;
        }
        self.route.clone()
    }

    /// Which verb a frame is.
    #[inline]
    fn hear(&mut self, flags: Flags, id: Id, route: Name, body: Bytes) -> Message {
        let route = Route::Name(route);
        match self.side {
            Side::Accepting if flags.has(Flags::REQUEST) => Message::request(id, route, body),
            _ if flags.is_push() => Message::notify(route, body),
            // A session's handler that replies instead of pushing.
            Side::Dialling if id.0 >= PUSH => Message::notify(route, body),
            // On the accepting side nobody waits for an answer; the engine counts it as one that came too late.
            _ => self.answer(flags, id, route, body),
        }
    }

    fn answer(&mut self, flags: Flags, id: Id, route: Route, body: Bytes) -> Message {
        if flags.has(Flags::ERROR) {
            let (message, whole) = text(&body);
            // The wire has no code. Bytes that are no text survive beside the text made of them.
            let details = if whole { Bytes::new() } else { body };
            return Message::fault(id, route, Fault::new(Code::Unknown, message).with_details(details));
        }
        if !flags.has(Flags::STREAM) {
            return Message::reply(id, route, body);
        }
        if flags.has(Flags::END) {
            self.owed = Some(Message::End { id, route: route.clone() });
        }
        Message::Item { id, route, body }
    }
}

/// Bytes as text, and whether they were text. simple-rpc checks nothing; what is not UTF-8 is replaced.
fn text(bytes: &Bytes) -> (Name, bool) {
    Name::from_utf8(bytes.clone())
        .map_or_else(|| (Name::from(String::from_utf8_lossy(bytes).into_owned()), false), |name| (name, true))
}

impl Decode for Decoder {
    #[inline]
    fn decode(&mut self, input: &mut Input) -> Result<Decoded, WireError> {
        if let Some(end) = self.owed.take() {
            return Ok(Decoded::Message(end));
        }
        let Some(header) = Header::read(input.remaining(), self.bounds)? else {
            return Ok(Decoded::More(HEADER));
        };
        if input.remaining().len() < header.whole() {
            return Ok(Decoded::More(header.whole()));
        }
        input.advance(HEADER);
        let route = self.route(input, header.route);
        let body = input.take(header.body);
        Ok(Decoded::Message(self.hear(header.flags, Id(header.id), route, body)))
    }
}
