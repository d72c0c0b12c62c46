//! Mistakes in services and handlers do not compile, and the compiler says what to do about them.

#![cfg(all(feature = "macros", feature = "pack"))]

#[test]
fn mistakes() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
    // The compiler lists the bodies that there are, which depends on the features.
    if cfg!(not(any(feature = "json", feature = "msgpack", feature = "protobuf", feature = "gob"))) {
        cases.compile_fail("tests/ui/bodies/*.rs");
    }
}
