//! Types as they travel: ids, definitions, and the table one stream keeps of them.
//!
//! In: definitions read from messages or made by a writer. Out: lookups by id. The table is flat and never
//! expanded: a definition names others by id, so a graph of any shape costs what its bytes cost.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::limits::Limits;

mod spell;

/// The number of a type on one stream. 1 to 8 are built in, a sender's own start at 64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub(crate) u32);

impl TypeId {
    /// `bool`.
    pub const BOOL: Self = Self(1);
    /// Every signed integer.
    pub const INT: Self = Self(2);
    /// Every unsigned integer.
    pub const UINT: Self = Self(3);
    /// `float32` and `float64`.
    pub const FLOAT: Self = Self(4);
    /// `[]byte`.
    pub const BYTES: Self = Self(5);
    /// `string`.
    pub const STRING: Self = Self(6);
    /// `complex64` and `complex128`.
    pub const COMPLEX: Self = Self(7);
    /// Every interface type.
    pub const INTERFACE: Self = Self(8);
    /// The first id a sender may define.
    pub const FIRST_USER: Self = Self(64);
    /// The last id a sender may define: Go keeps ids in 32 signed bits.
    pub const LAST_USER: Self = Self(i32::MAX as u32);

    /// The id with this number, if a value may have it: 1 to 8 and 64 to 2,147,483,647.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match number {
            1..=8 | 64..=0x7fff_ffff => Some(Self(number)),
            _ => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    pub(crate) const fn is_user(self) -> bool {
        self.0 >= Self::FIRST_USER.0
    }

    pub(crate) const fn is_basic(self) -> bool {
        self.0 < Self::INTERFACE.0
    }

    /// The id a signed number on the wire stands for.
    pub(crate) fn from_wire(n: i64) -> Result<Self> {
        u32::try_from(n)
            .ok()
            .and_then(Self::new)
            .ok_or_else(|| Error::malformed(format!("{n} is not the id of a type a value can have")))
    }
}

impl fmt::Debug for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypeId({})", self.0)
    }
}

/// What a type is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `[len]elem`. A byte array is one of these, with unsigned elements.
    Array {
        /// Type of every element.
        elem: TypeId,
        /// How many.
        len: u64,
    },
    /// `[]elem`, except `[]byte`.
    Slice {
        /// Type of every element.
        elem: TypeId,
    },
    /// A struct; field numbers are positions in this list.
    Struct {
        /// The exported fields, in order.
        fields: Vec<Field>,
    },
    /// `map[key]elem`.
    Map {
        /// Type of the keys.
        key: TypeId,
        /// Type of the elements.
        elem: TypeId,
    },
    /// A type that encodes itself; only it knows what its bytes mean.
    Opaque(OpaqueKind),
}

/// One field of a struct definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The Go name; receivers match fields by it.
    pub name: Arc<str>,
    /// The type of its value.
    pub ty: TypeId,
}

/// By which method a Go type encodes itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpaqueKind {
    /// `GobEncode`; `time.Time` is one.
    Gob,
    /// `MarshalBinary`.
    Binary,
    /// `MarshalText`; known to the format, never sent by Go.
    Text,
}

/// One type definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// A label without meaning for matching; empty for unnamed types.
    pub name: String,
    /// The id repeated inside the description. Go writes another one for pointers to types that encode
    /// themselves; readers ignore it.
    pub inner_id: u32,
    /// What the type is made of.
    pub kind: Kind,
}

impl Definition {
    /// The ids this definition names, in the order Go visits them.
    pub(crate) fn parts(&self) -> impl Iterator<Item = TypeId> + '_ {
        let (fixed, fields): ([Option<TypeId>; 2], &[Field]) = match &self.kind {
            Kind::Array { elem, .. } | Kind::Slice { elem } => ([Some(*elem), None], &[]),
            Kind::Map { key, elem } => ([Some(*key), Some(*elem)], &[]),
            Kind::Struct { fields } => ([None, None], fields),
            Kind::Opaque(_) => ([None, None], &[]),
        };
        fixed.into_iter().flatten().chain(fields.iter().map(|field| field.ty))
    }

    /// Whether the two differ at most in the types they refer to.
    pub(crate) fn same_shape(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Array { len, .. }, Kind::Array { len: other, .. }) => len == other,
            (Kind::Slice { .. }, Kind::Slice { .. }) | (Kind::Map { .. }, Kind::Map { .. }) => true,
            (Kind::Opaque(kind), Kind::Opaque(other)) => kind == other,
            (Kind::Struct { fields }, Kind::Struct { fields: others }) => {
                fields.len() == others.len() && fields.iter().zip(others).all(|(a, b)| a.name == b.name)
            }
            _ => false,
        }
    }

    fn fields(&self) -> usize {
        if let Kind::Struct { fields } = &self.kind { fields.len() } else { 0 }
    }

    /// The same definition with every id replaced.
    pub(crate) fn renumbered(&self, own: TypeId, mut to: impl FnMut(TypeId) -> TypeId) -> Self {
        let kind = match &self.kind {
            Kind::Array { elem, len } => Kind::Array { elem: to(*elem), len: *len },
            Kind::Slice { elem } => Kind::Slice { elem: to(*elem) },
            Kind::Map { key, elem } => Kind::Map { key: to(*key), elem: to(*elem) },
            Kind::Opaque(kind) => Kind::Opaque(*kind),
            Kind::Struct { fields } => Kind::Struct {
                fields: fields.iter().map(|f| Field { name: f.name.clone(), ty: to(f.ty) }).collect(),
            },
        };
        Self { name: self.name.clone(), inner_id: own.0, kind }
    }
}

