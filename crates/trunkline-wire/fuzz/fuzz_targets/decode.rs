//! Any bytes to every dialect; the body is the one that the seeded test runs.
#![no_main]

#[path = "../../tests/fuzz_bodies/decode.rs"]
mod decode;
#[path = "../../tests/support/hear.rs"]
mod hear;
#[path = "../../tests/support/random.rs"]
mod random;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    decode::any_bytes(data);
});
