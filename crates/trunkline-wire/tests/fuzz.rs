//! The bodies of the fuzz targets, run on seeded bytes: what a fuzzer would find first, found by every test run.

#[path = "fuzz_bodies/decode.rs"]
mod decode;
#[path = "support/hear.rs"]
mod hear;
#[path = "fuzz_bodies/layer.rs"]
mod layer;
#[path = "support/random.rs"]
mod random;

use bytes::Bytes;
use random::Random;
use trunkline_gob::{ByteBuf, Raw};
use trunkline_wire::{Code, Dialect, Fault, Id, Limits, Message, Output, Route, Side};

/// Streams per dialect and side.
const RUNS: u64 = 4000;

/// Bytes as headers are made of: zeros and small numbers, in some streams nearly nothing else, so that lengths of
/// every width are often plausible.
fn header_like(random: &mut Random) -> Vec<u8> {
    let (zeros, len) = (random.below(100), random.below(200));
    let byte = |random: &mut Random| match random.below(100) {
        percent if percent < zeros => 0,
        percent if percent % 4 == 0 => 1,
        percent if percent % 4 == 1 => random.below(16) as u8,
        percent if percent % 4 == 2 => 0xff,
        _ => random.next() as u8,
    };
    (0..len).map(|_| byte(random)).collect()
}

/// What the dialect says itself, with up to three bytes changed.
fn nearly_right(dialect: &dyn Dialect, side: Side, random: &mut Random) -> Vec<u8> {
    let mut encoder = dialect.start(side, &Limits::default()).encoder;
    let mut output = Output::new();
    for _ in 0..random.below(6) {
        let (id, route) = (Id(1 + random.below(3)), Route::from((random.below(4) as u32, "/echo")));
        let text = vec![b'x'; random.below(20) as usize];
        let body = match dialect.profile().name {
            "gorpc" => Raw::named("[]uint8", &ByteBuf(text)).expect("bytes").into_bytes().into(),
            _ => Bytes::from(text),
        };
        let message = match random.below(6) {
            0 => Message::request(id, route, body),
            1 => Message::reply(id, route, body),
            2 => Message::notify(route, body),
            3 => Message::fault(id, route, Fault::new(Code::Internal, "broken")),
            4 => Message::Item { id, route, body },
            _ => Message::End { id, route },
        };
        // A refusal is an answer too: then the stream is that much shorter.
        let _ = encoder.encode(&message, &mut output);
    }
    let mut bytes = output.to_vec();
    for _ in 0..random.below(4) {
        let at = random.below(bytes.len() as u64) as usize;
        if let Some(byte) = bytes.get_mut(at) {
            *byte = random.next() as u8;
        }
    }
    bytes
}

#[test]
fn any_bytes_are_heard_the_same_or_refused() {
    for (number, dialect) in decode::dialects().into_iter().enumerate() {
        for (bit, side) in [Side::Dialling, Side::Accepting].into_iter().enumerate() {
            let mut heard = 0;
            for seed in 0..RUNS {
                let mut random = Random(seed);
                let mut data = vec![(number * 2 + bit) as u8, random.next() as u8, random.next() as u8];
                data.extend(match random.below(2) {
                    0 => header_like(&mut random),
                    _ => nearly_right(&*dialect, side.other(), &mut random),
                });
                heard += decode::any_bytes(&data);
            }
            assert!(heard as u64 > RUNS / 8, "{heard} messages in {RUNS} streams to {side:?} {dialect:?}");
        }
    }
}

/// What the layer wraps itself, with up to three bytes changed; or anything.
#[test]
fn any_bytes_are_unwrapped_the_same_or_refused() {
    let mut came = 0;
    for seed in 0..RUNS {
        let mut random = Random(seed);
        let choice = random.next() as u8;
        let mut data = vec![choice, random.next() as u8];
        let plain: Vec<u8> = (0..random.below(3_000)).map(|n| (n % (1 + seed % 200)) as u8).collect();
        let dialect = trunkline_wire::gorpc::Gorpc::new();
        let mut wraps = dialect.start(Side::Dialling, &Limits::default()).layer.expect("gorpc has a layer");
        let mut wrapped = Vec::new();
        wraps.wrap(&plain, &mut wrapped).expect("wraps");
        wraps.flush(&mut wrapped).expect("flushes");
        // The side that accepts hears the handshake byte; the other one is not told it.
        data.extend(&wrapped[usize::from(choice & 1 == 0)..]);
        for _ in 0..random.below(4) {
            let at = 2 + random.below(data.len() as u64) as usize;
            if let Some(byte) = data.get_mut(at) {
                *byte = random.next() as u8;
            }
        }
        came += layer::any_wrapped(&data);
    }
    assert!(came > RUNS as usize * 100, "{came} bytes came out of {RUNS} streams");
}