/// The definitions of one stream, by id.
#[derive(Debug, Clone, Default)]
pub struct Types {
    /// Sorted by id; the second number is the place in `known`.
    index: Vec<(TypeId, u32)>,
    known: Vec<Known>,
    fields: usize,
    limits: Limits,
}

#[derive(Debug, Clone)]
struct Known {
    definition: Arc<Definition>,
    /// Everything it refers to, however far, has been seen to be defined.
    complete: bool,
}

impl Types {
    /// An empty table that refuses more definitions and fields than `limits` allows.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// How many definitions it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The definition of `id`; `None` for built-in and unknown ids.
    #[must_use]
    pub fn get(&self, id: TypeId) -> Option<&Arc<Definition>> {
        self.place(id).map(|at| &self.known[at].definition)
    }

    /// The ids and definitions, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (TypeId, &Definition)> {
        let mut by_place: Vec<(u32, TypeId)> = self.index.iter().map(|&(id, at)| (at, id)).collect();
        by_place.sort_unstable();
        by_place.into_iter().map(|(at, id)| (id, &*self.known[at as usize].definition))
    }

    /// Adds a definition.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the id is built in, reserved or known already, or a field has no name;
    /// [`Error::Limit`] when there are too many types or fields.
    pub fn define(&mut self, id: TypeId, definition: Definition) -> Result<()> {
        if !id.is_user() {
            return Err(Error::malformed(format!("definition of the reserved type id {}", id.0)));
        }
        let Err(at) = self.index.binary_search_by_key(&id, |&(known, _)| known) else {
            return Err(Error::malformed(format!("type id {} is defined twice", id.0)));
        };
        if let Kind::Struct { fields } = &definition.kind
            && fields.iter().any(|field| field.name.is_empty())
        {
            return Err(Error::malformed(format!("a field without a name in type {}", id.0)));
        }
        self.limits.check_types(self.known.len() + 1)?;
        self.limits.check_fields(self.fields + definition.fields())?;
        self.fields += definition.fields();
        self.index.insert(at, (id, self.known.len() as u32));
        self.known.push(Known { definition: Arc::new(definition), complete: false });
        Ok(())
    }

    /// The definition at a place, which stays the same while definitions are only added.
    #[inline]
    pub(crate) fn at(&self, place: usize) -> &Definition {
        &self.known[place].definition
    }

    /// Whether values of this type are structs, which alone have no zero byte in front at top level.
    pub(crate) fn is_struct(&self, id: TypeId) -> bool {
        self.get(id).is_some_and(|definition| matches!(definition.kind, Kind::Struct { .. }))
    }

    /// Forgets every definition after the first `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        for gone in self.known.drain(len..) {
            self.fields -= gone.definition.fields();
        }
        self.index.retain(|&(_, at)| (at as usize) < len);
    }

    /// Fails unless `id` and everything it refers to is defined.
    ///
    /// Each definition is visited once in the life of the table.
    pub(crate) fn complete(&mut self, id: TypeId) -> Result<()> {
        if !id.is_user() {
            return Ok(());
        }
        let root = self.place(id).ok_or_else(|| undefined(id))?;
        if self.known[root].complete {
            return Ok(());
        }
        let mut visit = vec![root];
        while let Some(at) = visit.pop() {
            if std::mem::replace(&mut self.known[at].complete, true) {
                continue;
            }
            let definition = self.known[at].definition.clone();
            for part in definition.parts().filter(|part| part.0 != TypeId::INTERFACE.0 && !part.is_basic()) {
                match self.place(part) {
                    Some(part) => visit.push(part),
                    None => {
                        // Later definitions may mend it: nothing found complete here may stay so.
                        self.known.iter_mut().for_each(|known| known.complete = false);
                        return Err(undefined(part));
                    }
                }
            }
        }
        Ok(())
    }

    /// `id` and all it refers to, each once, in Go's order: the type, then depth first its parts. What
    /// `known` says yes to is left out, with its parts.
    pub(crate) fn closure(&self, id: TypeId, known: impl Fn(TypeId) -> bool) -> Vec<TypeId> {
        let mut order = Vec::new();
        let mut seen = vec![false; self.known.len()];
        let mut visit = vec![id];
        while let Some(id) = visit.pop() {
            let Some(at) = self.place(id) else { continue };
            if known(id) || std::mem::replace(&mut seen[at], true) {
                continue;
            }
            order.push(id);
            let from = visit.len();
            visit.extend(self.known[at].definition.parts().filter(|part| part.is_user()));
            visit[from..].reverse();
        }
        order
    }

    #[inline]
    pub(crate) fn place(&self, id: TypeId) -> Option<usize> {
        // Ids mostly start at 64 without gaps: look there before searching.
        let guess = id.0.checked_sub(TypeId::FIRST_USER.0)? as usize;
        if let Some(&(known, at)) = self.index.get(guess)
            && known == id
        {
            return Some(at as usize);
        }
        let at = self.index.binary_search_by_key(&id, |&(known, _)| known).ok()?;
        Some(self.index[at].1 as usize)
    }
}

fn undefined(id: TypeId) -> Error {
    Error::malformed(format!("type id {} is used but not defined", id.0))
}
