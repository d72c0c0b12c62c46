//! Every recorded vector of link's JSON codec.
//!
//! `TRUNKLINE_VECTORS` names another folder of the same schema. Where a vector pins a flaw of the original, a rule says
//! what ours does instead and names the defect.

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trunkline::IntoBody;
use trunkline::bytes::{Bytes, BytesMut};
use trunkline::link_json::{self, Error, Message, Messages, Named};
use trunkline::wire::packet::{self, Head};

/// Names another folder of the same schema.
const OVERRIDE: &str = "TRUNKLINE_VECTORS";

const FILE: &str = "link_json.json";

#[test]
fn link_json() {
    let Some(vectors) = vectors() else { return };
    let mut failed = Vec::new();
    for vector in &vectors {
        let name = vector["name"].as_str().unwrap_or("(no name)");
        if catch_unwind(|| run(&Vector::deserialize(vector).expect("a vector of the schema"))).is_err() {
            failed.push(name);
        }
    }
    let run = vectors.len();
    println!("vectors: {FILE} {run} run, {} passed", run - failed.len());
    assert!(failed.is_empty(), "failed: {failed:?}");
    assert!(run > 0, "{FILE} holds no vectors");
}

/// `None`: the folder that was chosen has no such file.
#[expect(clippy::print_stdout, reason = "the line per file is what the run is read for")]
fn vectors() -> Option<Vec<Value>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let chosen = std::env::var_os(OVERRIDE).map(PathBuf::from);
    let folder = match &chosen {
        None => root.join("vectors"),
        // Tests run in their package's folder; a relative path is meant from where `cargo test` was typed.
        Some(chosen) => [chosen.clone(), root.join(chosen)]
            .into_iter()
            .find(|path| path.is_dir())
            .unwrap_or_else(|| panic!("{OVERRIDE} names {}, which is no folder", chosen.display())),
    };
    let path = folder.join(FILE);
    if chosen.is_some() && !path.exists() {
        println!("vectors: {FILE} not in {}", folder.display());
        return None;
    }
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut set: Value = serde_json::from_str(&text).expect("JSON");
    Some(set["vectors"].as_array_mut().map(std::mem::take).expect("vectors"))
}

#[derive(Debug, Deserialize)]
struct Vector {
    kind: Kind,
    text: Option<String>,
    hex: Option<String>,
    framed: Option<String>,
    #[serde(default)]
    messages: Vec<Recorded>,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Encode,
    Decode,
}

/// What the Go receiver made of a message.
#[derive(Debug, Deserialize)]
struct Recorded {
    typed: bool,
    r#type: Option<String>,
    body: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum End {
    Eof,
    UnexpectedEof,
    Error,
    /// The Go process dies.
    Panic,
}

impl Vector {
    fn bytes(&self) -> Vec<u8> {
        let Some(hex) = &self.hex else { return self.text.clone().expect("text or hex").into_bytes() };
        let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        (0..hex.len()).step_by(2).map(digit).collect()
    }

