//! The reader of the little language.
//!
//! In: text. Out: a [`Schema`] or a [`Record`], or an error at a column. A value is read with its type in
//! hand, so nothing has to be guessed from its looks.

use std::fmt;
use std::str::FromStr;

use super::{Field, Record, Schema, Type, Value};
use crate::{MAX_DEPTH, Mode};

/// Text that is no schema or record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    at: usize,
    reason: String,
}

impl ParseError {
    /// At which byte of the text.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.reason, self.at)
    }
}

impl std::error::Error for ParseError {}

impl FromStr for Schema {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut reader = Reader::new(text);
        let mut fields = Vec::new();
        while !reader.ended() {
            fields.push(reader.field()?);
            reader.gap(None)?;
        }
        Ok(Self { fields })
    }
}

impl FromStr for Record {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut reader = Reader::new(text);
        let mut record = Self::default();
        while !reader.ended() {
            let field = reader.field()?;
            reader.expect(':', "a value stands behind its type and a colon, as in `u32:7`")?;
            record.values.push(reader.value(&field.ty, false)?);
            record.schema.fields.push(field);
            reader.gap(None)?;
        }
        Ok(record)
    }
}

const TYPES: &str = "u8 to u64, i8 to i64, int, uint, str, bytes, [T], {T …}, ber.T";

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: u32,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        let mut reader = Self { text, at: 0, depth: 0 };
        reader.skip_space();
        reader
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn ended(&self) -> bool {
        self.rest().is_empty()
    }

    fn error<T>(&self, reason: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError { at: self.at, reason: reason.into() })
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: char, reason: &str) -> Result<(), ParseError> {
        if self.eat(token.encode_utf8(&mut [0; 4])) { Ok(()) } else { self.error(reason) }
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Between two words: white space, one comma, or the end of the text or of the bracket.
    fn gap(&mut self, close: Option<char>) -> Result<(), ParseError> {
        let before = self.at;
        self.skip_space();
        let comma = self.eat(",");
        self.skip_space();
        let ends = self.ended() || self.rest().chars().next() == close;
        if comma && ends {
            return self.error("something is missing behind the comma");
        }
        if self.at == before && !ends {
            return self.error("a space or comma is missing here");
        }
        Ok(())
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        if self.depth == MAX_DEPTH {
            return self.error(format!("nested deeper than {MAX_DEPTH}"));
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn field(&mut self) -> Result<Field, ParseError> {
        let start = self.at;
        let word = self.take_while(|c| c.is_alphanumeric() || c == '_');
        let name = if !word.is_empty() && self.eat("=") {
            Some(word.to_owned())
        } else {
            self.at = start;
            None
        };
        let (mode, ty) = if self.eat("ber.") {
            (Mode::Ber, self.ty()?)
        } else {
            let start = self.at;
            match self.word() {
                "ber" => (Mode::Ber, Type::U32),
                _ => {
                    self.at = start;
                    (Mode::Fixed, self.ty()?)
                }
            }
        };
        Ok(Field { name, ty, mode })
    }

    fn word(&mut self) -> &'t str {
        self.take_while(|c| c.is_alphanumeric() || c == '_')
    }

    fn ty(&mut self) -> Result<Type, ParseError> {
        if self.eat("[") {
            let item = self.nested(|reader| {
                reader.skip_space();
                reader.ty()
            })?;
            self.skip_space();
            self.expect(']', "`]` is missing behind the type of the items")?;
            return Ok(Type::List(Box::new(item)));
        }
        if self.eat("{") {
            return self.nested(Self::fields);
        }
        let start = self.at;
        Ok(match self.word() {
            "u8" => Type::U8,
            "u16" => Type::U16,
            "u32" | "uint" => Type::U32,
            "u64" => Type::U64,
            "i8" => Type::I8,
            "i16" => Type::I16,
            "i32" | "int" => Type::I32,
            "i64" => Type::I64,
            "str" | "string" => Type::Str,
            "bytes" => Type::Bytes,
            "ber" => {
                self.at = start;
                return self
                    .error("`ber` stands once, before a whole word: the items of a list are always fixed");
            }
            word => {
                self.at = start;
                return self.error(format!("unknown type `{word}`; known are {TYPES}"));
            }
        })
    }

    fn fields(&mut self) -> Result<Type, ParseError> {
        let mut schema = Schema::default();
        self.skip_space();
        while !self.eat("}") {
            if self.ended() {
                return self.error("`}` is missing behind the fields");
            }
            schema.fields.push(self.field()?);
            self.gap(Some('}'))?;
        }
        Ok(Type::Struct(schema))
    }

    /// Text without quotes ends at a comma or bracket only `inside` brackets.
    fn value(&mut self, ty: &Type, inside: bool) -> Result<Value, ParseError> {
        match ty {
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => self.integer(ty).and_then(|(at, value)| {
                u64::try_from(value).map(Value::Unsigned).map_err(|_| out_of_range(at, value, ty))
            }),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 => self.integer(ty).and_then(|(at, value)| {
                i64::try_from(value).map(Value::Signed).map_err(|_| out_of_range(at, value, ty))
            }),
            Type::Str if self.eat("\"") => self.quoted().map(Value::Str),
            Type::Str | Type::Bytes if self.eat("x\"") => {
                let bytes = self.hex(|c| c != '"')?;
                self.expect('"', "the closing quote is missing")?;
                // A value has one spelling: text that is UTF-8 is `Str`.
                Ok(match (ty, String::from_utf8(bytes)) {
                    (Type::Str, Ok(text)) => Value::Str(text),
                    (_, Ok(text)) => Value::Bytes(text.into_bytes()),
                    (_, Err(raw)) => Value::Bytes(raw.into_bytes()),
                })
            }
            Type::Str => Ok(Value::Str(self.take_while(bare(inside)).to_owned())),
            Type::Bytes => self.hex(bare(true)).map(Value::Bytes),
            Type::List(item) => self.items('[', ']', |reader, _| reader.value(item, true)).map(Value::List),
            Type::Struct(schema) => {
                let start = self.at;
                let values = self.items('{', '}', |reader, index| match schema.fields.get(index) {
                    Some(field) => reader.value(&field.ty, true),
                    None => reader.error(format!("the struct has only {} fields", schema.fields.len())),
                })?;
                if values.len() < schema.fields.len() {
                    let reason = format!("{} values for {} fields", values.len(), schema.fields.len());
                    return Err(ParseError { at: start, reason });
                }
                Ok(Value::Struct(values))
            }
        }
    }

    fn items(
        &mut self,
        open: char,
        close: char,
        mut item: impl FnMut(&mut Self, usize) -> Result<Value, ParseError>,
    ) -> Result<Vec<Value>, ParseError> {
        self.expect(open, &format!("`{open}` is missing before the values"))?;
        let mut items = Vec::new();
        self.skip_space();
        while !self.eat(close.encode_utf8(&mut [0; 4])) {
            if self.ended() {
                return self.error(format!("`{close}` is missing"));
            }
            items.push(item(self, items.len())?);
            self.gap(Some(close))?;
        }
        Ok(items)
    }

    fn integer(&mut self, ty: &Type) -> Result<(usize, i128), ParseError> {
        let at = self.at;
        let word = self.take_while(bare(true));
        let (sign, digits) = word.strip_prefix('-').map_or((1, word), |digits| (-1, digits));
        let (radix, digits) = digits.strip_prefix("0x").map_or((10, digits), |digits| (16, digits));
        let all_digits = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        let value = i128::from_str_radix(digits, radix).ok().filter(|_| all_digits).map(|value| sign * value);
        let Some(value) = value else {
            return Err(ParseError { at, reason: format!("`{word}` is no {ty}") });
        };
        let (min, max) = range(ty);
        if value < min || value > max {
            return Err(out_of_range(at, value, ty));
        }
        Ok((at, value))
    }

    fn hex(&mut self, wanted: impl Fn(char) -> bool) -> Result<Vec<u8>, ParseError> {
        let at = self.at;
        let word = self.take_while(wanted);
        let (pairs, odd) = word.as_bytes().as_chunks::<2>();
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let bytes: Option<_> =
            pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
        bytes.filter(|_| odd.is_empty()).ok_or_else(|| ParseError {
            at,
            reason: format!("`{word}` is not hexadecimal, two digits for each byte"),
        })
    }

    fn quoted(&mut self) -> Result<String, ParseError> {
        let mut text = String::new();
        loop {
            text.push_str(self.take_while(|c| c != '"' && c != '\\'));
            if self.eat("\"") {
                return Ok(text);
            }
            if self.ended() {
                return self.error("the closing quote is missing");
            }
            text.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<char, ParseError> {
        for (token, c) in [("\\\"", '"'), ("\\\\", '\\'), ("\\n", '\n'), ("\\r", '\r'), ("\\t", '\t')] {
            if self.eat(token) {
                return Ok(c);
            }
        }
        let start = self.at;
        if self.eat("\\u{") {
            let code = u32::from_str_radix(self.take_while(|c| c.is_ascii_hexdigit()), 16);
            if let Some(c) = code.ok().and_then(char::from_u32)
                && self.eat("}")
            {
                return Ok(c);
            }
            self.at = start;
        }
        self.error(r#"unknown escape; known are \" \\ \n \r \t \u{1f600}"#)
    }
}

/// What belongs to a word without quotes, which ends at white space and perhaps at punctuation.
fn bare(punctuation: bool) -> impl Fn(char) -> bool {
    move |c| !(c.is_whitespace() || punctuation && matches!(c, ',' | ']' | '}'))
}

fn out_of_range(at: usize, value: i128, ty: &Type) -> ParseError {
    let (min, max) = range(ty);
    ParseError { at, reason: format!("{value} is out of range: {ty} is {min} to {max}") }
}

fn range(ty: &Type) -> (i128, i128) {
    match ty {
        Type::U8 => (0, u8::MAX.into()),
        Type::U16 => (0, u16::MAX.into()),
        Type::U32 => (0, u32::MAX.into()),
        Type::I8 => (i8::MIN.into(), i8::MAX.into()),
        Type::I16 => (i16::MIN.into(), i16::MAX.into()),
        Type::I32 => (i32::MIN.into(), i32::MAX.into()),
        Type::I64 => (i64::MIN.into(), i64::MAX.into()),
        _ => (0, u64::MAX.into()),
    }
}
