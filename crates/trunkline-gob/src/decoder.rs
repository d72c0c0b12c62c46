//! A stream of values, read.
//!
//! In: bytes as they arrive. Out: one [`Message`] per value. Definitions are remembered for the life of the
//! stream, within [`Limits`]; memory follows the bytes pushed.

use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::number::Cursor;
use crate::types::{Definition, TypeId, Types};
use crate::value::Value;
use crate::walk::{Step, Stop, Walk};

/// How large the buffer of a stream that waits for its next message may be.
const KEPT: usize = 64 << 10;

/// Reads the values of one gob stream.
///
/// ```
/// use trunkline_gob::{Decoder, Limits};
///
/// let mut decoder = Decoder::new(Limits::default());
/// decoder.push(&[3, 4, 0]); // an int, cut in the middle
/// assert!(decoder.next_message()?.is_none());
/// decoder.push(&[6]);
/// assert_eq!(decoder.next_message()?.unwrap().decode::<i64>()?, 3);
/// # Ok::<(), trunkline_gob::Error>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    buffer: Vec<u8>,
    at: usize,
    core: Core,
    /// The value in plain form, when it did not arrive so.
    copy: Vec<u8>,
}

/// One value of a stream. It borrows from the [`Decoder`]: take from it what you need, then go on.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    pub(crate) types: &'a Types,
    pub(crate) id: TypeId,
    /// In plain form, without the zero byte in front of a value that is no struct.
    pub(crate) plain: &'a [u8],
}

impl Decoder {
    /// A stream of which nothing has arrived.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { buffer: Vec::new(), at: 0, core: Core::new(limits), copy: Vec::new() }
    }

    /// Appends bytes from the peer. They are kept until a message is complete: call
    /// [`next_message`](Self::next_message) until it says `None` before pushing more.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.at == self.buffer.len() {
            if self.buffer.capacity() > KEPT {
                self.buffer = Vec::new();
            }
            self.buffer.clear();
            self.at = 0;
        } else if self.at > self.buffer.len() / 2 {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next value, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// What the peer sent is not gob, or exceeds a limit. A stream that has lost its place has no next
    /// value: the same error comes again. Only a message of length zero is survived: Go writers use it for
    /// an end of stream, and what follows is read.
    pub fn next_message(&mut self) -> Result<Option<Message<'_>>> {
        let mut input = Cursor::at(&self.buffer, self.at);
        let found = self.core.next(&mut input, &mut self.copy);
        self.at = input.position();
        let Some(found) = found? else { return Ok(None) };
        Ok(Some(found.message(&self.core.types, &self.buffer, &self.copy)))
    }

    /// How many more bytes the current message needs at least: what to ask an inflater for. At least 1.
    #[must_use]
    pub fn wanted(&self) -> usize {
        let mut input = Cursor::at(&self.buffer, self.at);
        match message_len(&mut input, &self.core.limits) {
            Ok(Some(len)) => len.saturating_sub(input.left()).max(1),
            _ => 1,
        }
    }

    /// Whether the stream may end here: everything was read and no value is half finished.
    #[must_use]
    pub fn is_at_border(&self) -> bool {
        self.at == self.buffer.len() && self.core.inside.is_none()
    }

    /// The definitions seen so far.
    #[must_use]
    pub const fn types(&self) -> &Types {
        &self.core.types
    }
}

impl<'a> Message<'a> {
    /// The id of its type.
    #[must_use]
    pub const fn type_id(&self) -> TypeId {
        self.id
    }

    /// The definitions it can refer to.
    #[must_use]
    pub const fn types(&self) -> &'a Types {
        self.types
    }

    /// The value as a tree.
    ///
    /// # Errors
    /// None for a message that came from a decoder; the type is fallible because reading is.
    pub fn to_value(&self) -> Result<Value> {
        crate::read::value(self.types, self.id, &mut Cursor::new(self.plain))
    }
}

/// The state of a stream apart from its bytes.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) types: Types,
    pub(crate) limits: Limits,
    walk: Walk,
    /// The type of the value that goes on in the next message, and the bytes it has taken.
    inside: Option<(TypeId, u64)>,
    lost: Option<Error>,
}

/// Where a complete value is.
pub(crate) struct Found {
    id: TypeId,
    /// In the input; else in the copy.
    range: Option<std::ops::Range<usize>>,
}

