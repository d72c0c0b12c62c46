//! Verbs to frames.
//!
//! The end of a stream travels on its last item, and which item is the last is known only afterwards. So the
//! encoder keeps the newest item of each stream until the next one or the end: a reader of simple-rpc then sees
//! exactly as many elements as there were items. It is kept here and not in the engine, because no other dialect
//! spells an end like this. The price: an item may append nothing, and one body per open stream is referenced.

use std::collections::HashMap;

use bytes::Bytes;

use super::frame::{Flags, Header};
use super::{Bounds, PUSH, unsayable};
use crate::{Code, Encode, EncodeError, Fault, Id, Message, Output, Route, SharedKey, Side, Unsayable};

/// One of many answers.
const ITEM: Flags = Flags(Flags::RESPONSE.0 | Flags::STREAM.0);
/// The last of many answers.
const LAST: Flags = Flags(ITEM.0 | Flags::END.0);
/// Instead of the last of many answers.
const BROKEN: Flags = Flags(LAST.0 | Flags::ERROR.0);
/// Instead of the one answer.
const REFUSED: Flags = Flags(Flags::RESPONSE.0 | Flags::ERROR.0);

#[derive(Debug)]
pub(super) struct Encoder {
    side: Side,
    bounds: Bounds,
    /// Notifications said so far: the dialling side numbers them, as simple-rpc does.
    notified: u64,
    /// The newest item of each stream that has begun and not ended.
    newest: HashMap<Id, (Route, Bytes)>,
}

impl Encoder {
    pub(super) fn new(side: Side, bounds: Bounds) -> Self {
        Self { side, bounds, notified: 0, newest: HashMap::new() }
    }

    #[inline]
    fn put(
        &self,
        flags: Flags,
        id: u64,
        route: &str,
        body: &Bytes,
        output: &mut Output,
    ) -> Result<(), EncodeError> {
        let header = Header::of(flags, id, route.len(), body.len(), self.bounds)?;
        output.put(&header);
        output.put(route.as_bytes());
        output.put_body(body);
        Ok(())
    }

    fn notify(&mut self, route: &str, body: &Bytes, output: &mut Output) -> Result<(), EncodeError> {
        let id = match self.side {
            Side::Dialling => PUSH | (self.notified.wrapping_add(1) & !PUSH),
            // Nobody looks at the id of a push; one for all makes the bytes of a broadcast the same for all.
            Side::Accepting => PUSH,
        };
        self.put(Flags::STREAM, id, route, body, output)?;
        self.notified = self.notified.wrapping_add(1);
        Ok(())
    }

    fn item(&mut self, id: Id, route: &Route, body: &Bytes, output: &mut Output) -> Result<(), EncodeError> {
        // Refused now or never: an item that is kept must not fail when its successor comes.
        Header::of(ITEM, id.0, name("item", route)?.len(), body.len(), self.bounds)?;
        let before = self.newest.insert(id, (route.clone(), body.clone()));
        before.map_or(Ok(()), |(route, body)| self.put(ITEM, id.0, name("item", &route)?, &body, output))
    }

    fn end(&mut self, id: Id, route: &Route, output: &mut Output) -> Result<(), EncodeError> {
        match self.newest.remove(&id) {
            Some((route, body)) => self.put(LAST, id.0, name("item", &route)?, &body, output),
            // There is no end without an item: a stream of none is heard as one empty item.
            None => self.put(LAST, id.0, name("end", route)?, &Bytes::new(), output),
        }
    }

    /// An answer that says no, as one frame that ends whatever the caller is waiting for.
    fn refuse(&mut self, id: Id, route: &str, text: &str, output: &mut Output) -> Result<(), EncodeError> {
        let text = Bytes::copy_from_slice(text.as_bytes());
        let before = output.len();
        let begun = self.newest.get(&id);
        if let Some((route, body)) = begun {
            self.put(ITEM, id.0, name("item", route)?, body, output)?;
        }
        let flags = if begun.is_some() { BROKEN } else { REFUSED };
        self.put(flags, id.0, route, &text, output).inspect_err(|_| output.truncate(before))?;
        self.newest.remove(&id);
        Ok(())
    }

    /// The stream ends at once: what was kept back is dropped.
    fn reset(&mut self, id: Id, code: Code, output: &mut Output) -> Result<(), EncodeError> {
        let text = Bytes::from(format!("{code:?}"));
        match self.newest.remove(&id) {
            Some((route, _)) => self.put(BROKEN, id.0, name("reset", &route)?, &text, output),
            None => self.put(REFUSED, id.0, "", &text, output),
        }
    }
}

fn name<'a>(verb: &'static str, route: &'a Route) -> Result<&'a str, Unsayable> {
    route.name().ok_or_else(|| unsayable(verb, ": the route has no name, and simple has no numbers"))
}

/// What a caller is told: the message, or the code where there is no message.
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
            (Side::Dialling, Message::Request { id: Id(PUSH..), .. }) => {
                Err(unsayable(verb, ": the top bit of an id marks notifications").into())
            }
            (Side::Dialling, Message::Request { id, route, body, .. }) => {
                self.put(Flags::REQUEST, id.0, name(verb, route)?, body, output)
            }
            (_, Message::Notify { route, body, .. }) => self.notify(name(verb, route)?, body, output),
            (Side::Accepting, Message::Reply { id, route, body }) => {
                self.put(Flags::RESPONSE, id.0, name(verb, route)?, body, output)
            }
            (Side::Accepting, Message::Fault { id, route, fault }) => {
                self.refuse(*id, name(verb, route)?, &text(fault), output)
            }
            (Side::Accepting, Message::Item { id, route, body }) => self.item(*id, route, body, output),
            (Side::Accepting, Message::End { id, route }) => self.end(*id, route, output),
            (Side::Accepting, Message::Reset { id, code }) => self.reset(*id, *code, output),
            (Side::Accepting, Message::Request { .. }) => {
                Err(unsayable(verb, ": a client of simple-rpc would take it for an answer").into())
            }
            (
                Side::Dialling,
                Message::Reply { .. } | Message::Fault { .. } | Message::Item { .. } | Message::End { .. },
            ) => Err(unsayable(verb, ": a server of simple-rpc asks nothing, and ignores answers").into()),
            (
                _,
                Message::Reset { .. }
                | Message::Cancel { .. }
                | Message::Credit { .. }
                | Message::Ping { .. }
                | Message::Pong { .. }
                | Message::Drain(_),
            ) => Err(unsayable(verb, "").into()),
        }
    }

    fn shared_key(&self) -> Option<SharedKey> {
        // The dialling side numbers its notifications, so two connections never spell one alike.
        (self.side == Side::Accepting).then(|| SharedKey(u64::from_le_bytes(*b"simple\0\0")))
    }
}
