//! What the derives write: the bytes, the borrowing, the bounds and the errors.

use std::marker::PhantomData;

use bytes::Bytes;
use trunkline_pack::{Pack, Unpack, decode, decode_ber, pack, pack_ber};

#[derive(Pack, Unpack, Debug, PartialEq)]
struct Named<'a> {
    #[pack(ber)]
    r#type: u32,
    name: &'a str,
}

#[derive(Pack, Unpack, Debug, PartialEq)]
struct Tuple(#[pack(ber)] u16, i8);

#[derive(Pack, Unpack, Debug, PartialEq)]
struct Unit;

#[derive(Pack, Unpack, Debug, PartialEq)]
struct Generic<'a, 'b: 'a, T, U: Clone = u8, const N: usize = 2>
where
    T: PartialEq,
{
    #[pack(ber)]
    list: Vec<T>,
    text: &'a str,
    blob: &'b [u8],
    array: [U; N],
    nothing: PhantomData<U>,
}

#[derive(Pack, Unpack, Debug, PartialEq)]
#[pack(tag = u8)]
enum Shape<'a> {
    #[pack(tag = 0x10)]
    Circle(u32),
    #[pack(tag = 2)]
    Labelled {
        #[pack(ber)]
        label: &'a str,
    },
    #[pack(tag = 7)]
    Nothing,
}

#[derive(Pack, Unpack, Debug, PartialEq)]
#[pack(tag = u32, ber)]
enum Wide {
    A = 300,
}

#[derive(Pack, Unpack, Debug, PartialEq)]
struct Tree {
    value: u8,
    children: Vec<Self>,
}

#[derive(Pack, Unpack, Debug, PartialEq)]
#[pack(tag = u8)]
enum Chain {
    #[pack(tag = 0)]
    End,
    #[pack(tag = 1)]
    Link(Box<Self>),
}

#[derive(Pack, Unpack, Debug, PartialEq)]
#[pack(tag = u64)]
enum Never {}

