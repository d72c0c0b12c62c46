//! Any bytes to the layer of gorpc; the body is the one that the seeded test runs.
#![no_main]

#[path = "../../tests/fuzz_bodies/layer.rs"]
mod layer;
#[path = "../../tests/support/random.rs"]
mod random;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    layer::any_wrapped(data);
});
