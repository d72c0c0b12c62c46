//! What one outgoing stream knows of types: their numbers on it, and which were sent.
//!
//! In: definitions from learned plans, self-contained values and callers. Out: their ids on this stream. A
//! type that is equal to a known one in everything it refers to gets the same id.

use std::collections::HashMap;
use std::sync::Arc;

use super::plain;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::number::{Cursor, patch_len};
use crate::raw::Raw;
use crate::types::{Definition, TypeId, Types};

/// How many sets of definitions are remembered by their bytes.
const PREFIXES_KEPT: usize = 1024;
/// Bounds on the search for an equal type; past them a type is defined once more, which costs a few bytes.
/// How many pairs are compared before two graphs count as different, how many types of one name and shape
/// are tried, and for how many types of one value.
const COMPARED: usize = 64;
const CANDIDATES: usize = 4;
const MATCHED: usize = 64;

/// From the ids of a self-contained value, which start at 64 without gaps, to those of a stream.
pub(crate) type Mapping = Arc<[TypeId]>;

/// The type side of an outgoing stream.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) types: Types,
    pub(crate) limits: Limits,
    /// By place in `types`.
    sent: Vec<bool>,
    /// Sent since the mark.
    newly: Vec<TypeId>,
    /// Concrete types of interfaces in the value being written.
    pub(crate) concretes: Vec<TypeId>,
    next: u32,
    prefixes: HashMap<Box<[u8]>, Mapping>,
}

/// A point to come back to.
pub(crate) struct Mark {
    types: usize,
    next: u32,
}

