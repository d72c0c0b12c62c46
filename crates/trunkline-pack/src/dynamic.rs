//! Values whose type is known only at run time, and the little language that writes them down.
//!
//! In: text such as `u32:7 str:abc ber:300`, or packed bytes and a [`Schema`] such as `u32 str`. Out: packed
//! bytes, or [`Value`]s. For tools; programs that know their types derive them.
//!
//! ```
//! use trunkline_pack::dynamic::{Record, Schema, Value};
//!
//! let record: Record = "u32:7 str:abc ber:300".parse()?;
//! assert_eq!(record.pack()?, b"\x07\0\0\0\x03\0\0\0abc\x82\x2c");
//!
//! let schema: Schema = "u32 str".parse()?;
//! let (values, rest) = schema.unpack(b"\x07\0\0\0\x03\0\0\0abc\x82\x2c")?;
//! assert_eq!(values, [Value::Unsigned(7), Value::Str("abc".to_owned())]);
//! assert_eq!(rest, b"\x82\x2c");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The language
//!
//! Types and values are words with white space or commas between them. Text without quotes ends at white
//! space; inside brackets also at a comma or bracket.
//!
//! | type | its value |
//! |---|---|
//! | `u8` `u16` `u32` `u64` `i8` `i16` `i32` `i64`; Go's `uint` = `u32`, `int` = `i32` | `7`, `-7`, `0x1f` |
//! | `str` | `abc`, `"with spaces, \"quotes\" and \n"`, or `x"ff00"` if it is not UTF-8 |
//! | `bytes` | hexadecimal: `00ff` or `x"00ff"` |
//! | `[T]`, a list | `[1, 2, 3]` |
//! | `{T T …}`, a struct | `{1, "a"}` |
//! | `ber.T`: its integer, length or count in BER; `ber` alone = `ber.u32` | as of `T` |
//! | `name=T`: a name for error messages and output | as of `T` |
//!
//! A value stands behind its type and a colon: `u32:7`, `[u16]:[1, 2]`, `{ber str}:{258, world}`.

mod codec;
mod show;
mod text;

pub use text::ParseError;

use crate::Mode;

/// A row of fields: what one body is made of, or one struct in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Schema {
    /// The fields in order.
    pub fields: Vec<Field>,
}

/// One value in a row: its type, its mode and perhaps a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Field {
    /// For error messages and output; the bytes do not know it.
    pub name: Option<String>,
    /// What it is.
    pub ty: Type,
    /// How its integer, length or count is spelled.
    pub mode: Mode,
}

impl Field {
    /// A field without a name.
    #[must_use]
    pub const fn new(ty: Type, mode: Mode) -> Self {
        Self { name: None, ty, mode }
    }
}

/// The type of a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the integers say what they are")]
pub enum Type {
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    /// Text; unlike `String` it also takes bytes that are not UTF-8, as [`Value::Bytes`].
    Str,
    /// A byte string.
    Bytes,
    /// A count and as many items, always in [`Mode::Fixed`].
    List(Box<Self>),
    /// Fields in a row without framing.
    Struct(Schema),
}

/// A value; which variants a [`Type`] takes is said at each.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// Of `U8` to `U64`.
    Unsigned(u64),
    /// Of `I8` to `I64`.
    Signed(i64),
    /// Of `Str`.
    Str(String),
    /// Of `Bytes`; of `Str` when it is not UTF-8.
    Bytes(Vec<u8>),
    /// Of `List`.
    List(Vec<Self>),
    /// Of `Struct`: one for each field.
    Struct(Vec<Self>),
}

/// Values together with their types: what a line of the language says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Record {
    /// The types.
    pub schema: Schema,
    /// One value for each field of the schema.
    pub values: Vec<Value>,
}
