//! Go, if there is one: builds a peer once per test program.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why there is no peer to test with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// There is no command `go`.
    NotInstalled,
    /// `go build` failed; what it said.
    NotBuilt(String),
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInstalled => f.write_str("Go is not installed"),
            Self::NotBuilt(said) => write!(f, "the peer cannot be built: {}", said.trim()),
        }
    }
}

impl std::error::Error for Unavailable {}

/// Builds the peer of this name and returns its program. Go itself keeps track of what is up to date.
///
/// # Errors
/// When there is no Go, or the peer does not build.
pub fn build(peer: &str) -> Result<PathBuf, Unavailable> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interop");
    let program = folder.join("bin").join(peer).with_extension(std::env::consts::EXE_EXTENSION);
    let built = Command::new("go")
        .current_dir(&folder)
        .args(["build", "-buildvcs=false", "-o"])
        .arg(&program)
        .arg(format!("./{peer}"))
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Unavailable::NotInstalled,
            _ => Unavailable::NotBuilt(error.to_string()),
        })?;
    if !built.status.success() {
        return Err(Unavailable::NotBuilt(String::from_utf8_lossy(&built.stderr).into_owned()));
    }
    Ok(program)
}