impl Outgoing {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            types: Types::new(limits),
            limits,
            sent: Vec::new(),
            newly: Vec::new(),
            concretes: Vec::new(),
            next: TypeId::FIRST_USER.get(),
            prefixes: HashMap::new(),
        }
    }

    pub(crate) fn mark(&mut self) -> Mark {
        self.newly.clear();
        self.concretes.clear();
        Mark { types: self.types.len(), next: self.next }
    }

    /// Back to `mark`; says whether ids given since then are gone.
    pub(crate) fn roll_back(&mut self, mark: Mark) -> bool {
        for id in std::mem::take(&mut self.newly) {
            self.set_sent(id, false);
        }
        let gone = self.types.len() > mark.types;
        if gone {
            self.types.truncate(mark.types);
            self.sent.truncate(mark.types);
            self.next = mark.next;
            self.prefixes.clear();
        }
        gone
    }

    /// As if a new stream began, with the types known already.
    pub(crate) fn forget_sent(&mut self) {
        self.sent.fill(false);
    }

    /// Whether the last value sent every known type, in the order of their numbers from 64.
    pub(crate) fn sent_all_in_order(&self) -> bool {
        let numbers = TypeId::FIRST_USER.get()..;
        self.newly.len() == self.types.len() && self.newly.iter().zip(numbers).all(|(id, n)| id.get() == n)
    }

    fn set_sent(&mut self, id: TypeId, sent: bool) {
        if let Some(at) = self.types.place(id) {
            if self.sent.len() <= at {
                self.sent.resize(at + 1, false);
            }
            self.sent[at] = sent;
        }
    }

    /// Whether receivers know the type already; true for built-in ones.
    pub(crate) fn is_sent(&self, id: TypeId) -> bool {
        self.types.place(id).is_none_or(|at| self.sent.get(at).copied().unwrap_or(false))
    }

    /// Whether a value of type `id` with the noted concrete types can go out as it is. A type is marked sent
    /// together with all it refers to.
    pub(crate) fn nothing_new(&self, id: TypeId) -> bool {
        self.is_sent(id) && self.concretes.iter().all(|&id| self.is_sent(id))
    }

    /// The unsent types `id` needs, in Go's order; they count as sent from now on.
    pub(crate) fn claim(&mut self, id: TypeId) -> Vec<TypeId> {
        if self.is_sent(id) {
            return Vec::new();
        }
        let order = self.types.closure(id, |id| self.is_sent(id));
        for &id in &order {
            self.set_sent(id, true);
        }
        self.newly.extend(&order);
        order
    }

    /// Appends a message for every definition that a value of type `id` and its interfaces need.
    pub(crate) fn define_ahead(&mut self, id: TypeId, out: &mut Vec<u8>) -> Result<()> {
        let concretes = std::mem::take(&mut self.concretes);
        for id in std::iter::once(id).chain(concretes.iter().copied()) {
            for id in self.claim(id) {
                out.push(0);
                let at = out.len();
                self.definition(id)?.write(id, out);
                patch_len(out, at);
            }
        }
        self.concretes = concretes;
        Ok(())
    }

    pub(crate) fn definition(&self, id: TypeId) -> Result<&Definition> {
        crate::read::definition(&self.types, id).map(|definition| &**definition)
    }

    /// Notes the type of a value inside an interface.
    pub(crate) fn concrete(&mut self, id: TypeId) {
        if id.is_user() && !self.is_sent(id) {
            self.concretes.push(id);
        }
    }

    /// Takes `id` and all it refers to from another table, under the same numbers.
    pub(crate) fn adopt(&mut self, from: &Types, id: TypeId) -> Result<()> {
        for id in from.closure(id, |_| false) {
            let definition = crate::read::definition(from, id)?;
            match self.types.get(id) {
                Some(known) if known == definition => {}
                Some(_) => {
                    return Err(Error::Unsupported(format!("type id {} has another meaning here", id.get())));
                }
                None => {
                    self.types.define(id, Definition::clone(definition))?;
                    self.next = self.next.max(id.get().saturating_add(1));
                }
            }
        }
        self.types.complete(id)?;
        self.concrete(id);
        Ok(())
    }

    /// Appends the value of `raw` in plain form with the ids of this stream, and returns its type.
    pub(crate) fn embed(&mut self, raw: &Raw, out: &mut Vec<u8>) -> Result<TypeId> {
        let mapping = self.mapping(raw)?;
        let id = mapped(&mapping, raw.type_id());
        let (types, mut concretes) = (&self.types, std::mem::take(&mut self.concretes));
        let copied = plain::copy(types, id, &mut Cursor::new(raw.plain()), out, &mut |id| {
            let id = mapped(&mapping, id);
            concretes.push(id);
            (id, id)
        });
        self.concretes = concretes;
        copied.map(|()| id)
    }

    /// The ids here for the types of `raw`, remembered by the bytes of their definitions.
    fn mapping(&mut self, raw: &Raw) -> Result<Mapping> {
        let definitions = raw.definitions();
        if let Some(known) = self.prefixes.get(definitions) {
            return Ok(known.clone());
        }
        let mapping = self.intern(&raw.types()?)?;
        if self.prefixes.len() == PREFIXES_KEPT {
            self.prefixes.clear();
        }
        self.prefixes.insert(definitions.into(), mapping.clone());
        Ok(mapping)
    }

    /// Finds or gives an id for every type of a table that is numbered from 64 without gaps.
    pub(crate) fn intern(&mut self, from: &Types) -> Result<Mapping> {
        let all: Vec<(TypeId, &Definition)> = from.iter().collect();
        let known: Vec<(TypeId, &Definition)> = self.types.iter().collect();
        let mut to: Vec<Option<TypeId>> = vec![None; all.len()];
        let place = |id: TypeId| (id.get() - TypeId::FIRST_USER.get()) as usize;
        for &(id, definition) in all.iter().take(MATCHED) {
            let alike = known.iter().filter(|(_, d)| d.name == definition.name && d.same_shape(definition));
            let equal = alike.take(CANDIDATES).find(|(known, _)| same(from, id, &self.types, *known));
            to[place(id)] = equal.map(|&(known, _)| known);
        }
        let new: Vec<usize> = (0..to.len()).filter(|&at| to[at].is_none()).collect();
        for &at in &new {
            let Some(id) = TypeId::new(self.next) else {
                return Err(Error::Unsupported("no type ids are left on this stream".to_owned()));
            };
            to[at] = Some(id);
            self.next += 1;
        }
        let mapping: Mapping = to.into_iter().flatten().collect();
        for (id, definition) in all {
            if new.contains(&place(id)) {
                let own = mapped(&mapping, id);
                self.types.define(own, definition.renumbered(own, |part| mapped(&mapping, part)))?;
            }
        }
        for &id in mapping.iter() {
            self.types.complete(id)?;
        }
        Ok(mapping)
    }
}

/// The id on the stream; built-in ids are the same everywhere.
pub(crate) fn mapped(mapping: &[TypeId], id: TypeId) -> TypeId {
    if !id.is_user() {
        return id;
    }
    mapping.get((id.get() - TypeId::FIRST_USER.get()) as usize).copied().unwrap_or(id)
}

/// Whether two types in two tables are equal in all they refer to. Pairs on the way count as equal, which
/// settles recursive types.
fn same(a: &Types, x: TypeId, b: &Types, y: TypeId) -> bool {
    let mut assumed = Vec::new();
    let mut open = vec![(x, y)];
    while let Some((x, y)) = open.pop() {
        if (!x.is_user() && x == y) || assumed.contains(&(x, y)) {
            continue;
        }
        let (Some(dx), Some(dy)) = (a.get(x), b.get(y)) else { return false };
        if assumed.len() == COMPARED || dx.name != dy.name || !dx.same_shape(dy) {
            return false;
        }
        assumed.push((x, y));
        open.extend(dx.parts().zip(dy.parts()));
    }
    true
}
