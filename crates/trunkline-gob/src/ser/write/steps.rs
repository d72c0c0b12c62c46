//! serde's names for the steps of writing.
//!
//! In: calls from `Serialize` implementations. Out: the steps of [`Slot`], [`List`] and [`Fields`].

use super::*;

impl<'w, 'a> Serializer for Slot<'w, 'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = List<'w, 'a>;
    type SerializeTuple = Parts<'w, 'a>;
    type SerializeTupleStruct = List<'w, 'a>;
    type SerializeTupleVariant = ser::Impossible<(), Error>;
    type SerializeMap = List<'w, 'a>;
    type SerializeStruct = Fields<'w, 'a>;
    type SerializeStructVariant = ser::Impossible<(), Error>;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(mut self, b: bool) -> Result<()> {
        self.expect(TypeId::BOOL)?;
        if self.begin(!b) {
            self.writer.out.push(u8::from(b));
        }
        Ok(())
    }

    fn serialize_i8(self, n: i8) -> Result<()> {
        self.int(n.into())
    }

    fn serialize_i16(self, n: i16) -> Result<()> {
        self.int(n.into())
    }

    fn serialize_i32(self, n: i32) -> Result<()> {
        self.int(n.into())
    }

    fn serialize_i64(self, n: i64) -> Result<()> {
        self.int(n)
    }

    fn serialize_u8(self, n: u8) -> Result<()> {
        self.uint(n.into())
    }

    fn serialize_u16(self, n: u16) -> Result<()> {
        self.uint(n.into())
    }

    fn serialize_u32(self, n: u32) -> Result<()> {
        self.uint(n.into())
    }

    fn serialize_u64(self, n: u64) -> Result<()> {
        self.uint(n)
    }

    fn serialize_f32(self, n: f32) -> Result<()> {
        self.float(n.into())
    }

    fn serialize_f64(self, n: f64) -> Result<()> {
        self.float(n)
    }

    fn serialize_char(self, c: char) -> Result<()> {
        self.int(i64::from(u32::from(c)))
    }

    fn serialize_str(self, text: &str) -> Result<()> {
        self.text(text)
    }

    fn serialize_bytes(mut self, bytes: &[u8]) -> Result<()> {
        match self.token {
            Token::Raw => self.embed(bytes),
            Token::Time => {
                let zero = crate::time::Time::default().to_gob() == bytes;
                self.opaque(OpaqueKind::Gob, bytes, zero)
            }
            Token::Gob => self.opaque(OpaqueKind::Gob, bytes, false),
            Token::Binary => self.opaque(OpaqueKind::Binary, bytes, false),
            Token::Plain | Token::Named | Token::Complex => {
                self.expect(TypeId::BYTES)?;
                if self.begin(bytes.is_empty()) {
                    put_bytes(self.writer.out, bytes);
                }
                Ok(())
            }
        }
    }

    fn serialize_none(self) -> Result<()> {
        match self.place {
            Place::Field(_) => Ok(()),
            _ if self.id == TypeId::INTERFACE => {
                self.writer.out.push(0);
                Ok(())
            }
            _ => Err(Error::Unsupported("nil: only fields and interfaces can be absent".to_owned())),
        }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<()> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<()> {
        self.fields().map(Fields::finish)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<()> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        mut self,
        name: &'static str,
        value: &T,
    ) -> Result<()> {
        self.token = Token::of(name);
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        let fields = self.fields()?;
        let Some(at) = fields.fields.iter().position(|field| *field.name == *variant) else {
            return Err(Error::Stale(format!("nothing tells the Go type of the variant {variant}")));
        };
        // Written even if zero: the field that is present names the variant.
        put_uint(fields.writer.out, at as u64 + 1);
        value.serialize(fields.writer.slot(fields.fields[at].ty, Place::Element))?;
        fields.finish();
        Ok(())
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<List<'w, 'a>> {
        self.sequence(len)
    }

    fn serialize_tuple(mut self, len: usize) -> Result<Parts<'w, 'a>> {
        match self.token {
            Token::Named => {
                self.expect(TypeId::INTERFACE)?;
                Ok(Parts::Inside(Inside { slot: self, name: None }))
            }
            Token::Complex => {
                self.expect(TypeId::COMPLEX)?;
                let start = self.writer.out.len();
                self.begin(false);
                let optional = matches!(self.place, Place::Field(_));
                let first = self.writer.out.len();
                Ok(Parts::Complex(self.writer, start, first, optional))
            }
            _ => self.array(len).map(Parts::List),
        }
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<List<'w, 'a>> {
        self.array(len)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant> {
        Err(self.stale("an enum variant"))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<List<'w, 'a>> {
        match self.writer.kind(self.id) {
            Some(Kind::Map { key, elem }) => self.list(len, *key, *elem),
            _ => Err(self.stale("a map")),
        }
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'w, 'a>> {
        self.fields()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant> {
        Err(self.stale("an enum variant"))
    }
}

impl ser::SerializeSeq for List<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.count += 1;
        self.one(self.elem, value)
    }

    fn end(self) -> Result<()> {
        self.finish()
    }
}

impl ser::SerializeTupleStruct for List<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.count += 1;
        self.one(self.elem, value)
    }

    fn end(self) -> Result<()> {
        self.finish()
    }
}

impl ser::SerializeTuple for Parts<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        match self {
            Self::List(list) => {
                list.count += 1;
                list.one(list.elem, value)
            }
            Self::Complex(writer, ..) => value.serialize(writer.slot(TypeId::FLOAT, Place::Element)),
            Self::Inside(inside) => match inside.name.take() {
                None => {
                    inside.name = Some(value.serialize(Name)?);
                    Ok(())
                }
                Some(name) => inside.value(&name, value),
            },
        }
    }

    fn end(self) -> Result<()> {
        match self {
            Self::List(list) => list.finish(),
            Self::Complex(writer, start, first, optional) => {
                if optional && matches!(writer.out[first..], [0, 0] | [0xff, 0x80, 0] | [0, 0xff, 0x80]) {
                    writer.out.truncate(start);
                }
                Ok(())
            }
            Self::Inside(_) => Ok(()),
        }
    }
}

impl ser::SerializeMap for List<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.count += 1;
        self.one(self.key, key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.one(self.elem, value)
    }

    fn end(self) -> Result<()> {
        self.finish()
    }
}

impl ser::SerializeStruct for Fields<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
        self.field(name, value)
    }

    fn end(self) -> Result<()> {
        self.finish();
        Ok(())
    }
}
