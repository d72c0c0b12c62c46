//! Any gob value as a tree, without a Rust type for it.
//!
//! In: what a message holds, or what a caller builds. Out: [`Value`]. Dropping and printing a tree never
//! recurses deeper than a fixed bound, however deep the tree is.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crate::types::{OpaqueKind, TypeId};

mod serialize;

/// How many levels `{:?}` shows; deeper ones are printed as `…`.
const SHOWN_DEPTH: usize = 64;

/// A gob value of any type.
///
/// `Clone` and `==` recurse once per level: a tree read by a [`Decoder`](crate::Decoder) is no deeper than
/// its [`Limits::depth`](crate::Limits::depth); for one of your own making the depth is yours to bound.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// `bool`.
    Bool(bool),
    /// Any signed integer.
    Int(i64),
    /// Any unsigned integer.
    Uint(u64),
    /// `float32` or `float64`.
    Float(f64),
    /// Real and imaginary part.
    Complex(f64, f64),
    /// `string`; Go does not promise UTF-8.
    String(Vec<u8>),
    /// `[]byte`.
    Bytes(Vec<u8>),
    /// A slice.
    Slice(Items<Self>),
    /// An array.
    Array(Items<Self>),
    /// A map, in the order of the wire; Go's order is random. A repeated key stands twice: the last wins.
    Map(Items<(Self, Self)>),
    /// A struct: the fields that were sent. A field left out has its zero value.
    Struct(Items<(Arc<str>, Self)>),
    /// An interface: nil, or a registered name and a value.
    Interface(Option<Box<Interface>>),
    /// The bytes of a type that encodes itself.
    Opaque(OpaqueKind, Vec<u8>),
}

/// What is inside an interface that is not nil.
#[derive(Clone, PartialEq)]
pub struct Interface {
    name: String,
    type_id: Option<TypeId>,
    value: Items<Value>,
}

impl Interface {
    /// A value under its registered name, such as `string` or `*main.Args`.
    #[must_use]
    pub fn new(name: impl Into<String>, value: Value) -> Self {
        Self { name: name.into(), type_id: None, value: Items(vec![value]) }
    }

    /// The same, with the id its type has on the stream it comes from or goes to.
    #[must_use]
    pub fn with_type(name: impl Into<String>, type_id: TypeId, value: Value) -> Self {
        Self { type_id: Some(type_id), ..Self::new(name, value) }
    }

    /// The registered name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the concrete type, if known.
    #[must_use]
    pub const fn type_id(&self) -> Option<TypeId> {
        self.type_id
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value.0[0]
    }

    /// The value, by itself.
    #[must_use]
    pub fn into_value(mut self) -> Value {
        self.value.0.swap_remove(0)
    }
}

/// A vector of values (list elements), pairs (map entries) or named values (struct fields), which can be
/// dropped at any depth of nesting. Use it as the `Vec` it holds.
#[derive(Clone, PartialEq)]
pub struct Items<T: Item>(Vec<T>);

/// What [`Items`] can hold. Sealed.
pub trait Item: sealed::Parts {}
impl<T: sealed::Parts> Item for T {}

mod sealed {
    use super::{Arc, Value};

    /// Comes apart into the values inside.
    pub trait Parts {
        fn is_leaf(&self) -> bool;
        fn give(self, heap: &mut Vec<Value>);
    }

    impl Parts for Value {
        fn is_leaf(&self) -> bool {
            match self {
                Self::Slice(items) | Self::Array(items) => items.is_empty(),
                Self::Map(entries) => entries.is_empty(),
                Self::Struct(fields) => fields.is_empty(),
                Self::Interface(inside) => inside.is_none(),
                _ => true,
            }
        }

        fn give(self, heap: &mut Vec<Value>) {
            if !self.is_leaf() {
                heap.push(self);
            }
        }
    }

    impl Parts for (Value, Value) {
        fn is_leaf(&self) -> bool {
            self.0.is_leaf() && self.1.is_leaf()
        }

        fn give(self, heap: &mut Vec<Value>) {
            self.0.give(heap);
            self.1.give(heap);
        }
    }

    impl Parts for (Arc<str>, Value) {
        fn is_leaf(&self) -> bool {
            self.1.is_leaf()
        }

