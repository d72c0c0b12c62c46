//! Any text as a schema and as a record; the body is the one that the seeded test runs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trunkline_pack::fuzz::language(data));
