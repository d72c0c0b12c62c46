//! The fuzz bodies under a seeded generator: noise, packed values with bytes changed, and text.

use std::time::{Duration, Instant};

use trunkline_pack::dynamic::{Schema, Type, Value};
use trunkline_pack::{Mode, fuzz};

/// A run ends here even on a slow machine; the counts below take about a second.
const LIMIT: Duration = Duration::from_secs(20);

/// `SplitMix64`: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("below a usize")
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn bytes(&mut self, longest: usize) -> Vec<u8> {
        (0..self.below(longest + 1)).map(|_| self.byte()).collect()
    }

    /// Small values are as likely as large ones.
    fn number(&mut self) -> u64 {
        self.next() >> self.below(64)
    }

    fn value(&mut self, ty: &Type) -> Value {
        let number = self.number().to_le_bytes();
        let [one, ..] = number;
        let [a, b, c, d, ..] = number;
        match ty {
            Type::U8 => Value::Unsigned(one.into()),
            Type::U16 => Value::Unsigned(u16::from_le_bytes([a, b]).into()),
            Type::U32 => Value::Unsigned(u32::from_le_bytes([a, b, c, d]).into()),
            Type::U64 => Value::Unsigned(u64::from_le_bytes(number)),
            Type::I8 => Value::Signed(one.cast_signed().into()),
            Type::I16 => Value::Signed(i16::from_le_bytes([a, b]).into()),
            Type::I32 => Value::Signed(i32::from_le_bytes([a, b, c, d]).into()),
            Type::I64 => Value::Signed(i64::from_le_bytes(number)),
            Type::Str => Value::Str("é".repeat(self.below(100))),
            Type::Bytes => Value::Bytes(self.bytes(200)),
            Type::List(item) => Value::List((0..self.below(4)).map(|_| self.value(item)).collect()),
            Type::Struct(schema) => Value::Struct(self.values(schema)),
        }
    }

    fn values(&mut self, schema: &Schema) -> Vec<Value> {
        schema.fields.iter().map(|field| self.value(&field.ty)).collect()
    }
}

fn run(seed: u64, times: u32, mut body: impl FnMut(&mut Random)) {
    let mut random = Random(seed);
    let end = Instant::now() + LIMIT;
    let mut done = 0;
    while done < times && Instant::now() < end {
        body(&mut random);
        done += 1;
    }
    assert!(done > times / 100, "only {done} of {times} inputs in {LIMIT:?}, seed {seed:#x}");
}

#[test]
fn unpack_noise() {
    run(0x7261_6e64, 200_000, |random| fuzz::unpack(&random.bytes(64)));
}

#[test]
fn unpack_changed_values() {
    let mut accepted = 0;
    run(0x6368_616e, 100_000, |random| {
        // The bytes that say the schema, then a packed value of it, which `fuzz::unpack` reads again.
        let head = random.bytes(24);
        let mut rest = &head[..];
        let schema = fuzz::schema(&mut rest, 0);
        let mut data = head[..head.len() - rest.len()].to_vec();
        if rest.is_empty() {
            return; // the schema used up its bytes: it would go on into the value
        }
        let said = data.len();
        data.extend(schema.pack(&random.values(&schema)).unwrap());
        accepted += u32::from(schema.decode(&data[said..]).is_ok());
        if random.below(4) > 0 && data.len() > said {
            let at = said + random.below(data.len() - said);
            match random.below(3) {
                0 => data[at] ^= 1 << random.below(8),
                1 => data.truncate(at),
                _ => data.insert(at, random.byte()),
            }
        }
        fuzz::unpack(&data);
    });
    assert!(accepted > 10_000, "only {accepted} values came through");
}

#[test]
fn language() {
    const WORDS: &[&str] = &[
        "u8", "u16", "i64", "int", "str", "bytes", "ber", "ber.", "[", "]", "{", "}", ":", ",", " ", "\"",
        "\\n", "\\u{e9}", "x\"", "0x", "-", "7", "300", "ff", "é", "=", "name",
    ];
    run(0x776f_7264, 100_000, |random| {
        let mut text = String::new();
        for _ in 0..random.below(12) {
            text.push_str(WORDS[random.below(WORDS.len())]);
        }
        fuzz::language(text.as_bytes());
    });
}

#[test]
fn shown_records_are_read_again() {
    run(0x7368_6f77, 20_000, |random| {
        let head = random.bytes(24);
        let schema = fuzz::schema(&mut &head[..], 0);
        let values = random.values(&schema);
        let record = trunkline_pack::dynamic::Record { schema, values };
        assert_eq!(record.to_string().parse(), Ok(record.clone()), "{record}");
        fuzz::language(record.to_string().as_bytes());
    });
}

#[test]
fn every_prefix_of_a_value_is_refused() {
    run(0x7072_6566, 5_000, |random| {
        let head = random.bytes(24);
        let mut schema = fuzz::schema(&mut &head[..], 0);
        schema.fields.push(trunkline_pack::dynamic::Field::new(Type::U16, Mode::Fixed));
        let bytes = schema.pack(&random.values(&schema)).unwrap();
        for end in 0..bytes.len() {
            assert!(schema.decode(&bytes[..end]).is_err(), "{schema}: {end} of {}", bytes.len());
        }
    });
}
