//! Go's order: definitions where Go's own encoder puts them.
//!
//! In: a value in plain form and what the stream has sent. Out: its messages. A definition needed inside an
//! interface ends the piece written so far. Outside of everything a piece is a message; inside another
//! interface it is a length and bytes within the enclosing piece. Each open interface is a level.

use super::outgoing::Outgoing;
use super::plain::put_bytes;
use crate::error::Result;
use crate::number::{Cursor, put_int, put_uint};
use crate::read::{head, next_field};
use crate::types::{Kind, TypeId};

/// Appends the messages for a value of type `id`.
pub(super) fn go_order(stream: &mut Outgoing, id: TypeId, plain: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let mut pieces = Pieces { levels: vec![Vec::new()], done: Vec::new() };
    define(stream, id, &mut pieces)?;
    put_int(pieces.top(), i64::from(id.get()));
    if !stream.types.is_struct(id) {
        pieces.top().push(0);
    }
    value(stream, id, &mut Cursor::new(plain), &mut pieces)?;
    pieces.end();
    out.append(&mut pieces.done);
    Ok(())
}

/// The pieces under construction, from the message to the innermost interface.
struct Pieces {
    levels: Vec<Vec<u8>>,
    done: Vec<u8>,
}

impl Pieces {
    fn top(&mut self) -> &mut Vec<u8> {
        self.levels.last_mut().unwrap_or(&mut self.done)
    }

    /// Closes the innermost piece into the one around it, and begins another.
    fn end(&mut self) {
        let piece = self.levels.pop().unwrap_or_default();
        put_bytes(self.top(), &piece);
        self.levels.push(Vec::new());
    }
}

fn define(stream: &mut Outgoing, id: TypeId, pieces: &mut Pieces) -> Result<()> {
    for id in stream.claim(id) {
        stream.definition(id)?.write(id, pieces.top());
        pieces.end();
    }
    Ok(())
}

fn value(stream: &mut Outgoing, id: TypeId, input: &mut Cursor<'_>, pieces: &mut Pieces) -> Result<()> {
    if id == TypeId::INTERFACE {
        let Some(head) = head(&stream.types, input)? else {
            pieces.top().push(0);
            return Ok(());
        };
        put_bytes(pieces.top(), head.name.as_bytes());
        define(stream, head.id, pieces)?;
        put_int(pieces.top(), i64::from(head.id.get()));
        pieces.levels.push(Vec::new());
        if !stream.types.is_struct(head.id) {
            pieces.top().push(0);
        }
        value(stream, head.id, input, pieces)?;
        pieces.end();
        pieces.levels.pop();
        return Ok(());
    }
    let from = input.position();
    let Some(definition) = stream.types.get(id).cloned() else {
        crate::read::skip(&stream.types, id, input)?;
        pieces.top().extend_from_slice(input.since(from));
        return Ok(());
    };
    match &definition.kind {
        Kind::Opaque(_) => put_bytes(pieces.top(), input.bytes()?),
        Kind::Slice { elem } | Kind::Array { elem, .. } => {
            let count = input.uint()?;
            put_uint(pieces.top(), count);
            for _ in 0..count {
                value(stream, *elem, input, pieces)?;
            }
        }
        Kind::Map { key, elem } => {
            let count = input.uint()?;
            put_uint(pieces.top(), count);
            for _ in 0..count {
                value(stream, *key, input, pieces)?;
                value(stream, *elem, input, pieces)?;
            }
        }
        Kind::Struct { fields } => {
            let mut next = 0;
            loop {
                let from = input.position();
                let field = next_field(fields.len(), &mut next, input)?;
                pieces.top().extend_from_slice(input.since(from));
                let Some(field) = field else { break };
                value(stream, fields[field].ty, input, pieces)?;
            }
        }
    }
    Ok(())
}
