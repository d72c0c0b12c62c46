//! Every example prints what its head says, and is short.

use std::path::Path;
use std::process::Command;

/// Lines an example may have, its head included.
const MAX_LINES: usize = 60;

/// Examples that talk to a person; they are built, and tried by hand.
const INTERACTIVE: &[&str] = &["chat"];

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../trunkline/examples");

/// Runs one example and compares. A test for each, so that they run side by side and fail alone.
macro_rules! examples {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name), env!(concat!("CARGO_BIN_EXE_", stringify!($name))));
            }
        )*

        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

examples![authorize, broadcast, callback, echo, hijack, middleware, mux, packing, pool, typed];

fn check(name: &str, program: &str) {
    let source = std::fs::read_to_string(format!("{FOLDER}/{name}.rs")).expect("the example");
    let lines = source.lines().count();
    assert!(lines <= MAX_LINES, "{name} has {lines} lines, more than {MAX_LINES}");
    let output = Command::new(program).output().expect("starts");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{printed}{errors}", output.status);
    assert_eq!(printed, promised(&source), "{name} prints (left) something else than its head says (right)");
}

/// The block of text in the head of an example.
fn promised(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let block =
        lines.skip_while(|line| line.trim() != "```text").skip(1).take_while(|line| line.trim() != "```");
    let text: String = block.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect();
    assert!(!text.is_empty(), "the head says nothing about the output");
    text
}

#[test]
fn no_example_is_forgotten() {
    let mut found: Vec<String> = std::fs::read_dir(Path::new(FOLDER))
        .expect("the folder")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    found.retain(|name| !INTERACTIVE.contains(&name.as_str()));
    found.sort();
    assert_eq!(found, NAMES, "in the folder (left), in this test and its Cargo.toml (right)");
}
