//! The little language: what it says, and what it answers to mistakes.

use trunkline_pack::Mode;
use trunkline_pack::dynamic::{Field, Record, Schema, Type, Value};

fn packed(text: &str) -> Vec<u8> {
    let record: Record = text.parse().expect(text);
    record.pack().expect(text)
}

#[test]
fn words_become_bytes() {
    assert_eq!(packed(""), b"");
    assert_eq!(packed("u32:7 str:abc ber:300"), b"\x07\0\0\0\x03\0\0\0abc\x82\x2c");
    assert_eq!(packed("u8:0xff, i8:-1,i16:-2"), b"\xff\xff\xfe\xff");
    assert_eq!(packed("int:-1 uint:1"), b"\xff\xff\xff\xff\x01\0\0\0");
    assert_eq!(packed(r#"ber.str:"a b\n\"\u{e9}" str:"#), b"\x07a b\n\"\xc3\xa9\0\0\0\0");
    assert_eq!(
        packed(r#"bytes:00ff ber.bytes:x"10" str:x"fffe""#),
        b"\x02\0\0\0\0\xff\x01\x10\x02\0\0\0\xff\xfe"
    );
    assert_eq!(packed("ber.str:a,b]"), b"\x04a,b]");
    assert_eq!(packed("ber.[u16]:[1, 2 3]"), b"\x03\x01\0\x02\0\x03\0");
    assert_eq!(packed("{count=ber name=str}:{258, world}"), b"\x82\x02\x05\0\0\0world");
    assert_eq!(packed("[{u8 [str]}]:[{1, [a, b]}, {2, []}]").len(), 4 + (1 + 4 + 5 + 5) + (1 + 4));
}

#[test]
fn what_is_shown_can_be_read() {
    let text = r#"id=u32:7 ber.[str]:["a", "b\n"] {ber u64}:{1, 2} x=ber.bytes:x"00ff""#;
    let record: Record = text.parse().unwrap();
    assert_eq!(record.to_string(), text);
    assert_eq!(record.schema.to_string(), "id=u32 ber.[str] {ber u64} x=ber.bytes");
    assert_eq!(record.schema.fields[1].mode, Mode::Ber);
    assert_eq!(record.schema.to_string().parse::<Schema>().unwrap(), record.schema);
    assert_eq!(Value::Str("\u{1b}[2J".to_owned()).to_string(), r#""\u{1b}[2J""#);
}

#[test]
fn mistakes_are_explained() {
    for (text, said) in [
        (
            "u128:1",
            "unknown type `u128`; known are u8 to u64, i8 to i64, int, uint, str, bytes, [T], {T …}, ber.T (at byte 0)",
        ),
        ("u8:256", "256 is out of range: u8 is 0 to 255 (at byte 3)"),
        ("u8:-1", "-1 is out of range: u8 is 0 to 255 (at byte 3)"),
        ("int:2147483648", "2147483648 is out of range: i32 is -2147483648 to 2147483647 (at byte 4)"),
        ("u8:x", "`x` is no u8 (at byte 3)"),
        ("u8", "a value stands behind its type and a colon, as in `u32:7` (at byte 2)"),
        ("str:\"a", "the closing quote is missing (at byte 6)"),
        ("str:\"\\q\"", r#"unknown escape; known are \" \\ \n \r \t \u{1f600} (at byte 5)"#),
        ("bytes:0ff", "`0ff` is not hexadecimal, two digits for each byte (at byte 6)"),
        ("[u8]:[1", "`]` is missing (at byte 7)"),
        ("[u8:1", "`]` is missing behind the type of the items (at byte 3)"),
        ("{u8 ", "`}` is missing behind the fields (at byte 4)"),
        ("{u8 u8}:{1}", "1 values for 2 fields (at byte 8)"),
        ("{u8}:{1, 2}", "the struct has only 1 fields (at byte 9)"),
        (
            "[ber]:[1]",
            "`ber` stands once, before a whole word: the items of a list are always fixed (at byte 1)",
        ),
        ("u8:1,", "something is missing behind the comma (at byte 5)"),
    ] {
        let error = text.parse::<Record>().expect_err(text);
        assert_eq!(error.to_string(), said, "{text}");
    }
    let deep = "[".repeat(100_000);
    assert!(deep.parse::<Schema>().unwrap_err().to_string().starts_with("nested deeper than 128"));
}

#[test]
fn values_must_fit_their_schema() {
    let schema = Schema { fields: vec![Field::new(Type::U8, Mode::Fixed)] };
    let said = |values: &[Value]| schema.pack(values).unwrap_err().to_string();
    assert_eq!(said(&[]), "cannot pack struct: 0 values for 1 fields");
    assert_eq!(said(&[Value::Unsigned(256)]), "cannot pack row.0: u8: 256 is out of range");
    assert_eq!(said(&[Value::Signed(1)]), "cannot pack row.0: u8: the value given is a signed integer");

    let schema: Schema = "u8 list=[{u8 y=u16}]".parse().unwrap();
    let error = schema.decode(b"\x01\x01\0\0\0\x01\x02\x03\x04").unwrap_err();
    assert_eq!(error.to_string(), "cannot unpack input at byte 8: 1 bytes left over");
    let error = schema.decode(b"\x01\x02\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08").unwrap_err();
    assert_eq!(error.offset(), 11);
    let error = "[{u8 y=ber}]".parse::<Schema>().unwrap().decode(b"\x01\0\0\0\x01\xff").unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot unpack row.0[0].y: u32 at byte 5: the input ends inside a BER integer"
    );
}
