//! Runs a file of recorded vectors: finds it, gives each vector to its room, prints the line that says how many.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// Names another folder of the same schema.
const OVERRIDE: &str = "TRUNKLINE_VECTORS";

/// Runs every vector of `file` through `run`, which panics where ours differs.
///
/// # Panics
/// When a vector fails, when the file is not of its schema, or when the folder named by the environment is not
/// there. A file that is not in that folder is skipped, visibly.
#[expect(clippy::print_stdout, reason = "the line per file is what the run is read for")]
pub(crate) fn run<V: DeserializeOwned>(file: &str, run: impl Fn(&V)) {
    let (folder, chosen) = folder();
    let path = folder.join(file);
    if chosen && !path.exists() {
        println!("vectors: {file} not in {}", folder.display());
        return;
    }
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let set: Set = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut failed = Vec::new();
    for vector in &set.vectors {
        let name = vector.get("name").and_then(|name| name.as_str()).unwrap_or("(no name)");
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let vector = V::deserialize(vector).unwrap_or_else(|error| panic!("{file}: {name}: {error}"));
            run(&vector);
        }));
        if outcome.is_err() {
            failed.push(name.to_owned());
        }
    }
    let run = set.vectors.len();
    println!("vectors: {file} {run} run, {} passed", run - failed.len());
    assert!(failed.is_empty(), "{file}: failed: {failed:?}");
    assert!(run > 0, "{file} holds no vectors");
}

/// The folder, and whether somebody chose it.
fn folder() -> (PathBuf, bool) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let Some(chosen) = std::env::var_os(OVERRIDE).map(PathBuf::from) else {
        return (root.join("vectors"), false);
    };
    // Tests run in their package's folder; a relative path is meant from where `cargo test` was typed.
    let found = [chosen.clone(), root.join(&chosen)].into_iter().find(|path| path.is_dir());
    (found.unwrap_or_else(|| panic!("{OVERRIDE} names {}, which is no folder", chosen.display())), true)
}

#[derive(Deserialize)]
struct Set {
    vectors: Vec<serde_json::Value>,
}

/// Bytes written as hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hex(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.as_bytes().chunks(2).map(|pair| {
            std::str::from_utf8(pair)
                .ok()
                .filter(|pair| pair.len() == 2)
                .map(|pair| u8::from_str_radix(pair, 16))
        });
        let bytes: Option<Result<Vec<u8>, _>> = digits.collect();
        bytes
            .ok_or_else(|| serde::de::Error::custom("an odd number of hex digits"))?
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

/// A payload by rule: byte i is `(i * mul + add) & 255`.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Generated {
    len: usize,
    mul: usize,
    add: usize,
}

impl Generated {
    pub(crate) fn bytes(self) -> Vec<u8> {
        (0..self.len).map(|i| (i * self.mul + self.add) as u8).collect()
    }
}

/// A frame: in full, or what is known of one too large to write down.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Frame {
    hex: Option<Hex>,
    header_hex: Option<Hex>,
    frame_len: Option<usize>,
    frame_sha256: Option<Hex>,
}

impl Frame {
    /// Requires that `bytes` are this frame.
    pub(crate) fn check(&self, bytes: &[u8]) {
        if let Some(Hex(whole)) = &self.hex {
            assert_eq!(bytes, whole, "the frame");
            return;
        }
        let Hex(header) = self.header_hex.as_ref().expect("hex or header_hex");
        assert_eq!(&bytes[..header.len().min(bytes.len())], header, "the header");
        assert_eq!(Some(bytes.len()), self.frame_len, "the length of the frame");
        let Hex(sum) = self.frame_sha256.as_ref().expect("frame_sha256");
        assert_eq!(&sha256(bytes), sum, "the hash of the frame");
    }
}

/// A payload of a vector: given in full or by rule.
pub(crate) fn payload(hex: Option<&Hex>, generated: Option<Generated>) -> Vec<u8> {
    match (hex, generated) {
        (Some(Hex(bytes)), None) => bytes.clone(),
        (None, Some(generated)) => generated.bytes(),
        _ => panic!("a payload is given in hex or by rule"),
    }
}

/// The SHA-256 of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}
