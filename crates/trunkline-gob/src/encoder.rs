//! A stream of values, written.
//!
//! In: Rust values, [`Raw`] values, or trees with their types. Out: bytes appended to the caller's buffer. A
//! type is defined once per stream, before the first value that needs it. A value that cannot be written
//! leaves nothing behind: neither bytes nor a definition that was taken for sent.

use serde::Serialize;

use crate::error::Result;
use crate::go_type::GoType;
use crate::limits::Limits;
use crate::number::{patch_len, put_int};
use crate::raw::Raw;
use crate::ser;
use crate::types::{TypeId, Types};
use crate::value::Value;

mod alone;
mod emit;
mod outgoing;
pub(crate) mod plain;

pub(crate) use alone::alone;
pub(crate) use outgoing::{Outgoing, mapped};

/// How large the scratch space of a stream may be between two values.
const KEPT: usize = 64 << 10;

/// Where type definitions go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Each in a message of its own ahead of the value: no value is ever cut. Go accepts it.
    #[default]
    Ahead,
    /// As Go writes them: those of a type inside an interface in the middle of the value, which is cut
    /// there. Equal to Go's output byte for byte.
    Go,
}

/// Writes the values of one gob stream.
///
/// Types are learned from the values: a struct is known by its serde name and fields, the type of an empty
/// list or an absent option once a value shows it. A field that never had a value is not part of the
/// definition, which receivers match by name and so do not miss; when it gets one, the struct is defined
/// anew.
///
/// ```
/// use trunkline_gob::{Encoder, Order};
///
/// let (mut encoder, mut out) = (Encoder::new(Order::Ahead), Vec::new());
/// encoder.encode(&3i64, &mut out)?;
/// encoder.encode("a", &mut out)?;
/// assert_eq!(out, [3, 4, 0, 6, 4, 0x0c, 0, 1, b'a']);
/// # Ok::<(), trunkline_gob::Error>(())
/// ```
#[derive(Debug)]
pub struct Encoder {
    order: Order,
    stream: Outgoing,
    plans: Plans,
    scratch: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new(Order::default())
    }
}

impl Encoder {
    /// A stream on which nothing was sent.
    #[must_use]
    pub fn new(order: Order) -> Self {
        Self::with_limits(order, Limits::default())
    }

    /// The same with other bounds than the default ones; they apply to what is written, too.
    #[must_use]
    pub fn with_limits(order: Order, limits: Limits) -> Self {
        Self { order, stream: Outgoing::new(limits), plans: Plans::default(), scratch: Vec::new() }
    }

    /// Appends a value, and the definitions it needs first.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) when gob has no words for the value, [`Error::Custom`](crate::Error::Custom) from its `Serialize`,
    /// [`Error::Limit`](crate::Error::Limit) when it is deeper or larger than the limits or the stream has too many types. `out`
    /// is then as it was, and the stream goes on.
    pub fn encode<T: Serialize + ?Sized>(&mut self, value: &T, out: &mut Vec<u8>) -> Result<()> {
        let mut plan = self.plans.take(std::any::type_name::<T>());
        let result = self.atomically(out, |this, out| {
            this.scratch.clear();
            let id = ser::write(value, &mut plan, &mut this.stream, &mut this.scratch)?;
            this.finish(id, out)
        });
        if result.is_ok() {
            self.plans.put(plan);
        }
        result
    }

    /// Says that values of `T` are of this Go type, which an empty list or an absent field would not tell.
    pub fn declare<T: ?Sized>(&mut self, ty: &GoType) {
        let name = std::any::type_name::<T>();
        drop(self.plans.take(name));
        self.plans.put(ser::Plan::declared(name, ty));
    }

    /// Appends a value that is already encoded, with its type ids replaced by those of this stream.
    ///
    /// # Errors
    /// [`Error::Limit`](crate::Error::Limit) when the stream has too many types.
    pub fn encode_raw(&mut self, raw: &Raw, out: &mut Vec<u8>) -> Result<()> {
        self.atomically(out, |this, out| {
            this.scratch.clear();
            let id = this.stream.embed(raw, &mut this.scratch)?;
            this.finish(id, out)
        })
    }

    /// Appends a tree whose types are given, under the ids they have there.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) when the tree is not of that type, or an id means another type on this stream.
    pub fn encode_value(
        &mut self,
        types: &Types,
        id: TypeId,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        self.atomically(out, |this, out| {
            this.scratch.clear();
            let Self { stream, scratch, .. } = this;
            stream.adopt(types, id)?;
            plain::write(types, id, value, scratch, &mut |id| stream.adopt(types, id))?;
            this.finish(id, out)
        })
    }

    /// The definitions this stream knows, sent or about to be.
    #[must_use]
    pub const fn types(&self) -> &Types {
        &self.stream.types
    }

    /// Runs `write`; when it fails takes back bytes and definitions.
    fn atomically(
        &mut self,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Self, &mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let (len, mark) = (out.len(), self.stream.mark());
        let result = write(self, out);
        if self.scratch.capacity() > KEPT {
            self.scratch = Vec::new();
        }
        if result.is_err() {
            out.truncate(len);
            if self.stream.roll_back(mark) {
                self.plans.clear();
            }
        }
        result
    }

    /// Appends the value in `scratch`, whose root and concrete types are known to the stream.
    fn finish(&mut self, id: TypeId, out: &mut Vec<u8>) -> Result<()> {
        let limits = self.stream.limits;
        limits.check_message(self.scratch.len() as u64 + 16)?;
        if self.stream.nothing_new(id) {
            message(&self.stream.types, id, &self.scratch, out);
            return Ok(());
        }
        match self.order {
            Order::Ahead => {
                self.stream.define_ahead(id, out)?;
                message(&self.stream.types, id, &self.scratch, out);
            }
            Order::Go => emit::go_order(&mut self.stream, id, &self.scratch, out)?,
        }
        Ok(())
    }
}

/// Appends a whole message: length, id, value.
pub(crate) fn message(types: &Types, id: TypeId, plain: &[u8], out: &mut Vec<u8>) {
    out.push(0);
    let at = out.len();
    put_int(out, i64::from(id.get()));
    if !types.is_struct(id) {
        out.push(0);
    }
    out.extend_from_slice(plain);
    patch_len(out, at);
}

/// What was learned about Rust types, by name: the last few of them.
#[derive(Debug, Default)]
struct Plans {
    known: Vec<ser::Plan>,
}

impl Plans {
    /// How many Rust types a stream remembers.
    const KEPT: usize = 256;

    fn take(&mut self, name: &'static str) -> ser::Plan {
        let found = self.known.iter().position(|plan| std::ptr::eq(plan.name, name) || plan.name == name);
        found.map_or_else(|| ser::Plan::new(name), |at| self.known.swap_remove(at))
    }

    fn put(&mut self, plan: ser::Plan) {
        if self.known.len() == Self::KEPT {
            self.known.swap_remove(0);
        }
        self.known.push(plan);
    }

    fn clear(&mut self) {
        self.known.clear();
    }
}
