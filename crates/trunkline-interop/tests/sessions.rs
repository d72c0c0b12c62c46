//! What two peers of the original said to each other, replayed with our stack in the role of one of them, and then of the
//! other. Needs no Go.
//!
//! The clock is virtual and follows the recording. What we send must be the recorded packets, in their order; calls and
//! handlers must see what they saw then. Where a recording pins a flaw of the original, ours does better by a rule that
//! names the defect (`docs/wire/iproto.md`); no recording is known by its name.
//!
//! `TRUNKLINE_VECTORS` names another folder: its recordings and those of its `sessions/` are run as well.

#[path = "sessions/recording.rs"]
mod recording;
#[path = "sessions/replay.rs"]
mod replay;

use std::path::{Path, PathBuf};

use recording::Recording;
use trunkline::Side;

#[test]
fn sessions() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut failures = Vec::new();
    let run = run_folder(&root.join("vectors/sessions"), &mut failures);
    assert!(run > 0, "there are recordings");
    if let Some(folder) = std::env::var_os("TRUNKLINE_VECTORS") {
        let folder = root.join(PathBuf::from(folder));
        assert!(folder.is_dir(), "TRUNKLINE_VECTORS: {} is no folder", folder.display());
        run_folder(&folder, &mut failures);
        run_folder(&folder.join("sessions"), &mut failures);
    }
    assert!(failures.is_empty(), "{} replays failed:\n{}", failures.len(), failures.join("\n"));
}

/// Replays every recording of a folder in every role it determines; returns how many that were.
#[expect(clippy::print_stdout, reason = "the report of a vector test")]
fn run_folder(folder: &Path, failures: &mut Vec<String>) -> usize {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("an entry").path())
        .filter(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("iproto_")))
        .filter(|file| file.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let (mut run, mut passed) = (0, 0);
    for recording in files.iter().filter_map(|file| Recording::read(file)) {
        for side in [Side::Dialling, Side::Accepting] {
            if side == Side::Dialling && recording.client_was_raw() {
                continue;
            }
            run += 1;
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .start_paused(true)
                .build()
                .expect("a runtime");
            match runtime.block_on(replay::replay(&recording, side)) {
                Ok(()) => passed += 1,
                Err(why) => failures.push(format!("  {}, we are {side:?}: {why}", recording.name)),
            }
        }
    }
    if run > 0 {
        println!("sessions: iproto_*.json {run} run, {passed} passed");
    }
    run
}
