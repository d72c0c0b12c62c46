//! Learning the Go type of a Rust type from its values.
//!
//! In: values, one after the other, or a declared [`GoType`]. Out: a graph that only ever gets more precise,
//! compiled to definitions. Structs of one serde name share a node, which is how recursive types close; when
//! that cannot be right, as with a generic struct of two shapes, the name is no longer shared and learning
//! starts over.

use std::sync::Arc;

use serde::Serialize;

use crate::encoder::Outgoing;
use crate::error::{Error, Result};
use crate::go_type::{GoType, Registry};
use crate::limits::Limits;
use crate::types::{Definition, Field, Kind, OpaqueKind, TypeId, Types};

mod pass;

/// How many names may turn out not to be shareable.
const UNSHARED: usize = 32;

/// A place in a [`Graph`].
pub(super) type At = usize;

#[derive(Debug, Clone)]
pub(super) enum Node {
    /// No value has shown it yet.
    Unknown,
    /// The same as another node.
    Same(At),
    /// Bool, int, uint, float, bytes, string, complex or interface.
    Basic(TypeId),
    /// A `u8`: alone an unsigned number, in a slice a byte.
    Byte,
    Slice(At),
    Array(u64, At),
    Map(At, At),
    Struct(Box<str>, Vec<(Arc<str>, At)>),
    Opaque(OpaqueKind, &'static str),
}

/// What is known about a type.
#[derive(Debug)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    root: At,
    /// Concrete types by registered name.
    concretes: Vec<(Box<str>, At)>,
    unshared: Vec<Box<str>>,
    /// Shared structs around the value being learned.
    within: Vec<Box<str>>,
    declared: Option<GoType>,
}

impl Default for Graph {
    fn default() -> Self {
        Self {
            nodes: vec![Node::Unknown],
            root: 0,
            concretes: Vec::new(),
            unshared: Vec::new(),
            within: Vec::new(),
            declared: None,
        }
    }
}

impl Graph {
    pub(super) fn declared(ty: &GoType) -> Self {
        let mut graph = Self { declared: Some(ty.clone()), ..Self::default() };
        graph.start_over();
        graph
    }

    /// Makes room for `value` in what is known.
    pub(super) fn learn<T: Serialize + ?Sized>(&mut self, value: &T, limits: Limits) -> Result<()> {
        for _ in 0..UNSHARED {
            self.within.clear();
            match value.serialize(pass::Pass::new(self, self.root, limits)) {
                Err(Error::Stale(text)) => match self.within.pop() {
                    Some(name) => {
                        self.unshared.push(name);
                        self.start_over();
                    }
                    None => return Err(Error::Unsupported(text)),
                },
                done => return done,
            }
        }
        Err(Error::Unsupported(format!("more than {UNSHARED} struct names stand for several types")))
    }

    /// Forgets all but what was declared, and which names cannot be shared.
    pub(super) fn start_over(&mut self) {
        self.root = 0;
        self.nodes = vec![Node::Unknown];
        self.concretes.clear();
        if let Some(ty) = self.declared.clone() {
            self.root = self.declare(&ty);
        }
    }