#[test]
fn structs() {
    let named = Named { r#type: 258, name: "world" };
    let bytes = pack(&named).unwrap();
    assert_eq!(bytes, b"\x82\x02\x05\0\0\0world");
    // The outer mode does not reach the fields.
    assert_eq!(pack_ber(&named).unwrap(), bytes);
    assert_eq!(decode::<Named<'_>>(&bytes).unwrap(), named);
    assert_eq!(decode_ber::<Named<'_>>(&bytes).unwrap(), named);

    assert_eq!(pack(&Tuple(300, -1)).unwrap(), [0x82, 0x2c, 0xff]);
    assert_eq!(decode::<Tuple>(&[0x82, 0x2c, 0xff]).unwrap(), Tuple(300, -1));
    assert_eq!(pack(&Unit).unwrap(), []);
    assert_eq!(decode::<Unit>(&[]).unwrap(), Unit);
}

#[test]
fn generics() {
    let value: Generic<'_, '_, u16> =
        Generic { list: vec![1], text: "a", blob: b"b", array: [8, 9], nothing: PhantomData };
    let bytes = pack(&value).unwrap();
    assert_eq!(bytes, b"\x01\x01\0\x01\0\0\0a\x01\0\0\0b\x08\x09");
    assert_eq!(decode::<Generic<'_, '_, u16>>(&bytes).unwrap(), value);
}

#[test]
fn enums() {
    for (shape, bytes) in [
        (Shape::Circle(5), &b"\x10\x05\0\0\0"[..]),
        (Shape::Labelled { label: "x" }, b"\x02\x01x"),
        (Shape::Nothing, b"\x07"),
    ] {
        assert_eq!(pack(&shape).unwrap(), bytes);
        assert_eq!(decode::<Shape<'_>>(bytes).unwrap(), shape);
    }
    assert_eq!(pack(&Wide::A).unwrap(), [0x82, 0x2c]);
    assert_eq!(decode::<Wide>(&[0x82, 0x2c]).unwrap(), Wide::A);
    assert!(decode::<Never>(&[0; 8]).is_err());
}

#[test]
fn the_fewest_bytes_are_known() {
    assert_eq!(<Named<'_> as Unpack<'_>>::MIN_SIZE, 1 + 4);
    assert_eq!(Tuple::MIN_SIZE, 2);
    assert_eq!(Unit::MIN_SIZE, 0);
    assert_eq!(<Generic<'_, '_, u16> as Unpack<'_>>::MIN_SIZE, 1 + 4 + 4 + 2);
    assert_eq!(<Shape<'_> as Unpack<'_>>::MIN_SIZE, 1);
    assert_eq!(Wide::MIN_SIZE, 1);
    assert_eq!(Tree::MIN_SIZE, 5);
}

#[test]
fn errors_name_the_place() {
    fn said<'a, T: Unpack<'a> + std::fmt::Debug>(bytes: &'a [u8]) -> String {
        decode::<T>(bytes).unwrap_err().to_string()
    }
    assert_eq!(
        said::<Named<'_>>(b"\x82\x02\x05\0\0\0wor"),
        "cannot unpack Named.name: bytes at byte 2: length 5, but 3 bytes left"
    );
    assert_eq!(
        said::<Named<'_>>(b"\x82"),
        "cannot unpack Named.type: u32 at byte 0: the input ends inside a BER integer"
    );
    assert_eq!(
        said::<Named<'_>>(b"\x01\x02\0\0\0a\xff"),
        "cannot unpack Named.name: text at byte 6: not UTF-8 (read it as bytes instead)"
    );
    assert_eq!(said::<Shape<'_>>(b"\x09"), "cannot unpack Shape at byte 0: no variant has tag 9");
    assert_eq!(
        said::<(u8, Vec<Shape<'_>>)>(b"\0\x02\0\0\0\x07\x02\x05a"),
        "cannot unpack tuple.1[1].label: bytes at byte 7: length 5, but 1 bytes left"
    );
    assert_eq!(said::<Tuple>(b"\x01\xff\0"), "cannot unpack input at byte 2: 1 bytes left over");
}

#[test]
fn what_contains_itself_ends_at_the_depth_limit() {
    // A million levels: one child each.
    let bytes: Vec<u8> = [0, 1, 0, 0, 0].repeat(1_000_000);
    let error = decode::<Tree>(&bytes).unwrap_err();
    assert!(error.to_string().ends_with("nested deeper than 128"), "{error}");
    let error = decode::<Chain>(&vec![1; 1_000_000]).unwrap_err();
    assert!(error.to_string().ends_with("nested deeper than 128"), "{error}");

    let mut chain = Chain::End;
    for _ in 0..128 {
        chain = Chain::Link(Box::new(chain));
    }
    assert_eq!(decode::<Chain>(&pack(&chain).unwrap()).unwrap(), chain);
}

#[test]
fn bytes_are_shared_when_the_input_is_bytes() {
    #[derive(Pack, Unpack)]
    struct Blob {
        #[pack(ber)]
        id: u32,
        blob: Bytes,
    }
    let body = Bytes::from(pack(&Blob { id: 1, blob: Bytes::from_static(b"abc") }).unwrap());
    let shared: Blob = decode(&body).unwrap();
    assert_eq!(shared.blob, &b"abc"[..]);
    assert!(body.as_ptr_range().contains(&shared.blob.as_ptr()));
    let copied: Blob = decode(&body[..]).unwrap();
    assert_eq!((copied.id, copied.blob), (1, shared.blob));
}

/// As in a crate that knows `trunkline` alone.
mod elsewhere {
    pub(super) mod trunkline {
        pub(crate) use trunkline_pack as pack;
    }

    #[derive(trunkline::pack::Pack, trunkline::pack::Unpack)]
    #[pack(crate = self::trunkline::pack)]
    pub(super) struct Point {
        #[pack(ber)]
        pub(super) x: u16,
    }
}

#[test]
fn the_crate_can_be_named() {
    let point: elsewhere::Point = decode(&[0x82, 0x2c]).unwrap();
    assert_eq!(point.x, 300);
    assert_eq!(pack(&point).unwrap(), [0x82, 0x2c]);
}
