//! Rust types of the shapes the vectors have, derived, each checked against every vector of its shape.

use trunkline_pack::dynamic::{Field, Schema, Type, Value};
use trunkline_pack::{Mode, Pack, Unpack, UnpackOwned, decode, decode_ber, pack, pack_ber};

/// A Rust type that knows what its dynamic counterpart is.
trait Shape: Pack + UnpackOwned {
    fn ty() -> Type;
    fn value(&self) -> Value;
}

macro_rules! integers {
    ($($t:ident $variant:ident $value:ident)*) => {$(
        impl Shape for $t {
            fn ty() -> Type {
                Type::$variant
            }
            fn value(&self) -> Value {
                Value::$value((*self).into())
            }
        }
    )*};
}

integers! {
    u8 U8 Unsigned u16 U16 Unsigned u32 U32 Unsigned u64 U64 Unsigned
    i8 I8 Signed i16 I16 Signed i32 I32 Signed i64 I64 Signed
}

impl Shape for String {
    fn ty() -> Type {
        Type::Str
    }
    fn value(&self) -> Value {
        Value::Str(self.clone())
    }
}

/// `Vec<T>` for any `T` but `u8`, which is a byte string.
trait Item: Shape {}

impl<T: Item> Shape for Vec<T> {
    fn ty() -> Type {
        Type::List(Box::new(T::ty()))
    }
    fn value(&self) -> Value {
        Value::List(self.iter().map(Shape::value).collect())
    }
}

impl<T: Item> Item for Vec<T> {}

impl Shape for bytes::Bytes {
    fn ty() -> Type {
        Type::Bytes
    }
    fn value(&self) -> Value {
        Value::Bytes(self.to_vec())
    }
}

macro_rules! items {
    ($($t:ty),*) => { $(impl Item for $t {})* };
}

items! { i8, u16, i16, u32, i32, u64, i64, String, bytes::Bytes, Mixed, Inner }

macro_rules! mode {
    (ber) => {
        Mode::Ber
    };
    () => {
        Mode::Fixed
    };
}

macro_rules! structs {
    ($(struct $name:ident { $($(#[pack($ber:ident)])? $field:ident: $t:ty,)* })*) => {$(
        #[derive(Pack, Unpack)]
        struct $name {
            $($(#[pack($ber)])? $field: $t,)*
        }

        impl Shape for $name {
            fn ty() -> Type {
                Type::Struct(Schema { fields: vec![$(Field::new(<$t>::ty(), mode!($($ber)?))),*] })
            }
            fn value(&self) -> Value {
                Value::Struct(vec![$(self.$field.value()),*])
            }
        }
    )*};
}

structs! {
    struct Mixed {
        #[pack(ber)]
        count: u32,
        name: String,
    }
    struct AllBer {
        #[pack(ber)]
        a: u8,
        #[pack(ber)]
        b: u16,
        #[pack(ber)]
        c: u32,
        #[pack(ber)]
        d: u64,
        #[pack(ber)]
        e: i32,
        #[pack(ber)]
        f: String,
        #[pack(ber)]
        g: bytes::Bytes,
    }
    struct AllFixed {
        a: u8,
        b: i8,
        c: u16,
        d: i16,
        e: u32,
        f: i32,
        g: u64,
        h: i64,
        i: i32,
        j: u32,
        k: String,
        l: bytes::Bytes,
    }
    struct Inner {
        x: u16,
        #[pack(ber)]
        y: u16,
    }
    struct Nested {
        id: u32,
        inner: Inner,
        #[pack(ber)]
        list: Vec<Inner>,
        words: Vec<String>,
    }
    struct TaggedStruct {
        #[pack(ber)]
        inner: Inner,
        z: u8,
    }
    struct Spelling {
        a: u16,
        #[pack(ber)]
        b: u16,
        c: u16,
    }
    struct Empty {}
}

/// Gives whether a type of the schema's shape was found.
pub(crate) fn check(schema: &Schema, bytes: &[u8], values: &[Value]) -> Result<bool, String> {
    let ([field], [value]) = (&schema.fields[..], values) else { return Ok(false) };
    // A `String` holds UTF-8 only; the same bytes as a byte string are checked instead.
    let ty = match (&field.ty, value) {
        (Type::Str, Value::Bytes(_)) => Type::Bytes,
        (ty, _) => anonymous(ty),
    };
    macro_rules! find {
        ($($t:ty),* $(,)?) => {
            $(if ty == <$t>::ty() {
                return same::<$t>(field.mode, bytes, value).map(|()| true);
            })*
        };
    }
    find! {
        u8, u16, u32, u64, i8, i16, i32, i64, String, bytes::Bytes,
        Vec<i8>, Vec<u16>, Vec<i16>, Vec<u32>, Vec<i32>, Vec<u64>, Vec<i64>,
        Vec<String>, Vec<bytes::Bytes>, Vec<Vec<u16>>, Vec<Mixed>, Vec<Inner>,
        Mixed, AllBer, AllFixed, Inner, Nested, TaggedStruct, Spelling, Empty,
    }
    Ok(false)
}

fn same<T: Shape>(mode: Mode, bytes: &[u8], value: &Value) -> Result<(), String> {
    let found: T = match mode {
        Mode::Fixed => decode(bytes),
        Mode::Ber => decode_ber(bytes),
    }
    .map_err(|error| error.to_string())?;
    super::super::equal("typed", &found.value(), value)?;
    let packed = match mode {
        Mode::Fixed => pack(&found),
        Mode::Ber => pack_ber(&found),
    }
    .map_err(|error| error.to_string())?;
    super::super::equal("packed again", &packed[..], bytes)
}

/// Names do not travel.
fn anonymous(ty: &Type) -> Type {
    match ty {
        Type::List(item) => Type::List(Box::new(anonymous(item))),
        Type::Struct(schema) => Type::Struct(Schema {
            fields: schema.fields.iter().map(|field| Field::new(anonymous(&field.ty), field.mode)).collect(),
        }),
        ty => ty.clone(),
    }
}
