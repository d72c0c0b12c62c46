//! What is packed comes back, in both modes, for any value.

use std::borrow::Cow;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use trunkline_pack::{Pack, Unpack, UnpackOwned, decode, decode_ber, pack, pack_ber, unpack, unpack_ber};

fn check<T: Pack + UnpackOwned + PartialEq + Debug>(value: &T) -> Result<(), TestCaseError> {
    let fixed = pack(value)?;
    prop_assert_eq!(&decode::<T>(&fixed)?, value);
    let ber = pack_ber(value)?;
    prop_assert_eq!(&decode_ber::<T>(&ber)?, value);

    // What follows a value is given back.
    let more = [&fixed[..], b"tail"].concat();
    let (again, rest) = unpack::<T>(&more)?;
    prop_assert_eq!((&again, rest), (value, &b"tail"[..]));
    let more = [&ber[..], b"tail"].concat();
    let (again, rest) = unpack_ber::<T>(&more)?;
    prop_assert_eq!((&again, rest), (value, &b"tail"[..]));
    Ok(())
}

#[derive(Pack, Unpack, Debug, Clone, PartialEq)]
struct Everything<T> {
    #[pack(ber)]
    small: u8,
    #[pack(ber)]
    number: i64,
    name: String,
    #[pack(ber)]
    blob: Bytes,
    #[pack(ber)]
    generic: Vec<T>,
    array: [i16; 3],
    pair: (u32, Box<str>),
    shape: Shape,
    kind: PhantomData<T>,
}

#[derive(Pack, Unpack, Debug, Clone, PartialEq)]
#[pack(tag = u16, ber)]
enum Shape {
    #[pack(tag = 300)]
    Line(u16, #[pack(ber)] u64),
    #[pack(tag = 1)]
    Named {
        #[pack(ber)]
        text: String,
    },
    #[pack(tag = 2)]
    Unit,
    #[pack(tag = 3)]
    Several(Vec<Self>),
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        (any::<u16>(), any::<u64>()).prop_map(|(a, b)| Shape::Line(a, b)),
        any::<String>().prop_map(|text| Shape::Named { text }),
        Just(Shape::Unit),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Shape::Several))
}

fn everything() -> impl Strategy<Value = Everything<u32>> {
    let scalars = (any::<u8>(), any::<i64>(), any::<String>(), any::<Vec<u8>>());
    let others = (any::<Vec<u32>>(), any::<[i16; 3]>(), any::<(u32, String)>(), shape());
    (scalars, others).prop_map(|((small, number, name, blob), (generic, array, (n, text), shape))| {
        Everything {
            small,
            number,
            name,
            blob: blob.into(),
            generic,
            array,
            pair: (n, text.into()),
            shape,
            kind: PhantomData,
        }
    })
}

proptest! {
    #[test]
    fn integers(value: (u8, i8, u16, i16, u32, i32, u64, i64)) {
        check(&value)?;
    }

    #[test]
    fn strings(text: String, bytes: Vec<u8>) {
        check(&text)?;
        check(&bytes)?;
        check(&Bytes::from(bytes.clone()))?;
        let packed = pack(&(&text, &bytes)).unwrap();
        prop_assert_eq!(decode::<(&str, &[u8])>(&packed).unwrap(), (&text[..], &bytes[..]));
        prop_assert_eq!(
            decode::<(Cow<'_, str>, Cow<'_, [u8]>)>(&packed).unwrap(),
            (Cow::from(&text), Cow::from(&bytes))
        );
    }

    #[test]
    fn lists(value: (Vec<i8>, Vec<u16>, Vec<i64>, Vec<String>, Vec<Vec<u8>>, Vec<(u8, Vec<u32>)>)) {
        check(&value)?;
    }

    #[test]
    fn pointers(number: u32, text: String, list: Vec<u64>) {
        check(&Box::new(number))?;
        check(&Arc::new(text.clone()))?;
        check(&Rc::<str>::from(text.clone()))?;
        check(&Arc::<str>::from(text))?;
        check(&list.into_boxed_slice())?;
    }

    #[test]
    fn derived(value in everything()) {
        check(&value)?;
    }

    #[test]
    fn a_list_of_bytes_is_a_byte_string(bytes: Vec<u8>) {
        let signed: Vec<i8> = bytes.iter().map(|byte| byte.cast_signed()).collect();
        prop_assert_eq!(pack(&bytes).unwrap(), pack(&signed).unwrap());
        prop_assert_eq!(pack(&bytes).unwrap(), pack(&Bytes::from(bytes)).unwrap());
    }
}
