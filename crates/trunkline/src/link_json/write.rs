//! Values as Go's encoding/json writes them.

use std::fmt::Display;

use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::{Error, base64};

/// Appends a value.
pub(super) fn value<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), Error> {
    value.serialize(Writer { out })
}

/// Appends text in quotes. U+FFFD is written as Go writes bytes that are not UTF-8, which is where it usually is from.
pub(super) fn text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut plain = 0;
    for (at, letter) in text.char_indices() {
        let short = match letter {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '\0'..='\x1f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\u{fffd}' => "",
            _ => continue,
        };
        out.extend_from_slice(text.get(plain..at).unwrap_or_default().as_bytes());
        plain = at + letter.len_utf8();
        match short {
            "" => out.extend_from_slice(format!("\\u{:04x}", u32::from(letter)).as_bytes()),
            short => out.extend_from_slice(short.as_bytes()),
        }
    }
    out.extend_from_slice(text.get(plain..).unwrap_or_default().as_bytes());
    out.push(b'"');
}

/// A float, in the fewest digits that mean it. `plain` and `exponent` are its two spellings.
fn float(size: f64, plain: &dyn Display, exponent: String, out: &mut Vec<u8>) -> Result<(), Error> {
    if !size.is_finite() {
        return Err(Error::custom(format_args!("JSON has no word for {size}")));
    }
    let spelled = if size != 0.0 && !(1e-6..1e21).contains(&size.abs()) {
        if exponent.contains("e-") { exponent } else { exponent.replace('e', "e+") }
    } else {
        plain.to_string()
    };
    out.extend_from_slice(spelled.as_bytes());
    Ok(())
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    fn display(self, value: impl Display) -> Result<(), Error> {
        self.out.extend_from_slice(value.to_string().as_bytes());
        Ok(())
    }

    /// `{"variant":`, whose brace the caller closes.
    fn variant(&mut self, name: &str) {
        self.out.push(b'{');
        text(name, self.out);
        self.out.push(b':');
    }

    fn list(self, open: u8, close: &'static [u8]) -> List<'a> {
        self.out.push(open);
        List { out: self.out, first: true, close }
    }
}

macro_rules! displayed {
    ($($method:ident: $type:ty,)*) => {$(
        fn $method(self, value: $type) -> Result<(), Error> {
            self.display(value)
        }
    )*};
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = List<'a>;
    type SerializeTuple = List<'a>;
    type SerializeTupleStruct = List<'a>;
    type SerializeTupleVariant = List<'a>;
    type SerializeMap = Map<'a>;
    type SerializeStruct = List<'a>;
    type SerializeStructVariant = List<'a>;

    displayed! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_u128: u128,
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        float(value.into(), &value, format!("{value:e}"), self.out)
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        float(value, &value, format!("{value:e}"), self.out)
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        text(value, self.out);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.out.push(b'"');
        base64::encode(value, self.out);
        self.out.push(b'"');
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.display("null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.display("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.display("null")
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.variant(variant);
        value.serialize(Writer { out: self.out })?;
        self.out.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'a>, Error> {
        Ok(self.list(b'[', b"]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<List<'a>, Error> {
        Ok(self.list(b'[', b"]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List<'a>, Error> {
        Ok(self.list(b'[', b"]"))
    }

    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'a>, Error> {
        self.variant(variant);
        Ok(self.list(b'[', b"]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Map<'a>, Error> {
        Ok(Map { out: self.out, members: Vec::new(), key: None })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<List<'a>, Error> {
        Ok(self.list(b'{', b"}"))
    }

    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'a>, Error> {
        self.variant(variant);
        Ok(self.list(b'{', b"}}"))
    }
}

/// Values, or the members of a struct, which stay in their order.
struct List<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
    close: &'static [u8],
}

impl List<'_> {
    fn comma(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
    }

    fn item<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
        self.comma();
        value(item, self.out)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, field: &T) -> Result<(), Error> {
        self.comma();
        text(name, self.out);
        self.out.push(b':');
        value(field, self.out)
    }

    fn close(self) {
        self.out.extend_from_slice(self.close);
    }
}

macro_rules! lists {
    ($($list:ident: $method:ident,)*) => {$(
        impl $list for List<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        }
    )*};
}

lists! {
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field,
}

macro_rules! structs {
    ($($list:ident,)*) => {$(
        impl $list for List<'_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        }
    )*};
}

structs! { SerializeStruct, SerializeStructVariant, }

/// The members of a map, which leave sorted by their keys as text.
struct Map<'a> {
    out: &'a mut Vec<u8>,
    members: Vec<(String, Vec<u8>)>,
    key: Option<String>,
}

impl SerializeMap for Map<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        // serde_json knows what may be a key, and as what: text, numbers, and what wraps one.
        let json = serde_json::to_value(Keyed(key)).map_err(Error::custom)?;
        let name = json.as_object().and_then(|object| object.keys().next()).cloned();
        self.key = Some(name.ok_or_else(|| Error::custom("a key must be text"))?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, member: &T) -> Result<(), Error> {
        let key = self.key.take().ok_or_else(|| Error::custom("a value without a key"))?;
        let mut bytes = Vec::new();
        value(member, &mut bytes)?;
        self.members.push((key, bytes));
        Ok(())
    }

    fn end(mut self) -> Result<(), Error> {
        self.members.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.out.push(b'{');
        for (at, (key, bytes)) in self.members.iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            text(key, self.out);
            self.out.push(b':');
            self.out.extend_from_slice(bytes);
        }
        self.out.push(b'}');
        Ok(())
    }
}

/// A map with one key.
struct Keyed<'a, T: ?Sized>(&'a T);

impl<T: Serialize + ?Sized> Serialize for Keyed<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, &())?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(it: &(impl Serialize + ?Sized)) -> String {
        let mut out = Vec::new();
        value(it, &mut out).expect("has words");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn floats_are_as_short_as_in_go() {
        for (float, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.5e300, "-1.5e+300"),
            (1e-6, "0.000001"),
            (9.9e-7, "9.9e-7"),
            (5e-324, "5e-324"),
            (0.1 + 0.2, "0.30000000000000004"),
        ] {
            assert_eq!(written(&float), text);
        }
        assert_eq!(written(&0.1f32), "0.1");
        assert_eq!(written(&3.4e38f32), "3.4e+38");
        assert!(value(&f64::NAN, &mut Vec::new()).is_err());
    }

    #[test]
    fn keys_are_sorted_as_text() {
        let map: std::collections::HashMap<u32, &str> = [(2, "b"), (10, "a"), (1, "<")].into();
        assert_eq!(written(&map), r#"{"1":"\u003c","10":"a","2":"b"}"#);
        let wrong: std::collections::HashMap<Vec<u8>, u8> = [(vec![1], 1)].into();
        assert!(value(&wrong, &mut Vec::new()).is_err());
    }

    #[test]
    fn controls_are_escaped_as_in_go() {
        assert_eq!(
            written("\u{8}\u{c}\n\r\t\0\u{1f}\u{7f}é\u{2028}"),
            r#""\b\f\n\r\t\u0000\u001f"#.to_owned() + "\u{7f}é\\u2028\""
        );
    }
}