    fn add(&mut self, node: Node) -> At {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn declare(&mut self, ty: &GoType) -> At {
        let node = match ty {
            GoType::Bool => Node::Basic(TypeId::BOOL),
            GoType::Int(_) => Node::Basic(TypeId::INT),
            GoType::Uint(8) => Node::Byte,
            GoType::Uint(_) => Node::Basic(TypeId::UINT),
            GoType::Float(_) => Node::Basic(TypeId::FLOAT),
            GoType::Complex(_) => Node::Basic(TypeId::COMPLEX),
            GoType::String => Node::Basic(TypeId::STRING),
            GoType::Bytes => Node::Slice(self.add(Node::Byte)),
            GoType::Interface => Node::Basic(TypeId::INTERFACE),
            GoType::Slice(elem) => Node::Slice(self.declare(elem)),
            GoType::Array(len, elem) => Node::Array(*len, self.declare(elem)),
            GoType::Map(key, elem) => Node::Map(self.declare(key), self.declare(elem)),
            GoType::Struct(fields) => {
                let fields =
                    fields.iter().map(|(name, ty)| (name.as_str().into(), self.declare(ty))).collect();
                Node::Struct("".into(), fields)
            }
            GoType::Opaque(kind) => Node::Opaque(*kind, ""),
            GoType::Time => Node::Opaque(OpaqueKind::Gob, "Time"),
            GoType::Named(_) => Node::Unknown,
        };
        self.add(node)
    }

    /// The node of the values registered under `name`. Names of unnamed types say the type.
    fn concrete(&mut self, name: &str) -> At {
        if let Some((_, at)) = self.concretes.iter().find(|(known, _)| **known == *name) {
            return *at;
        }
        let at = match name.parse::<GoType>() {
            Ok(ty) if Registry::is_spelled_out(name) => self.declare(&ty),
            _ => self.add(Node::Unknown),
        };
        self.concretes.push((name.into(), at));
        at
    }

    fn resolve(&self, mut at: At) -> At {
        while let Node::Same(other) = self.nodes[at] {
            at = other;
        }
        at
    }

    /// Whether a definition can be made. Structs always can: they leave out what is unknown.
    fn is_known(&self, at: At) -> bool {
        match &self.nodes[self.resolve(at)] {
            Node::Unknown | Node::Same(_) => false,
            Node::Basic(_) | Node::Byte | Node::Struct(..) | Node::Opaque(..) => true,
            Node::Slice(elem) | Node::Array(_, elem) => self.is_known(*elem),
            Node::Map(key, elem) => self.is_known(*key) && self.is_known(*elem),
        }
    }

    /// Definitions for all that is known, entered into the stream.
    pub(super) fn compile(&self, stream: &mut Outgoing) -> Result<Compiled> {
        let mut compiling = Compiling { graph: self, structs: Vec::new(), definitions: Vec::new() };
        let Some(root) = compiling.ty(self.root) else {
            let text = "nothing in the value tells its Go type (an empty list, map or option): declare it";
            return Err(Error::Unsupported(text.to_owned()));
        };
        let concretes =
            self.concretes.iter().filter_map(|(name, at)| Some((name.clone(), compiling.ty(*at)?)));
        let concretes = concretes.collect();
        let mut types = Types::new(stream.limits);
        for (at, definition) in compiling.definitions.into_iter().enumerate() {
            types.define(TypeId(TypeId::FIRST_USER.get() + at as u32), definition)?;
        }
        let mapping = stream.intern(&types)?;
        Ok(Compiled { types, root, concretes, mapping })
    }
}

/// A graph on its way to definitions.
struct Compiling<'a> {
    graph: &'a Graph,
    structs: Vec<(At, TypeId)>,
    definitions: Vec<Definition>,
}

impl Compiling<'_> {
    fn ty(&mut self, at: At) -> Option<TypeId> {
        let at = self.graph.resolve(at);
        if !self.graph.is_known(at) {
            return None;
        }
        // The place is taken before those of the parts: Go's order, and the one in which values are numbered
        // when they are taken out of a stream.
        let place = self.definitions.len();
        let id = TypeId(TypeId::FIRST_USER.get() + place as u32);
        let mut take = |name: &str| {
            let kind = Kind::Struct { fields: Vec::new() };
            self.definitions.push(Definition { name: name.to_owned(), inner_id: id.get(), kind });
        };
        let kind = match &self.graph.nodes[at] {
            Node::Unknown | Node::Same(_) => return None,
            Node::Basic(id) => return Some(*id),
            Node::Byte => return Some(TypeId::UINT),
            Node::Slice(elem) if matches!(self.graph.nodes[self.graph.resolve(*elem)], Node::Byte) => {
                return Some(TypeId::BYTES);
            }
            Node::Slice(elem) => {
                take("");
                Kind::Slice { elem: self.ty(*elem)? }
            }
            Node::Array(len, elem) => {
                take("");
                Kind::Array { elem: self.ty(*elem)?, len: *len }
            }
            Node::Map(key, elem) => {
                take("");
                Kind::Map { key: self.ty(*key)?, elem: self.ty(*elem)? }
            }
            Node::Opaque(kind, name) => {
                take(name);
                Kind::Opaque(*kind)
            }
            Node::Struct(name, fields) => {
                if let Some((_, id)) = self.structs.iter().find(|(known, _)| *known == at) {
                    return Some(*id);
                }
                take(name);
                self.structs.push((at, id));
                let fields = fields.iter();
                let known =
                    fields.filter_map(|(name, at)| Some(Field { name: name.clone(), ty: self.ty(*at)? }));
                let fields = known.collect();
                self.definitions[place].kind = Kind::Struct { fields };
                return Some(id);
            }
        };
        let equal = |known: &Definition| known.kind == kind && known.name == self.definitions[place].name;
        if let Some(equal) = self.definitions[..place].iter().position(equal) {
            // Its parts are known too, so that nothing was added behind it.
            self.definitions.truncate(place);
            return Some(TypeId(TypeId::FIRST_USER.get() + equal as u32));
        }
        self.definitions[place].kind = kind;
        Some(id)
    }
}

/// Definitions for a Rust type, ready to write values by.
#[derive(Debug)]
pub(super) struct Compiled {
    /// Numbered from 64.
    pub(super) types: Types,
    pub(super) root: TypeId,
    pub(super) concretes: Vec<(Box<str>, TypeId)>,
    /// To the numbers of the stream.
    pub(super) mapping: Arc<[TypeId]>,
}
