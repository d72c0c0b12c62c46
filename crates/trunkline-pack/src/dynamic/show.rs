//! Schemas, values and records as text of the little language, so that what is shown can be read back.

use std::fmt::{self, Write};

use super::{Field, Record, Schema, Type, Value};
use crate::Mode;

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        separated(f, " ", &self.fields, |f, field| write!(f, "{field}"))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{name}=")?;
        }
        match (self.mode, &self.ty) {
            (Mode::Fixed, ty) => write!(f, "{ty}"),
            (Mode::Ber, Type::U32) => f.write_str("ber"),
            (Mode::Ber, ty) => write!(f, "ber.{ty}"),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::Str => "str",
            Self::Bytes => "bytes",
            Self::List(ty) => return write!(f, "[{ty}]"),
            Self::Struct(schema) => return write!(f, "{{{schema}}}"),
        })
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned(value) => write!(f, "{value}"),
            Self::Signed(value) => write!(f, "{value}"),
            Self::Str(text) => quoted(f, text),
            Self::Bytes(bytes) => {
                f.write_str("x\"")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("\"")
            }
            Self::List(items) => {
                f.write_str("[")?;
                separated(f, ", ", items, |f, item| write!(f, "{item}"))?;
                f.write_str("]")
            }
            Self::Struct(values) => {
                f.write_str("{")?;
                separated(f, ", ", values, |f, value| write!(f, "{value}"))?;
                f.write_str("}")
            }
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<_> = self.schema.fields.iter().zip(&self.values).collect();
        separated(f, " ", &pairs, |f, (field, value)| write!(f, "{field}:{value}"))
    }
}

fn separated<T>(
    f: &mut fmt::Formatter<'_>,
    separator: &str,
    items: &[T],
    mut show: impl FnMut(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        show(f, item)?;
    }
    Ok(())
}

/// Control characters are escaped, so that a peer's text cannot steer a terminal.
fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() => write!(f, "\\u{{{:x}}}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}
