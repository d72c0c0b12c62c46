//! Every example runs, prints what its head says, and is short.

use std::path::Path;
use std::process::Command;

/// The lines of the first `text` block of the head.
fn expected(source: &str) -> String {
    let block = source.lines().skip_while(|line| *line != "//! ```text").skip(1);
    block
        .take_while(|line| *line != "//! ```")
        .map(|line| format!("{}\n", line.trim_start_matches("//! ")))
        .collect()
}

#[test]
fn the_examples_print_what_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder is there")
        .map(|entry| {
            entry.expect("an entry").path().file_stem().expect("a name").to_string_lossy().into_owned()
        })
        .collect();
    names.sort();
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        let source = std::fs::read_to_string(folder.join(format!("{name}.rs"))).expect("reads");
        let lines = source.lines().count();
        assert!(lines <= 60, "{name}.rs has {lines} lines");
        let wanted = expected(&source);
        assert!(!wanted.is_empty(), "{name}.rs says nothing about its output");
        let run = Command::new(env!("CARGO"))
            .args(["run", "--quiet", "--package", "trunkline", "--example", &name])
            .output()
            .expect("runs");
        let (said, errors) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert!(run.status.success(), "{name}: {said}{errors}");
        assert_eq!(said, wanted, "{name}: {errors}");
        println!("example {name}: {lines} lines, ok");
    }
}