        fn give(self, heap: &mut Vec<Value>) {
            self.1.give(heap);
        }
    }
}

impl<T: Item> Drop for Items<T> {
    fn drop(&mut self) {
        if self.0.iter().all(sealed::Parts::is_leaf) {
            return;
        }
        // A tree is taken apart on a heap of our own: the stack must not depend on its depth.
        let mut heap = Vec::new();
        self.scatter(&mut heap);
        while let Some(mut value) = heap.pop() {
            match &mut value {
                Value::Slice(items) | Value::Array(items) => items.scatter(&mut heap),
                Value::Map(entries) => entries.scatter(&mut heap),
                Value::Struct(fields) => fields.scatter(&mut heap),
                Value::Interface(Some(inside)) => inside.value.scatter(&mut heap),
                _ => {}
            }
        }
    }
}

impl<T: Item> Items<T> {
    fn scatter(&mut self, heap: &mut Vec<Value>) {
        for item in self.0.drain(..) {
            item.give(heap);
        }
    }

    /// The plain vector.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<T> {
        std::mem::take(&mut self.0)
    }
}

impl<T: Item> From<Vec<T>> for Items<T> {
    fn from(items: Vec<T>) -> Self {
        Self(items)
    }
}

impl<T: Item> FromIterator<T> for Items<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl<T: Item> Deref for Items<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T: Item> DerefMut for Items<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}

impl Value {
    /// The field of a struct; of two with one name the last, as in Go. Looks through interfaces.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&Self> {
        match self.concrete()? {
            Self::Struct(fields) => fields.iter().rev().find(|(name, _)| &**name == field).map(|(_, v)| v),
            _ => None,
        }
    }

    /// A string that is UTF-8. Looks through interfaces.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self.concrete()? {
            Self::String(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// What is left when every interface around it is taken off; `None` for nil.
    #[must_use]
    pub fn concrete(&self) -> Option<&Self> {
        let mut value = self;
        while let Self::Interface(inside) = value {
            value = inside.as_ref()?.value();
        }
        Some(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.as_bytes().to_vec())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown(self, SHOWN_DEPTH).fmt(f)
    }
}

impl fmt::Debug for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(&self.name).field(&Shown(self.value(), SHOWN_DEPTH)).finish()
    }
}

impl fmt::Debug for Items<Value> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|item| Shown(item, SHOWN_DEPTH))).finish()
    }
}

impl fmt::Debug for Items<(Value, Value)> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value| Shown(value, SHOWN_DEPTH);
        f.debug_map().entries(self.iter().map(|(k, v)| (shown(k), shown(v)))).finish()
    }
}

impl fmt::Debug for Items<(Arc<str>, Value)> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(k, v)| (k, Shown(v, SHOWN_DEPTH)))).finish()
    }
}

/// A value and how many more levels of it to show.
struct Shown<'a>(&'a Value, usize);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(deeper) = self.1.checked_sub(1) else { return f.write_str("…") };
        let shown = |value| Shown(value, deeper);
        match self.0 {
            Value::Bool(b) => b.fmt(f),
            Value::Int(n) => n.fmt(f),
            Value::Uint(n) => write!(f, "{n}u"),
            Value::Float(n) => n.fmt(f),
            Value::Complex(re, im) => write!(f, "({re:?}{im:+?}i)"),
            Value::String(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Value::Bytes(bytes) => write!(f, "b\"{}\"", bytes.escape_ascii()),
            Value::Slice(items) | Value::Array(items) => {
                f.debug_list().entries(items.iter().map(shown)).finish()
            }
            Value::Map(entries) => {
                f.debug_map().entries(entries.iter().map(|(k, v)| (shown(k), shown(v)))).finish()
            }
            Value::Struct(fields) => {
                let mut out = f.debug_struct("");
                for (name, value) in fields.iter() {
                    out.field(name, &shown(value));
                }
                out.finish()
            }
            Value::Interface(None) => f.write_str("nil"),
            Value::Interface(Some(inside)) => {
                f.debug_tuple(&inside.name).field(&shown(inside.value())).finish()
            }
            Value::Opaque(kind, bytes) => write!(f, "{kind:?}(b\"{}\")", bytes.escape_ascii()),
        }
    }
}
