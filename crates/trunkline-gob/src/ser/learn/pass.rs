//! The pass over a value that refines the graph.
//!
//! In: a node and a value. Out: the node says at least what the value shows. A contradiction is
//! [`Error::Stale`], which the graph turns into another attempt or an error.

use serde::ser::{self, Serialize, Serializer};

use super::{At, Graph, Node};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::ser::token::Token;
use crate::types::{OpaqueKind, TypeId};

mod name;

pub(super) struct Pass<'g> {
    graph: &'g mut Graph,
    at: At,
    depth: usize,
    limits: Limits,
}

impl<'g> Pass<'g> {
    pub(super) fn new(graph: &'g mut Graph, at: At, limits: Limits) -> Self {
        Self { graph, at, depth: 0, limits }
    }

    /// A pass over a part.
    fn of(&mut self, at: At) -> Pass<'_> {
        Pass { graph: self.graph, at, depth: self.depth, limits: self.limits }
    }

    /// The node must be this, or becomes it.
    fn basic(self, id: TypeId) -> Result<()> {
        self.leaf(Node::Basic(id), |node| matches!(node, Node::Basic(known) if *known == id))
    }

    fn leaf(self, node: Node, fits: impl FnOnce(&Node) -> bool) -> Result<()> {
        let at = self.graph.resolve(self.at);
        match &self.graph.nodes[at] {
            Node::Unknown => self.graph.nodes[at] = node,
            known if fits(known) => {}
            known => return Err(contradiction(known, &node)),
        }
        Ok(())
    }

    fn bytes(self) -> Result<()> {
        let Elements { pass, elem } = self.list(None)?;
        Pass { at: elem, ..pass }.leaf(Node::Byte, |node| matches!(node, Node::Byte))
    }

    /// A slice, or an array of `len`.
    fn list(self, len: Option<u64>) -> Result<Elements<'g>> {
        self.limits.check_depth(self.depth + 1)?;
        let make = |elem| len.map_or(Node::Slice(elem), |len| Node::Array(len, elem));
        let at = self.graph.resolve(self.at);
        let elem = match &self.graph.nodes[at] {
            Node::Unknown => {
                let elem = self.graph.add(Node::Unknown);
                self.graph.nodes[at] = make(elem);
                elem
            }
            Node::Slice(elem) if len.is_none() => *elem,
            Node::Array(known, elem) if len == Some(*known) => *elem,
            known => return Err(contradiction(known, &make(0))),
        };
        Ok(Elements { elem, pass: Pass { depth: self.depth + 1, at, ..self } })
    }

    fn map(self) -> Result<Entries<'g>> {
        self.limits.check_depth(self.depth + 1)?;
        let at = self.graph.resolve(self.at);
        let (key, elem) = match &self.graph.nodes[at] {
            Node::Unknown => {
                let (key, elem) = (self.graph.add(Node::Unknown), self.graph.add(Node::Unknown));
                self.graph.nodes[at] = Node::Map(key, elem);
                (key, elem)
            }
            Node::Map(key, elem) => (*key, *elem),
            known => return Err(contradiction(known, &Node::Map(0, 0))),
        };
        Ok(Entries { key, elem, pass: Pass { depth: self.depth + 1, at, ..self } })
    }

    fn structure(self, name: &str) -> Result<Fields<'g>> {
        self.limits.check_depth(self.depth + 1)?;
        let mut at = self.graph.resolve(self.at);
        let mut shared = false;
        if matches!(self.graph.nodes[at], Node::Unknown) {
            let is_shared = !self.graph.unshared.iter().any(|unshared| **unshared == *name);
            let known = |node: &Node| matches!(node, Node::Struct(known, _) if **known == *name);
            match self.graph.nodes.iter().position(known).filter(|_| is_shared) {
                Some(same) => {
                    self.graph.nodes[at] = Node::Same(same);
                    at = same;
                }
                None => self.graph.nodes[at] = Node::Struct(name.into(), Vec::new()),
            }
            shared = is_shared;
        } else if let Node::Struct(known, _) = &mut self.graph.nodes[at] {
            if known.is_empty() {
                *known = name.into();
            }
            shared = **known == *name && !self.graph.unshared.iter().any(|unshared| **unshared == *name);
        }
        match &self.graph.nodes[at] {
            Node::Struct(known, _) if **known == *name => {}
            known => return Err(contradiction(known, &Node::Struct(name.into(), Vec::new()))),
        }
        if shared {
            self.graph.within.push(name.into());
        }
        Ok(Fields { pass: Pass { depth: self.depth + 1, at, ..self }, next: 0, shared })
    }
}

