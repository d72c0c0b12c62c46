//! Types as a Go program declares them, and the names it registered.
//!
//! In: Go type text such as `struct{W int32; H int32}`. Out: [`GoType`], and [`Registry`], which answers
//! whether a received value is one a Go variable of that type would take. Widths of integers exist only
//! here: they are not on the wire.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::types::OpaqueKind;

mod fit;
mod parse;

/// A Go type.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GoType {
    /// `bool`.
    Bool,
    /// A signed integer of 8, 16, 32 or 64 bits.
    Int(u8),
    /// An unsigned integer of 8, 16, 32 or 64 bits.
    Uint(u8),
    /// A float of 32 or 64 bits.
    Float(u8),
    /// `complex64` or `complex128`, by its bits.
    Complex(u8),
    /// `string`.
    String,
    /// `[]byte`.
    Bytes,
    /// Any interface type.
    Interface,
    /// A slice.
    Slice(Box<Self>),
    /// An array.
    Array(u64, Box<Self>),
    /// A map.
    Map(Box<Self>, Box<Self>),
    /// A struct: its exported fields.
    Struct(Vec<(String, Self)>),
    /// A type that encodes itself.
    Opaque(OpaqueKind),
    /// `time.Time`: opaque, and its bytes are checked.
    Time,
    /// A type declared elsewhere, found in the [`Registry`] by this name.
    Named(String),
}

/// Names of Go types: those registered for interfaces, and those other types refer to.
///
/// Every registry knows what every Go process knows: the scalars, the slices of scalars, and `time.Time`
/// as a type (it too must be registered before Go takes it inside an interface).
#[derive(Debug, Clone)]
pub struct Registry {
    registered: HashMap<String, GoType>,
    declared: HashMap<String, GoType>,
}

/// The scalars Go registers by itself; the slices of each are registered too.
const SCALARS: [&str; 17] = [
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "uintptr",
    "float32",
    "float64",
    "complex64",
    "complex128",
    "bool",
    "string",
];

impl Default for Registry {
    fn default() -> Self {
        let mut registered = HashMap::new();
        for name in SCALARS {
            let Some(scalar) = parse::scalar(name) else { continue };
            let slice =
                if scalar == GoType::Uint(8) { GoType::Bytes } else { GoType::Slice(scalar.clone().into()) };
            registered.insert(format!("[]{name}"), slice);
            registered.insert(name.to_owned(), scalar);
        }
        Self { registered, declared: HashMap::from([("time.Time".to_owned(), GoType::Time)]) }
    }
}

impl Registry {
    /// What every Go process knows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers `name` as `gob.Register` does: values of it may be inside interfaces. The name is the full
    /// import path and type (`example.org/demo.Shape`), or a star and the short form for types registered
    /// as pointers (`*demo.Shape`).
    ///
    /// # Errors
    /// [`Error::Unsupported`] when `text` is no Go type.
    pub fn register(&mut self, name: impl Into<String>, text: &str) -> Result<()> {
        self.registered.insert(name.into(), text.parse()?);
        Ok(())
    }

    /// Declares `name`, so that other types may refer to it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when `text` is no Go type.
    pub fn declare(&mut self, name: impl Into<String>, text: &str) -> Result<()> {
        self.declared.insert(name.into(), text.parse()?);
        Ok(())
    }

    /// The type registered under `name`.
    #[must_use]
    pub fn registered(&self, name: &str) -> Option<&GoType> {
        self.registered.get(name)
    }

    /// Whether a registered name is the text of an unnamed type or a predeclared one, and so says the type.
    pub(crate) fn is_spelled_out(name: &str) -> bool {
        SCALARS.contains(&name) || name.starts_with('[') || name.starts_with("map[")
    }

    /// Follows names to a type with a shape.
    fn resolve<'a>(&'a self, ty: &'a GoType) -> Result<&'a GoType> {
        let mut ty = ty;
        for _ in 0..64 {
            let GoType::Named(name) = ty else { return Ok(ty) };
            let found = self.declared.get(name).or_else(|| self.registered.get(name));
            ty = found.ok_or_else(|| Error::mismatch(format!("no Go type {name:?} is known")))?;
        }
        Err(Error::mismatch("a Go type that is only names"))
    }
}
