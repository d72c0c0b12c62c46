//! The one pass every received value goes through: it finds the end, checks every bound, and puts together
//! what was cut into several messages.
//!
//! In: the messages of a stream, one at a time. Out: the value in *plain form*: one piece, no definitions
//! inside, every struct with its end mark, every interface with a true byte count. A value that arrives so
//! is not copied. The pass keeps its own stack, so that it can stop at the end of a message and go on in the
//! next, and so that no input can exhaust the thread's.

use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::number::{Cursor, put_int};
use crate::types::{Definition, Kind, TypeId, Types};

/// What stands where the byte count of a copied interface goes, until it is known: four bytes, padded.
/// Readers accept leading zeros, and the count need not move the value behind it.
const COUNT_MARK: [u8; 5] = [0xfc, 0, 0, 0, 0];

/// Where a walk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The value is over.
    Done,
    /// The message is over inside the value: call again with the next.
    NextMessage,
}

/// Why a walk stopped.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Not in plain form: begin again, copying.
    NotPlain,
    /// Not acceptable.
    Bad(Box<Error>),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Bad(Box::new(error))
    }
}

#[derive(Debug)]
enum Frame {
    Struct {
        /// In the table.
        place: usize,
        /// One past the last field read.
        next: usize,
    },
    List {
        elem: TypeId,
        left: u64,
    },
    Map {
        key: TypeId,
        elem: TypeId,
        left: u64,
        at_elem: bool,
    },
    /// An interface whose name was read: definitions and the id of its type come.
    Concrete,
    /// An interface whose value is being read.
    Interface {
        count: u64,
        from: usize,
    },
}

/// A pass over one value.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    frames: Vec<Frame>,
    values: u64,
    /// The value in plain form, when it did not arrive so.
    copy: Option<Vec<u8>>,
}

impl Walk {
    /// Makes ready for a value of type `id`, which is user-defined and complete, or built in.
    pub(crate) fn begin(
        &mut self,
        id: TypeId,
        copying: bool,
        types: &Types,
        limits: &Limits,
        input: &mut Cursor<'_>,
    ) -> Result<(), Stop> {
        self.frames.clear();
        self.values = 0;
        self.copy = copying.then(Vec::new);
        self.enter(id, types, limits, input)
    }

    /// The copy, if one was made.
    pub(crate) fn take_copy(&mut self) -> Option<Vec<u8>> {
        self.copy.take()
    }

    /// Goes on until the value or the message is over.
    pub(crate) fn run(
        &mut self,
        types: &mut Types,
        limits: &Limits,
        input: &mut Cursor<'_>,
    ) -> Result<Step, Stop> {
        while let Some(frame) = self.frames.last_mut() {
            match frame {
                Frame::Struct { place, next } => {
                    let (place, next) = (*place, *next);
                    self.field(place, next, types, limits, input)?;
                }
                Frame::List { left: 0, .. } | Frame::Map { left: 0, .. } => {
                    self.frames.pop();
                }
                Frame::List { .. } | Frame::Map { .. } if input.is_empty() => {
                    return Err(Error::malformed("more elements announced than sent").into());
                }
                Frame::List { elem, left } => {
                    *left -= 1;
                    let id = *elem;
                    self.enter(id, types, limits, input)?;
                }
                Frame::Map { key, elem, left, at_elem } => {
                    let id = if *at_elem { *elem } else { *key };
                    *left -= u64::from(*at_elem);
                    *at_elem = !*at_elem;
                    self.enter(id, types, limits, input)?;
                }
                Frame::Concrete => {
                    if input.is_empty() {
                        self.copied()?;
                        return Ok(Step::NextMessage);
                    }
                    self.concrete(types, limits, input)?;
                }
                Frame::Interface { count, from } => {
                    let (count, from) = (*count, *from);
                    self.close(count, from, input)?;
                }
            }
        }
        Ok(Step::Done)
    }

    /// The next field of the innermost struct, or its end; `next` is one past the last field read.
    #[inline]
    fn field(
        &mut self,
        place: usize,
        next: usize,
        types: &Types,
        limits: &Limits,
        input: &mut Cursor<'_>,
    ) -> Result<(), Stop> {
        let definition = types.at(place);
        let Kind::Struct { fields } = &definition.kind else { unreachable!("a struct frame") };
        if input.is_empty() {
            // Accepted at the end of a message, as Go does; plain form has the mark.
            self.copied()?.push(0);
            self.frames.pop();
            return Ok(());
        }
        let from = input.position();
        let delta = input.uint()?;
        self.keep(input.since(from));
        if delta == 0 {
            self.frames.pop();
            return Ok(());
        }
        if delta > (fields.len() - next) as u64 {
            let (number, of) = ((next as u64).saturating_add(delta), fields.len());
            return Err(
                Error::malformed(format!("field {number} of {of} in struct {:?}", definition.name)).into()
            );
        }
        let next = next + delta as usize;
        let top = self.frames.len() - 1;
        self.frames[top] = Frame::Struct { place, next };
        self.enter(fields[next - 1].ty, types, limits, input)
    }

