//! Mistakes that do not compile, and what the compiler says about them.

#[test]
fn mistakes() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
