//! The functions of each type give what the traits give.

use trunkline_pack::typed::*;
use trunkline_pack::{pack, pack_ber};

macro_rules! check {
    ($($t:ident $pack:ident $pack_ber:ident $unpack:ident $unpack_ber:ident;)*) => {$(
        for value in [$t::MIN, 0, 1, 127, 128, 300, 16_383, 16_384, $t::MAX] {
            let mut out = b"head".to_vec();
            $pack(&mut out, value);
            assert_eq!(out[4..], pack(&value).unwrap());
            assert_eq!($unpack(&out[4..]).unwrap(), (value, &[][..]));

            out.truncate(4);
            $pack_ber(&mut out, value);
            assert_eq!(out[4..], pack_ber(&value).unwrap());
            out.push(7);
            assert_eq!($unpack_ber(&out[4..]).unwrap(), (value, &[7][..]));
        }
        assert!($unpack(&[]).is_err());
        assert!($unpack_ber(&[0x81]).is_err());
    )*};
}

#[test]
fn integers() {
    check! {
        u16 pack_u16 pack_ber_u16 unpack_u16 unpack_ber_u16;
        u32 pack_u32 pack_ber_u32 unpack_u32 unpack_ber_u32;
        u64 pack_u64 pack_ber_u64 unpack_u64 unpack_ber_u64;
        i16 pack_i16 pack_ber_i16 unpack_i16 unpack_ber_i16;
        i32 pack_i32 pack_ber_i32 unpack_i32 unpack_ber_i32;
        i64 pack_i64 pack_ber_i64 unpack_i64 unpack_ber_i64;
    }
}

#[test]
fn bytes_have_no_ber_form() {
    let mut out = Vec::new();
    pack_u8(&mut out, 255);
    pack_i8(&mut out, -1);
    assert_eq!(out, [255, 255]);
    assert_eq!(unpack_u8(&out).unwrap(), (255, &[255][..]));
    assert_eq!(unpack_i8(&out).unwrap(), (-1, &[255][..]));
    assert!(unpack_u8(&[]).is_err());
}

#[test]
fn strings() {
    let mut out = Vec::new();
    pack_str(&mut out, "ab").unwrap();
    pack_ber_str(&mut out, "c").unwrap();
    pack_bytes(&mut out, &[0xff]).unwrap();
    pack_ber_bytes(&mut out, &[]).unwrap();
    assert_eq!(out, b"\x02\0\0\0ab\x01c\x01\0\0\0\xff\0");

    let (ab, rest) = unpack_str(&out).unwrap();
    let (c, rest) = unpack_ber_str(rest).unwrap();
    assert_eq!((ab, c), ("ab", "c"));
    assert!(unpack_str(rest).is_err());
    let (ff, rest) = unpack_bytes(rest).unwrap();
    let (nothing, rest) = unpack_ber_bytes(rest).unwrap();
    assert_eq!((ff, nothing, rest), (&[0xff][..], &[][..], &[][..]));
}
