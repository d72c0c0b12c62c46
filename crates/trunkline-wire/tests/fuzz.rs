//! The bodies of the fuzz targets, run on seeded bytes: what a fuzzer would find first, found by every test run.

#[path = "fuzz_bodies/decode.rs"]
mod decode;
#[path = "support/hear.rs"]
mod hear;
#[path = "support/random.rs"]
mod random;

use random::Random;

/// Streams per dialect and side.
const RUNS: u64 = 5000;

/// Bytes as headers are made of: zeros and small numbers, in some streams nearly nothing else, so that lengths of
/// every width are often plausible.
fn header_like(random: &mut Random, len: u64) -> Vec<u8> {
    let zeros = random.below(100);
    let byte = |random: &mut Random| match random.below(100) {
        percent if percent < zeros => 0,
        percent if percent % 4 == 0 => 1,
        percent if percent % 4 == 1 => random.below(16) as u8,
        percent if percent % 4 == 2 => 0xff,
        _ => random.next() as u8,
    };
    (0..len).map(|_| byte(random)).collect()
}

#[test]
fn any_bytes_are_heard_the_same_or_refused() {
    for choice in 0..decode::dialects().len() as u8 * 2 {
        let mut heard = 0;
        for seed in 0..RUNS {
            let mut random = Random(seed);
            let len = random.below(200);
            let mut data = header_like(&mut random, len + 3);
            data[0] = choice;
            data[1] = random.next() as u8;
            heard += decode::any_bytes(&data);
        }
        assert!(heard > 500, "only {heard} messages in {RUNS} streams of choice {choice}: it tests nothing");
    }
}
