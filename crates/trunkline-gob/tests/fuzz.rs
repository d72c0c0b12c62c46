//! The fuzz bodies on seeded input: recorded bytes with a few bytes changed, cut, doubled or spliced.
//! `TRUNKLINE_FUZZ_SEED` and `TRUNKLINE_FUZZ_RUNS` choose another walk.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "../fuzz/bodies.rs"]
mod bodies;

use serde_json::Value as Json;

struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Every recorded byte string of up to 4 KiB.
fn corpus() -> Vec<Vec<u8>> {
    fn collect(json: &Json, into: &mut Vec<Vec<u8>>) {
        match json {
            Json::Object(fields) => fields.iter().for_each(|(name, value)| match value.as_str() {
                Some(text) if name == "hex" && text.len() <= 8192 => into.push(
                    text.as_bytes()
                        .chunks(2)
                        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
                        .collect(),
                ),
                _ => collect(value, into),
            }),
            Json::Array(items) => items.iter().for_each(|item| collect(item, into)),
            _ => {}
        }
    }
    let mut inputs = Vec::new();
    for file in ["gob_messages.json", "gob_streams.json", "gob_malformed.json"] {
        let path = format!("{}/../../vectors/{file}", env!("CARGO_MANIFEST_DIR"));
        collect(&serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap(), &mut inputs);
    }
    inputs
}

#[test]
fn seeded() {
    let corpus = corpus();
    assert!(corpus.len() > 300, "the corpus is here");
    corpus.iter().for_each(|input| bodies::decode(input));
    let mut random = Random(number("TRUNKLINE_FUZZ_SEED", 0x9e37_79b9_7f4a_7c15) | 1);
    for _ in 0..number("TRUNKLINE_FUZZ_RUNS", 20_000) {
        let mut input = corpus[random.next(corpus.len())].clone();
        for _ in 0..=random.next(4) {
            let at = random.next(input.len());
            match random.next(6) {
                0 if !input.is_empty() => input[at] = random.next(256) as u8,
                1 if !input.is_empty() => input[at] ^= 1 << random.next(8),
                2 => input.truncate(at),
                3 => input.insert(at, [0, 1, 0x7f, 0x80, 0xff, 0xf8][random.next(6)]),
                4 => input.extend(corpus[random.next(corpus.len())].clone()),
                _ => {
                    let piece = input[at..].to_vec();
                    input.splice(at..at, piece);
                }
            }
            input.truncate(8192);
        }
        bodies::decode(&input);
    }
    for input in
        ["struct{A []map[string]*main.T; embedded x.B}", "[3]", "map[", "struct{", "(opaque: gob)", "[]é{*"]
    {
        for cut in 0..=input.len() {
            bodies::go_type(&input.as_bytes()[..cut]);
        }
    }
}