fn contradiction(known: &Node, seen: &Node) -> Error {
    let word = |node: &Node| match node {
        Node::Unknown | Node::Same(_) => "nothing".to_owned(),
        Node::Basic(id) => ["", "bool", "int", "uint", "float", "[]byte", "string", "complex", "interface"]
            [id.get() as usize & 15]
            .to_owned(),
        Node::Byte => "byte".to_owned(),
        Node::Slice(_) => "slice".to_owned(),
        Node::Array(len, _) => format!("array of {len}"),
        Node::Map(..) => "map".to_owned(),
        Node::Struct(name, _) => format!("struct {name}"),
        Node::Opaque(..) => "opaque".to_owned(),
    };
    Error::Stale(format!("one Go type cannot be both {} and {}", word(known), word(seen)))
}

/// Elements of a slice or an array.
pub(super) struct Elements<'g> {
    pass: Pass<'g>,
    elem: At,
}

/// Keys and elements of a map.
pub(super) struct Entries<'g> {
    pass: Pass<'g>,
    key: At,
    elem: At,
}

/// Fields of a struct.
pub(super) struct Fields<'g> {
    pass: Pass<'g>,
    /// One past the last field seen.
    next: usize,
    shared: bool,
}

impl Fields<'_> {
    fn learn<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<()> {
        let at = self.pass.at;
        let Node::Struct(_, fields) = &self.pass.graph.nodes[at] else { unreachable!("a struct stays one") };
        let known = fields.iter().position(|(known, _)| **known == *name);
        let place = match known {
            Some(place) => place,
            None => {
                let node = self.pass.graph.add(Node::Unknown);
                // Behind the field before it, so that fields keep the order of the Rust struct.
                let place = self.next;
                if let Node::Struct(_, fields) = &mut self.pass.graph.nodes[at] {
                    fields.insert(place, (name.into(), node));
                }
                place
            }
        };
        self.next = place + 1;
        let Node::Struct(_, fields) = &self.pass.graph.nodes[at] else { unreachable!("a struct stays one") };
        let node = fields[place].1;
        value.serialize(self.pass.of(node))
    }

    /// Where a new field goes that has none before it.
    fn last(&self) -> usize {
        match &self.pass.graph.nodes[self.pass.at] {
            Node::Struct(_, fields) => fields.len(),
            _ => 0,
        }
    }

    fn leave(self) {
        if self.shared {
            self.pass.graph.within.pop();
        }
    }
}