    /// The end of the innermost interface, whose value began at `from` and was said to have `count` bytes.
    fn close(&mut self, count: u64, from: usize, input: &Cursor<'_>) -> Result<(), Stop> {
        self.frames.pop();
        match &mut self.copy {
            Some(out) => {
                let len = (out.len() - from) as u32;
                out[from - 4..from].copy_from_slice(&len.to_be_bytes());
            }
            None if (input.position() - from) as u64 != count => return Err(Stop::NotPlain),
            None => {}
        }
        Ok(())
    }

    /// Reads a value that has no parts, or opens the one that has.
    #[inline]
    fn enter(
        &mut self,
        id: TypeId,
        types: &Types,
        limits: &Limits,
        input: &mut Cursor<'_>,
    ) -> Result<(), Stop> {
        self.values += 1;
        limits.check_values(self.values)?;
        let from = input.position();
        let frame = match id {
            TypeId::BOOL | TypeId::INT | TypeId::UINT | TypeId::FLOAT => {
                input.uint()?;
                None
            }
            TypeId::STRING | TypeId::BYTES => {
                input.bytes()?;
                None
            }
            TypeId::COMPLEX => {
                input.uint()?;
                input.uint()?;
                None
            }
            TypeId::INTERFACE => {
                let len = input.uint()?;
                limits.check_name(len)?;
                let name = input.take(len)?;
                if !name.is_ascii() && std::str::from_utf8(name).is_err() {
                    return Err(Error::malformed("a registered name that is not UTF-8").into());
                }
                (len > 0).then_some(Frame::Concrete)
            }
            id => Self::open(id, types, limits, self.values, input)?,
        };
        self.keep(input.since(from));
        if let Some(frame) = frame {
            limits.check_depth(self.frames.len() + 1)?;
            self.frames.push(frame);
        }
        Ok(())
    }

    /// The head of a value of a defined type.
    fn open(
        id: TypeId,
        types: &Types,
        limits: &Limits,
        values: u64,
        input: &mut Cursor<'_>,
    ) -> Result<Option<Frame>> {
        let Some(place) = types.place(id) else {
            return Err(Error::malformed(format!("type id {} is used but not defined", id.get())));
        };
        let definition = types.at(place);
        // Every element takes at least a byte; only after an interface may they be in later messages.
        let counted = |count: u64, elem: TypeId, each: u64, left: usize| {
            let possible = if elem.is_basic() { left as u64 / each } else { u64::MAX };
            if count > possible {
                return Err(Error::malformed(format!("{count} elements announced, {left} bytes left")));
            }
            limits.check_values(values.saturating_add(count.saturating_mul(each)))
        };
        Ok(match &definition.kind {
            Kind::Struct { .. } => Some(Frame::Struct { place, next: 0 }),
            Kind::Opaque(_) => {
                input.bytes()?;
                None
            }
            Kind::Slice { elem } => {
                let left = input.uint()?;
                counted(left, *elem, 1, input.left())?;
                Some(Frame::List { elem: *elem, left })
            }
            Kind::Array { elem, len } => {
                let left = input.uint()?;
                if left != *len {
                    return Err(Error::malformed(format!("{left} elements in an array of {len}")));
                }
                counted(left, *elem, 1, input.left())?;
                Some(Frame::List { elem: *elem, left })
            }
            Kind::Map { key, elem } => {
                let left = input.uint()?;
                let basic = if key.is_basic() { *elem } else { *key };
                counted(left, basic, 2, input.left())?;
                Some(Frame::Map { key: *key, elem: *elem, left, at_elem: false })
            }
        })
    }

    /// A definition inside an interface, or the id, byte count and beginning of its value.
    fn concrete(&mut self, types: &mut Types, limits: &Limits, input: &mut Cursor<'_>) -> Result<(), Stop> {
        let id = input.int()?;
        if id < 0 {
            self.copied()?;
            let id = TypeId::from_wire(id.saturating_neg())?;
            let definition = Definition::read(input, limits)?;
            types.define(id, definition)?;
            if !input.is_empty() {
                // Inside another interface: the length of the segment that follows. It adds nothing.
                input.uint()?;
            }
            return Ok(());
        }
        let id = TypeId::from_wire(id)?;
        types.complete(id)?;
        let count = input.uint()?;
        if count > input.left() as u64 {
            return Err(Error::malformed(format!(
                "an interface value of {count} bytes, {} left",
                input.left()
            ))
            .into());
        }
        let mut from = input.position();
        if !types.is_struct(id) {
            input.singleton()?;
        }
        if let Some(out) = &mut self.copy {
            put_int(out, i64::from(id.get()));
            out.extend_from_slice(&COUNT_MARK);
            from = out.len();
            if !types.is_struct(id) {
                out.push(0);
            }
        }
        let top = self.frames.len() - 1;
        self.frames[top] = Frame::Interface { count, from };
        self.enter(id, types, limits, input)
    }

    fn keep(&mut self, bytes: &[u8]) {
        if let Some(out) = &mut self.copy {
            out.extend_from_slice(bytes);
        }
    }

    /// The copy: from here on the value is not in plain form.
    fn copied(&mut self) -> Result<&mut Vec<u8>, Stop> {
        self.copy.as_mut().ok_or(Stop::NotPlain)
    }
}
