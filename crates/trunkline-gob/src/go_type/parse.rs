//! Go type text to [`GoType`].
//!
//! In: the text Go's `%T` prints for unnamed types, and names. Out: the type. Stars are dropped: pointers
//! do not exist on the wire.

use std::str::FromStr;

use super::GoType;
use crate::error::{Error, Result};
use crate::types::OpaqueKind;

/// How deep a type text may nest.
const MAX_NESTING: usize = 64;

/// A predeclared type.
pub(super) fn scalar(name: &str) -> Option<GoType> {
    Some(match name {
        "bool" => GoType::Bool,
        "int" | "int64" => GoType::Int(64),
        "int8" => GoType::Int(8),
        "int16" => GoType::Int(16),
        "int32" | "rune" => GoType::Int(32),
        "uint" | "uint64" | "uintptr" => GoType::Uint(64),
        "uint8" | "byte" => GoType::Uint(8),
        "uint16" => GoType::Uint(16),
        "uint32" => GoType::Uint(32),
        "float32" => GoType::Float(32),
        "float64" => GoType::Float(64),
        "complex64" => GoType::Complex(64),
        "complex128" => GoType::Complex(128),
        "string" => GoType::String,
        "any" | "error" => GoType::Interface,
        "time.Time" => GoType::Time,
        _ => return None,
    })
}

impl FromStr for GoType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut rest = Text(text);
        let ty = rest.ty(0)?;
        rest.space();
        if rest.0.is_empty() { Ok(ty) } else { Err(rest.wrong("the end")) }
    }
}

struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn space(&mut self) {
        self.0 = self.0.trim_start();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.space();
        let rest = self.0.strip_prefix(token);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn expect(&mut self, token: &str) -> Result<()> {
        if self.eat(token) { Ok(()) } else { Err(self.wrong(token)) }
    }

    fn wrong(&self, wanted: &str) -> Error {
        let seen: String = self.0.chars().take(20).collect();
        Error::Unsupported(format!("Go type text: {wanted} expected at {seen:?}"))
    }

    /// A name, possibly with package and path.
    fn name(&mut self) -> Result<&'a str> {
        self.space();
        let end = self.0.find(|c: char| c.is_whitespace() || "{}[]();*,".contains(c)).unwrap_or(self.0.len());
        if end == 0 {
            return Err(self.wrong("a name"));
        }
        let (name, rest) = self.0.split_at(end);
        self.0 = rest;
        Ok(name)
    }

    fn ty(&mut self, depth: usize) -> Result<GoType> {
        if depth > MAX_NESTING {
            return Err(Error::Unsupported(format!("Go type text nests deeper than {MAX_NESTING}")));
        }
        while self.eat("*") {}
        if self.eat("(") {
            // "(opaque: gob)": what our own tools print for a type that encodes itself.
            self.expect("opaque:")?;
            let kind = self.opaque()?;
            self.expect(")")?;
            return Ok(kind);
        }
        if self.eat("[") {
            if self.eat("]") {
                return Ok(match self.ty(depth + 1)? {
                    GoType::Uint(8) => GoType::Bytes,
                    elem => GoType::Slice(elem.into()),
                });
            }
            let len = self.name()?.parse().map_err(|_| self.wrong("the length of an array"))?;
            self.expect("]")?;
            return Ok(GoType::Array(len, self.ty(depth + 1)?.into()));
        }
        let name = self.name()?;
        match name {
            "map" => {
                self.expect("[")?;
                let key = self.ty(depth + 1)?;
                self.expect("]")?;
                Ok(GoType::Map(key.into(), self.ty(depth + 1)?.into()))
            }
            "interface" => {
                self.expect("{")?;
                self.expect("}")?;
                Ok(GoType::Interface)
            }
            "struct" => self.fields(depth),
            "opaque" => self.opaque(),
            name => Ok(scalar(name).unwrap_or_else(|| GoType::Named(name.to_owned()))),
        }
    }

    fn opaque(&mut self) -> Result<GoType> {
        Ok(GoType::Opaque(match self.name()? {
            "gob" => OpaqueKind::Gob,
            "binary" => OpaqueKind::Binary,
            "text" => OpaqueKind::Text,
            _ => return Err(self.wrong("gob, binary or text")),
        }))
    }

    /// `{A, B int; embedded pkg.Base; C string}`: exported fields with their types.
    fn fields(&mut self, depth: usize) -> Result<GoType> {
        self.expect("{")?;
        let mut fields = Vec::new();
        while !self.eat("}") {
            let mut names = vec![self.name()?];
            while self.eat(",") {
                names.push(self.name()?);
            }
            let before = self.0.trim_start();
            if ["chan ", "func("].iter().any(|word| before.starts_with(word)) {
                // Not fields for gob.
                let end = before.find([';', '}']).unwrap_or(before.len());
                self.0 = &before[end..];
            } else {
                let ty = self.ty(depth + 1)?;
                if names == ["embedded"] {
                    names = vec![
                        before.trim_start_matches('*').split([';', '}', ' ']).next().unwrap_or_default(),
                    ];
                    names[0] = names[0].rsplit('.').next().unwrap_or_default();
                }
                let exported = names.into_iter().filter(|name| name.starts_with(char::is_uppercase));
                fields.extend(exported.map(|name| (name.to_owned(), ty.clone())));
            }
            if !self.eat(";") {
                self.expect("}")?;
                break;
            }
        }
        Ok(GoType::Struct(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_text_is_read() {
        let ty: GoType = "map[string][]*struct{A, B int8; c bool; embedded main.Base; Fn func(); D []uint8}"
            .parse()
            .unwrap();
        let fields = vec![
            ("A".to_owned(), GoType::Int(8)),
            ("B".to_owned(), GoType::Int(8)),
            ("Base".to_owned(), GoType::Named("main.Base".to_owned())),
            ("D".to_owned(), GoType::Bytes),
        ];
        let expected =
            GoType::Map(GoType::String.into(), GoType::Slice(GoType::Struct(fields).into()).into());
        assert_eq!(ty, expected);
        assert_eq!("interface {}".parse::<GoType>().unwrap(), GoType::Interface);
        assert!("struct{A int".parse::<GoType>().is_err());
        assert!("[]".repeat(100_000).parse::<GoType>().is_err());
    }
}