impl<'g> Serializer for Pass<'g> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Elements<'g>;
    type SerializeTuple = Elements<'g>;
    type SerializeTupleStruct = Elements<'g>;
    type SerializeTupleVariant = ser::Impossible<(), Error>;
    type SerializeMap = Entries<'g>;
    type SerializeStruct = Fields<'g>;
    type SerializeStructVariant = ser::Impossible<(), Error>;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, _: bool) -> Result<()> {
        self.basic(TypeId::BOOL)
    }

    fn serialize_i8(self, _: i8) -> Result<()> {
        self.basic(TypeId::INT)
    }

    fn serialize_i16(self, _: i16) -> Result<()> {
        self.basic(TypeId::INT)
    }

    fn serialize_i32(self, _: i32) -> Result<()> {
        self.basic(TypeId::INT)
    }

    fn serialize_i64(self, _: i64) -> Result<()> {
        self.basic(TypeId::INT)
    }

    fn serialize_u8(self, _: u8) -> Result<()> {
        self.leaf(Node::Byte, |node| matches!(node, Node::Byte))
    }

    fn serialize_u16(self, _: u16) -> Result<()> {
        self.basic(TypeId::UINT)
    }

    fn serialize_u32(self, _: u32) -> Result<()> {
        self.basic(TypeId::UINT)
    }

    fn serialize_u64(self, _: u64) -> Result<()> {
        self.basic(TypeId::UINT)
    }

    fn serialize_f32(self, _: f32) -> Result<()> {
        self.basic(TypeId::FLOAT)
    }

    fn serialize_f64(self, _: f64) -> Result<()> {
        self.basic(TypeId::FLOAT)
    }

    fn serialize_char(self, _: char) -> Result<()> {
        self.basic(TypeId::INT)
    }

    fn serialize_str(self, _: &str) -> Result<()> {
        self.basic(TypeId::STRING)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<()> {
        self.bytes()
    }

    fn serialize_none(self) -> Result<()> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<()> {
        Ok(())
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<()> {
        self.structure(name).map(Fields::leave)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<()> {
        self.basic(TypeId::STRING)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<()> {
        let opaque = |pass: Self, kind, name| {
            pass.leaf(
                Node::Opaque(kind, name),
                |node| matches!(node, Node::Opaque(known, _) if *known == kind),
            )
        };
        match Token::of(name) {
            Token::Plain => value.serialize(self),
            Token::Raw => self.basic(TypeId::INTERFACE),
            Token::Complex => self.basic(TypeId::COMPLEX),
            Token::Time => opaque(self, OpaqueKind::Gob, "Time"),
            Token::Gob => opaque(self, OpaqueKind::Gob, ""),
            Token::Binary => opaque(self, OpaqueKind::Binary, ""),
            Token::Named => {
                let Self { graph, at, depth, limits } = self;
                Pass { graph, at, depth, limits }.basic(TypeId::INTERFACE)?;
                value.serialize(name::Registered { graph, depth: depth + 1, limits, at: None })
            }
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        let mut fields = self.structure(name)?;
        fields.next = fields.last();
        fields.learn(variant, value)?;
        fields.leave();
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements<'g>> {
        self.list(None)
    }

    fn serialize_tuple(self, len: usize) -> Result<Elements<'g>> {
        self.list(Some(len as u64))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Elements<'g>> {
        self.list(Some(len as u64))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant> {
        Err(no_variants(name, variant))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries<'g>> {
        self.map()
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Fields<'g>> {
        self.structure(name)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant> {
        Err(no_variants(name, variant))
    }
}

fn no_variants(name: &str, variant: &str) -> Error {
    Error::Unsupported(format!("{name}::{variant}: Go has no enums; a variant may hold nothing or one value"))
}

/// The steps through lists, maps and structs, under serde's names.
mod parts {
    use super::{Elements, Entries, Error, Fields, Result, Serialize, ser};

    impl ser::SerializeSeq for Elements<'_> {
        type Ok = ();
        type Error = Error;

        fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
            value.serialize(self.pass.of(self.elem))
        }

        fn end(self) -> Result<()> {
            Ok(())
        }
    }

    impl ser::SerializeTuple for Elements<'_> {
        type Ok = ();
        type Error = Error;

        fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
            value.serialize(self.pass.of(self.elem))
        }

        fn end(self) -> Result<()> {
            Ok(())
        }
    }

    impl ser::SerializeTupleStruct for Elements<'_> {
        type Ok = ();
        type Error = Error;

        fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
            value.serialize(self.pass.of(self.elem))
        }

        fn end(self) -> Result<()> {
            Ok(())
        }
    }

    impl ser::SerializeMap for Entries<'_> {
        type Ok = ();
        type Error = Error;

        fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
            key.serialize(self.pass.of(self.key))
        }

        fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
            value.serialize(self.pass.of(self.elem))
        }

        fn end(self) -> Result<()> {
            Ok(())
        }
    }

    impl ser::SerializeStruct for Fields<'_> {
        type Ok = ();
        type Error = Error;

        fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
            self.learn(name, value)
        }

        fn end(self) -> Result<()> {
            self.leave();
            Ok(())
        }
    }
}