impl Found {
    pub(crate) fn message<'a>(&self, types: &'a Types, input: &'a [u8], copy: &'a [u8]) -> Message<'a> {
        let plain = match &self.range {
            Some(range) => &input[range.clone()],
            None => copy,
        };
        Message { types, id: self.id, plain }
    }
}

impl Core {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { types: Types::new(limits), limits, walk: Walk::default(), inside: None, lost: None }
    }

    /// Reads messages until a value is complete.
    pub(crate) fn next(&mut self, input: &mut Cursor<'_>, copy: &mut Vec<u8>) -> Result<Option<Found>> {
        if let Some(error) = &self.lost {
            return Err(error.clone());
        }
        loop {
            let start = *input;
            let len = match message_len(input, &self.limits) {
                Ok(Some(0)) if self.inside.is_none() => {
                    return Err(Error::Truncated("a message of length zero"));
                }
                Ok(Some(len)) if len <= input.left() => len,
                Ok(_) => {
                    *input = start;
                    return Ok(None);
                }
                Err(error) => return Err(self.lose(error)),
            };
            let mut message = input.fenced(len);
            let found = self.message(&mut message, len, copy);
            input.skip(len);
            match found {
                Ok(None) => {}
                Ok(found) => return Ok(found),
                Err(error) => return Err(self.lose(error)),
            }
        }
    }

    fn lose(&mut self, error: Error) -> Error {
        self.lost = Some(error.clone());
        error
    }

    /// One message: a definition, a value, or the next part of one.
    fn message(&mut self, input: &mut Cursor<'_>, len: usize, copy: &mut Vec<u8>) -> Result<Option<Found>> {
        if let Some((id, taken)) = self.inside {
            let taken = taken + len as u64;
            self.limits.check_message(taken)?;
            let step = self.walk.run(&mut self.types, &self.limits, input).map_err(bad)?;
            return Ok(self.step(step, id, taken, copy));
        }
        let id = input.int()?;
        if id < 0 {
            let id = TypeId::from_wire(id.saturating_neg())?;
            let definition = Definition::read(input, &self.limits)?;
            self.types.define(id, definition)?;
            if !input.is_empty() {
                return Err(Error::malformed(format!("{} bytes after a type definition", input.left())));
            }
            return Ok(None);
        }
        let id = TypeId::from_wire(id)?;
        self.types.complete(id)?;
        if !self.types.is_struct(id) {
            input.singleton()?;
        }
        let mut again = *input;
        let from = input.position();
        match self.walk(id, false, input) {
            Ok(_) => {
                let range = Some(from..input.position());
                Ok(Some(Found { id, range }))
            }
            Err(Stop::NotPlain) => {
                let step = self.walk(id, true, &mut again).map_err(bad)?;
                Ok(self.step(step, id, len as u64, copy))
            }
            Err(Stop::Bad(error)) => Err(*error),
        }
    }

    fn walk(&mut self, id: TypeId, copying: bool, input: &mut Cursor<'_>) -> Result<Step, Stop> {
        self.walk.begin(id, copying, &self.types, &self.limits, input)?;
        self.walk.run(&mut self.types, &self.limits, input)
    }

    fn step(&mut self, step: Step, id: TypeId, taken: u64, copy: &mut Vec<u8>) -> Option<Found> {
        self.inside = (step == Step::NextMessage).then_some((id, taken));
        if self.inside.is_some() {
            return None;
        }
        *copy = self.walk.take_copy().unwrap_or_default();
        Some(Found { id, range: None })
    }
}

fn bad(stop: Stop) -> Error {
    match stop {
        Stop::Bad(error) => *error,
        Stop::NotPlain => Error::malformed("a value that is not in plain form"),
    }
}

/// The length in front of a message; `None` while it is not complete.
fn message_len(input: &mut Cursor<'_>, limits: &Limits) -> Result<Option<usize>> {
    let mut ahead = *input;
    let Some(first) = ahead.peek() else { return Ok(None) };
    let announced = usize::from(first.wrapping_neg());
    if first >= 0x80 && announced <= 8 && ahead.left() <= announced {
        return Ok(None);
    }
    let len = ahead.uint()?;
    limits.check_message(len)?;
    *input = ahead;
    Ok(Some(len as usize))
}