    /// What is in each whole frame; without frames, everything is in one.
    fn packets(&self) -> Vec<Bytes> {
        let Some(framed) = &self.framed else { return vec![self.bytes().into()] };
        let head: Head = framed.parse().expect("a head");
        let mut stream = BytesMut::from(self.bytes().as_slice());
        std::iter::from_fn(|| head.decode(&mut stream, usize::MAX).expect("no limit")).collect()
    }
}

fn run(vector: &Vector) {
    match vector.kind {
        Kind::Encode => vector.packets().iter().for_each(encodes),
        Kind::Decode => decodes(vector),
    }
}

// ---- the registered types -------------------------------------------------------------------------------------------

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Login {
    #[serde(rename = "User")]
    user: String,
    #[serde(rename = "ID")]
    id: i64,
}

impl Named for Login {
    const HEAD: &'static str = "Login";
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Blob {
    data: Option<Bytes>,
    m: Option<BTreeMap<String, Value>>,
}

impl Named for Blob {
    const HEAD: &'static str = "blob";
}

/// Its optional third member is not needed to find a wrong first or second one.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Point {
    x: f64,
    y: f64,
}

// ---- writing --------------------------------------------------------------------------------------------------------

/// Go's bytes, read and written again, are the same bytes: from the value that its type makes of them, and from the
/// value as it came.
fn encodes(bytes: &Bytes) {
    let mut messages = Messages::read(bytes);
    let message = messages.next().expect("a message").expect("that can be read");
    assert!(messages.next().is_none(), "one message");
    match message.head() {
        Login::HEAD => writes_again::<Login>(&message, bytes),
        Blob::HEAD => writes_again::<Blob>(&message, bytes),
        // A value of no registered type: numbers, text, lists, and maps, whose keys are sorted.
        "" => {
            let value: Value = message.clone().read().expect("any value");
            assert_eq!(text(&link_json::write("", &value).expect("can be said")), text(bytes));
        }
        _ => {}
    }
    let again = message.into_body(&packet::PROFILE).expect("can be said");
    assert_eq!(text(&again), text(bytes));
}

fn writes_again<T: Named + Serialize + DeserializeOwned>(message: &Message, bytes: &Bytes) {
    let value: T = message.clone().read().expect("a value of its type");
    assert_eq!(text(&link_json::write(T::HEAD, &value).expect("can be said")), text(bytes));
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("JSON is UTF-8")
}

// ---- reading --------------------------------------------------------------------------------------------------------

fn decodes(vector: &Vector) {
    let packets = vector.packets();
    let framed = vector.framed.is_some();
    let (mut heard, mut end) = (Vec::new(), Ok(()));
    let mut crowded = false;
    for packet in &packets {
        let mut count = 0;
        for message in Messages::read(packet) {
            match message.and_then(read) {
                Ok(message) => heard.push(message),
                Err(error) => end = Err(error),
            }
            count += 1;
        }
        crowded |= framed && count > 1;
        if end.is_err() {
            break;
        }
    }
    let empty = framed && packets.iter().any(Bytes::is_empty);
    let mut rest = heard.iter();
    if crowded || empty {
        // L18: two objects in one packet are both delivered, and none after them is lost. L19: an empty packet holds
        // nothing and ends nothing. What Go delivered is there, in its order, among the others.
        for recorded in &vector.messages {
            assert!(rest.any(|heard| heard.is(recorded)), "L18, L19: {recorded:?} is not among {heard:?}");
        }
        let objects: usize = packets.iter().map(|packet| Messages::read(packet).count()).sum();
        assert_eq!(heard.len(), objects, "L18, L19: every object is delivered");
    } else {
        assert_eq!(heard.len(), vector.messages.len(), "{heard:?}");
        for (heard, recorded) in rest.zip(&vector.messages) {
            assert!(heard.is(recorded), "{heard:?} is not {recorded:?}");
        }
    }
    match (vector.end.expect("an end"), end) {
        (End::Eof, Ok(())) | (End::Error, Err(_)) | (End::UnexpectedEof, Err(Error::Truncated)) => {}
        // L2: a body that is missing or null is an error.
        (End::Panic, Err(Error::NoBody { .. })) => {}
        (recorded, ours) => panic!("{recorded:?} became {ours:?}"),
    }
}

/// A message that was read: the name of its type if that is registered, and its value.
#[derive(Debug)]
struct Heard {
    head: Option<String>,
    value: Value,
}

fn read(message: Message) -> Result<Heard, Error> {
    let head = message.head().to_owned();
    let value: Value = message.clone().read()?;
    let json = |value| serde_json::to_value(value).expect("JSON");
    let (known, value) = match head.as_str() {
        Login::HEAD => (true, json(message.read::<Login>()?)),
        "ns/Point" => (true, message.read::<Point>().map(|_| value)?),
        Blob::HEAD => (true, message.read::<Blob>().map(|_| value)?),
        "Nested" => (true, value),
        _ => (false, value),
    };
    Ok(Heard { head: known.then_some(head), value })
}

impl Heard {
    fn is(&self, recorded: &Recorded) -> bool {
        self.head.is_some() == recorded.typed
            && recorded.r#type == self.head
            && same(&self.value, &recorded.body, recorded.typed)
    }
}

/// Whether two values are one, numbers as floats. A value of a Go type has all its members, with zeros for those that
/// did not come, under the type's spelling of their names.
fn same(ours: &Value, recorded: &Value, typed: bool) -> bool {
    let zero = |value: &Value| {
        matches!(value, Value::Null | Value::Bool(false)) || [0.into(), "".into()].contains(value)
    };
    match (ours, recorded) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, typed))
        }
        (Value::Object(a), Value::Object(b)) => {
            let find = |name: &str| {
                let alike = |(key, _): &(&String, &Value)| key.eq_ignore_ascii_case(name);
                a.get(name).or_else(|| a.iter().find(alike).filter(|_| typed).map(|(_, value)| value))
            };
            (typed || a.len() == b.len())
                && b.iter().all(|(name, b)| match find(name) {
                    Some(a) => same(a, b, typed),
                    None => typed && zero(b),
                })
        }
        (a, b) => a == b || (typed && zero(a) && zero(b)),
    }
}
