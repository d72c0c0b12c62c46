//! Any schema, any bytes, strict and lenient; the body is the one that the seeded test runs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trunkline_pack::fuzz::unpack(data));
