//! Schemas at work: values to bytes and back.

use super::{Field, Record, Schema, Type, Value};
use crate::{Input, Mode, Pack, PackError, PackErrorKind, Unpack, UnpackError, lists};

impl Record {
    /// The packed values.
    ///
    /// # Errors
    ///
    /// A value is not of its type or outside its range.
    pub fn pack(&self) -> Result<Vec<u8>, PackError> {
        self.schema.pack(&self.values)
    }
}

impl Schema {
    /// The packed values.
    ///
    /// # Errors
    ///
    /// There are more or fewer values than fields; one is not of its type or outside its range.
    pub fn pack(&self, values: &[Value]) -> Result<Vec<u8>, PackError> {
        let mut out = Vec::new();
        self.append(&mut out, values)?;
        Ok(out)
    }

    /// Reads one value for each field and gives back what follows.
    ///
    /// # Errors
    ///
    /// The input ends too early or is malformed.
    pub fn unpack<'a>(&self, input: impl Into<Input<'a>>) -> Result<(Vec<Value>, &'a [u8]), UnpackError> {
        let mut input = input.into();
        let values = self.read(&mut input)?;
        Ok((values, input.rest()))
    }

    /// Reads one value for each field; they are the whole input.
    ///
    /// # Errors
    ///
    /// As [`unpack`](Self::unpack); also when bytes are left over.
    pub fn decode<'a>(&self, input: impl Into<Input<'a>>) -> Result<Vec<Value>, UnpackError> {
        let mut input = input.into();
        let values = self.read(&mut input)?;
        input.finish()?;
        Ok(values)
    }

    fn append(&self, out: &mut Vec<u8>, values: &[Value]) -> Result<(), PackError> {
        if values.len() != self.fields.len() {
            let kind = PackErrorKind::FieldCount { given: values.len(), expected: self.fields.len() };
            return Err(PackError::new("struct", kind));
        }
        for (index, (field, value)) in self.fields.iter().zip(values).enumerate() {
            field
                .ty
                .append(out, value, field.mode)
                .map_err(|error| error.in_field("row", field.label(index)))?;
        }
        Ok(())
    }

    fn read(&self, input: &mut Input<'_>) -> Result<Vec<Value>, UnpackError> {
        let read = |(index, field): (usize, &Field)| {
            field.ty.read(input, field.mode).map_err(|error| error.in_field("row", field.label(index)))
        };
        self.fields.iter().enumerate().map(read).collect()
    }

    fn min_size(&self) -> usize {
        self.fields.iter().map(|field| field.ty.min_size(field.mode)).sum()
    }
}

impl Field {
    fn label(&self, index: usize) -> String {
        self.name.clone().unwrap_or_else(|| index.to_string())
    }
}

impl Type {
    fn append(&self, out: &mut Vec<u8>, value: &Value, mode: Mode) -> Result<(), PackError> {
        match (self, value) {
            (Self::U8, Value::Unsigned(value)) => self.integer::<u8>(out, *value, mode),
            (Self::U16, Value::Unsigned(value)) => self.integer::<u16>(out, *value, mode),
            (Self::U32, Value::Unsigned(value)) => self.integer::<u32>(out, *value, mode),
            (Self::U64, Value::Unsigned(value)) => self.integer::<u64>(out, *value, mode),
            (Self::I8, Value::Signed(value)) => self.integer::<i8>(out, *value, mode),
            (Self::I16, Value::Signed(value)) => self.integer::<i16>(out, *value, mode),
            (Self::I32, Value::Signed(value)) => self.integer::<i32>(out, *value, mode),
            (Self::I64, Value::Signed(value)) => self.integer::<i64>(out, *value, mode),
            (Self::Str, Value::Str(text)) => text.pack(out, mode),
            (Self::Str | Self::Bytes, Value::Bytes(bytes)) => bytes.pack(out, mode),
            (Self::List(ty), Value::List(items)) => {
                lists::pack_count(items.len(), out, mode)?;
                for (index, item) in items.iter().enumerate() {
                    ty.append(out, item, Mode::Fixed).map_err(|error| error.in_item(index))?;
                }
                Ok(())
            }
            (Self::Struct(schema), Value::Struct(values)) => schema.append(out, values),
            _ => Err(PackError::new(self.to_string(), PackErrorKind::Mismatch { given: value.kind() })),
        }
    }

    fn integer<T: Pack + TryFrom<i128>>(
        &self,
        out: &mut Vec<u8>,
        value: impl Into<i128>,
        mode: Mode,
    ) -> Result<(), PackError> {
        let value = value.into();
        let Ok(fitting) = T::try_from(value) else {
            return Err(PackError::new(self.to_string(), PackErrorKind::OutOfRange { value }));
        };
        fitting.pack(out, mode)
    }

    fn read(&self, input: &mut Input<'_>, mode: Mode) -> Result<Value, UnpackError> {
        Ok(match self {
            Self::U8 => Value::Unsigned(u8::unpack(input, mode)?.into()),
            Self::U16 => Value::Unsigned(u16::unpack(input, mode)?.into()),
            Self::U32 => Value::Unsigned(u32::unpack(input, mode)?.into()),
            Self::U64 => Value::Unsigned(u64::unpack(input, mode)?),
            Self::I8 => Value::Signed(i8::unpack(input, mode)?.into()),
            Self::I16 => Value::Signed(i16::unpack(input, mode)?.into()),
            Self::I32 => Value::Signed(i32::unpack(input, mode)?.into()),
            Self::I64 => Value::Signed(i64::unpack(input, mode)?),
            Self::Str => {
                let bytes = input.byte_string(mode)?;
                str::from_utf8(bytes)
                    .map_or_else(|_| Value::Bytes(bytes.into()), |text| Value::Str(text.into()))
            }
            Self::Bytes => Value::Bytes(input.byte_string(mode)?.into()),
            Self::List(ty) => {
                Value::List(input.list(mode, ty.min_size(Mode::Fixed), |input| ty.read(input, Mode::Fixed))?)
            }
            Self::Struct(schema) => Value::Struct(schema.read(input)?),
        })
    }

    /// The fewest bytes a value takes.
    fn min_size(&self, mode: Mode) -> usize {
        match (self, mode) {
            (Self::Struct(schema), _) => schema.min_size(),
            (Self::U8 | Self::I8, _) | (_, Mode::Ber) => 1,
            (Self::U16 | Self::I16, Mode::Fixed) => 2,
            (Self::U32 | Self::I32 | Self::Str | Self::Bytes | Self::List(_), Mode::Fixed) => 4,
            (Self::U64 | Self::I64, Mode::Fixed) => 8,
        }
    }
}

impl Value {
    /// What it is, for an error.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Unsigned(_) => "an unsigned integer",
            Self::Signed(_) => "a signed integer",
            Self::Str(_) => "text",
            Self::Bytes(_) => "a byte string",
            Self::List(_) => "a list",
            Self::Struct(_) => "a struct",
        }
    }
}
