//! A JSON value in the order in which it was written, read with Go's leniency: members match without regard to case,
//! the last of several counts, null is a zero, text is bytes.

use std::fmt;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny, IntoDeserializer,
    MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde_json::Number;

use super::{Error, base64, write};

#[derive(Clone, Debug)]
pub(super) enum Tree {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// The outer object. A body that is null counts as none.
pub(super) struct Envelope {
    pub(super) head: String,
    pub(super) body: Option<Tree>,
}

/// Text that every JSON reader accepts, where Go's does: bytes that are not UTF-8, and halves of surrogate pairs, become
/// U+FFFD.
pub(super) fn mend(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|_| text.push(char::REPLACEMENT_CHARACTER));
    }
    if text.contains("\\u") { mend_escapes(&text) } else { text }
}

fn mend_escapes(text: &str) -> String {
    let unit = |at: usize| {
        let hex = text.get(at..)?.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(hex, 16).ok()
    };
    let mut mended = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = rest.find('\\') {
        let at = text.len() - rest.len() + found;
        let whole = match (unit(at), unit(at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => Some(12),
            (Some(0xd800..=0xdfff), _) => None,
            (Some(_), _) => Some(6),
            // Another escape is two bytes, of which the second may be a backslash; what follows is no escape's.
            _ => Some(1 + text.get(at + 1..).and_then(|text| text.chars().next()).map_or(0, char::len_utf8)),
        };
        let end = at + whole.unwrap_or(6);
        mended.push_str(rest.get(..found).unwrap_or_default());
        mended.push_str(if whole.is_some() { text.get(at..end).unwrap_or_default() } else { "\\ufffd" });
        rest = text.get(end..).unwrap_or_default();
    }
    mended.push_str(rest);
    mended
}

/// Whether two names are one to Go: letter by letter, in any case.
fn alike(a: &str, b: &str) -> bool {
    a.chars().map(fold).eq(b.chars().map(fold))
}

fn fold(letter: char) -> char {
    let mut upper = letter.to_uppercase();
    let upper = upper.next().filter(|_| upper.next().is_none()).unwrap_or(letter);
    let mut lower = upper.to_lowercase();
    lower.next().filter(|_| lower.next().is_none()).unwrap_or(upper)
}

impl Tree {
    /// Appends the value, members in their order.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Self::Number(number) => {
                let written = write::value(number, out);
                debug_assert!(written.is_ok(), "a number that was read can be written");
            }
            Self::Text(text) => write::text(text, out),
            Self::Array(values) => {
                out.push(b'[');
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    value.write(out);
                }
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (at, (name, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    write::text(name, out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

// ---- from text ------------------------------------------------------------------------------------------------------

impl<'de> Deserialize<'de> for Envelope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Envelope;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with Head and Body")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope, A::Error> {
                let mut envelope = Envelope { head: String::new(), body: None };
                while let Some(key) = map.next_key::<String>()? {
                    if alike(&key, "Head") {
                        envelope.head = map.next_value::<Option<String>>()?.unwrap_or(envelope.head);
                    } else if alike(&key, "Body") {
                        let body = map.next_value()?;
                        envelope.body = if matches!(body, Tree::Null) { None } else { Some(body) };
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(envelope)
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Tree;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Bool(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Number(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Number(value.into()))
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Tree, E> {
                let number = Number::from_f64(value);
                number.map(Tree::Number).ok_or_else(|| E::custom("a number that is none"))
            }

            fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
                Ok(Tree::Text(value.to_owned()))
            }

            fn visit_string<E>(self, value: String) -> Result<Tree, E> {
                Ok(Tree::Text(value))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                Ok(Tree::Array(values))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Tree::Object(members))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

// ---- into values ----------------------------------------------------------------------------------------------------

impl<'de> IntoDeserializer<'de, Error> for Tree {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Types whose zero a null is.
macro_rules! or_zero {
    ($($method:ident => $visit:ident($zero:expr),)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self {
                Tree::Null => visitor.$visit($zero),
                tree => tree.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Tree {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Number(number) => number.deserialize_any(visitor).map_err(Error::custom),
            Self::Text(text) => visitor.visit_string(text),
            Self::Array(values) => visitor.visit_seq(SeqDeserializer::new(values.into_iter())),
            Self::Object(members) => visitor
                .visit_map(MapDeserializer::new(members.into_iter().map(|(name, value)| (Key(name), value)))),
        }
    }

    or_zero! {
        deserialize_bool => visit_bool(false),
        deserialize_i8 => visit_i64(0),
        deserialize_i16 => visit_i64(0),
        deserialize_i32 => visit_i64(0),
        deserialize_i64 => visit_i64(0),
        deserialize_i128 => visit_i64(0),
        deserialize_u8 => visit_u64(0),
        deserialize_u16 => visit_u64(0),
        deserialize_u32 => visit_u64(0),
        deserialize_u64 => visit_u64(0),
        deserialize_u128 => visit_u64(0),
        deserialize_f32 => visit_f64(0.0),
        deserialize_f64 => visit_f64(0.0),
        deserialize_char => visit_char('\0'),
        deserialize_str => visit_str(""),
        deserialize_string => visit_str(""),
        deserialize_identifier => visit_str(""),
        deserialize_seq => visit_seq(SeqDeserializer::new(std::iter::empty::<Self>())),
        deserialize_map => visit_map(MapDeserializer::new(std::iter::empty::<(Key, Self)>())),
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Null => visitor.visit_bytes(&[]),
            Self::Text(text) => match base64::decode(&text) {
                Some(bytes) => visitor.visit_byte_buf(bytes),
                None => Err(Error::invalid_value(Unexpected::Str(&text), &"base64")),
            },
            tree => tree.deserialize_any(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Null => visitor.visit_none(),
            tree => visitor.visit_some(tree),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Object(members) => Self::Object(one_of_each(members, fields)).deserialize_any(visitor),
            tree => tree.deserialize_map(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Text(variant) => visitor.visit_enum(Variant { name: variant, value: Self::Null }),
            Self::Object(members) => match <[_; 1]>::try_from(members) {
                Ok([(name, value)]) => visitor.visit_enum(Variant { name, value }),
                Err(_) => Err(Error::custom("an enum is text, or an object with one member")),
            },
            tree => tree.deserialize_any(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}

/// The members under the names of their fields: one that is spelled alike, else one in another case; the last of each.
fn one_of_each(members: Vec<(String, Tree)>, fields: &[&str]) -> Vec<(String, Tree)> {
    let mut kept: Vec<(String, Tree)> = Vec::with_capacity(members.len());
    for (name, value) in members {
        let exact = fields.iter().find(|field| **field == name);
        let field = exact.or_else(|| fields.iter().find(|field| alike(field, &name)));
        let name = field.map_or(name, |field| (*field).to_owned());
        match kept.iter_mut().find(|(known, _)| *known == name) {
            Some((_, before)) => *before = value,
            None => kept.push((name, value)),
        }
    }
    kept
}

/// The key of a map; numbers are text there.
struct Key(String);

impl<'de> IntoDeserializer<'de, Error> for Key {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! numeric_keys {
    ($($method:ident: $number:ty => $visit:ident,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.0.parse::<$number>() {
                Ok(number) => visitor.$visit(number),
                Err(_) => visitor.visit_string(self.0),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Key {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.0)
    }

    numeric_keys! {
        deserialize_i8: i8 => visit_i8,
        deserialize_i16: i16 => visit_i16,
        deserialize_i32: i32 => visit_i32,
        deserialize_i64: i64 => visit_i64,
        deserialize_u8: u8 => visit_u8,
        deserialize_u16: u16 => visit_u16,
        deserialize_u32: u32 => visit_u32,
        deserialize_u64: u64 => visit_u64,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(Variant { name: self.0, value: Tree::Null })
    }

    serde::forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

/// A variant of an enum, spelled as serde spells it in JSON.
struct Variant {
    name: String,
    value: Tree,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Error;
    type Variant = Tree;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Tree), Error> {
        Ok((seed.deserialize(Key(self.name))?, self.value))
    }
}

impl<'de> VariantAccess<'de> for Tree {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        <()>::deserialize(self)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_struct("", fields, visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_none_is_mended_as_go_does() {
        assert_eq!(mend(b"a\xff\xfeb"), "a\u{fffd}\u{fffd}b");
        assert_eq!(mend(br"\ud83d\ude00 \u0041"), r"\ud83d\ude00 \u0041");
        assert_eq!(mend(br"\ud83d \ude00x"), r"\ufffd \ufffdx");
        assert_eq!(mend(br"\\ud83d \ud83d\ud83d\ude00"), r"\\ud83d \ufffd\ud83d\ude00");
        assert_eq!(mend(br"\u12"), r"\u12");
        assert_eq!(mend(b"\\"), "\\");
        assert_eq!(mend("\\é\\ud800".as_bytes()), "\\é\\ufffd");
    }

    #[test]
    fn names_are_alike_in_any_case() {
        assert!(alike("Head", "hEAD") && alike("\u{212a}ey", "key") && alike("É", "é"));
        assert!(!alike("Head", "Heads") && !alike("ß", "ss"));
    }
}
