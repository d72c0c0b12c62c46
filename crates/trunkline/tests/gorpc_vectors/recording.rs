//! One recorded conversation: what was said, step by step, and what it means as trees.

use std::path::{Path, PathBuf};

use flate2::{Decompress, FlushDecompress};
use serde_json::{Value as Json, json};
use trunkline::gob::{Decoder, Limits, OpaqueKind, Value};

/// Names another folder of the same schema.
const OVERRIDE: &str = "TRUNKLINE_VECTORS";

/// The conversations of a file; `None` when the folder that somebody chose has no such file.
pub(crate) fn load(file: &str) -> Option<Vec<Json>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let chosen = std::env::var_os(OVERRIDE).map(PathBuf::from);
    let folder = match &chosen {
        None => root.join("vectors"),
        Some(chosen) => {
            let found = [chosen.clone(), root.join(chosen)].into_iter().find(|path| path.is_dir());
            found.unwrap_or_else(|| panic!("{OVERRIDE} names {}, which is no folder", chosen.display()))
        }
    };
    if chosen.is_some() && !folder.join(file).exists() {
        return None;
    }
    let text = std::fs::read(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let set: Json = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    Some(set["vectors"].as_array().expect("vectors").clone())
}

/// Something that one side did.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) by_client: bool,
    pub(crate) bytes: Vec<u8>,
    pub(crate) close: bool,
    pub(crate) half_close: bool,
}

/// One connection of a conversation.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) compressed: bool,
    pub(crate) steps: Vec<Step>,
    /// Messages of each side, in order, as trees.
    pub(crate) asked: Vec<Json>,
    pub(crate) answered: Vec<Json>,
    /// What the client said is no gob.
    pub(crate) garbage: bool,
}

impl Line {
    /// The connections of a conversation, in order.
    pub(crate) fn all(conversation: &Json) -> Vec<Self> {
        let steps = conversation["steps"].as_array().expect("steps");
        let last = steps.iter().filter_map(|step| step["conn"].as_u64()).max().unwrap_or(0);
        (0..=last).map(|conn| Self::one(conversation, conn)).collect()
    }

    fn one(conversation: &Json, conn: u64) -> Self {
        let of_this = |part: &&Json| part["conn"].as_u64().unwrap_or(0) == conn;
        let steps = conversation["steps"].as_array().expect("steps").iter().filter(of_this);
        let steps = steps.map(|step| Step {
            by_client: step["dir"] == "c2s",
            bytes: hex(step["hex"].as_str().unwrap_or_default()),
            close: step["close"] == true,
            half_close: step["half_close"] == true,
        });
        let decoded = conversation["decoded"].as_array().map_or(&[][..], Vec::as_slice);
        let side = |dir: &str| decoded.iter().filter(of_this).find(|part| part["dir"] == dir);
        let messages = |dir: &str| {
            let messages = side(dir).and_then(|part| part["messages"].as_array());
            messages.into_iter().flatten().map(|message| recorded(&message["value_json"])).collect()
        };
        Self {
            compressed: conversation["compressed"] == true,
            steps: steps.collect(),
            asked: messages("c2s"),
            answered: messages("s2c"),
            garbage: side("c2s").is_some_and(|part| part.get("decode_error").is_some()),
        }
    }

    /// The bytes that one side sent.
    pub(crate) fn bytes(&self, by_client: bool) -> Vec<u8> {
        self.steps.iter().filter(|step| step.by_client == by_client).flat_map(|s| s.bytes.clone()).collect()
    }

    /// The recorded answer to a call.
    pub(crate) fn answer(&self, id: u64) -> Option<&Json> {
        self.answered.iter().find(|answer| id_of(answer) == id)
    }

    /// The server closed the connection.
    pub(crate) fn server_closes(&self) -> bool {
        self.steps.iter().any(|step| !step.by_client && step.close)
    }
}

/// The id of a message; 0 where it has none.
pub(crate) fn id_of(message: &Json) -> u64 {
    message["ID"]["uint"].as_str().map_or(0, |id| id.parse().expect("a number"))
}

/// One direction, read without our dialect: flate2 and the gob decoder alone.
pub(crate) struct Reader {
    inflate: Option<Decompress>,
    stream: Decoder,
}

impl Reader {
    pub(crate) fn new(compressed: bool) -> Self {
        Self { inflate: compressed.then(|| Decompress::new(false)), stream: Decoder::new(Limits::default()) }
    }

    /// The messages that these bytes complete, as trees.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Vec<Json> {
        let plain = match &mut self.inflate {
            None => bytes.to_vec(),
            Some(inflate) => {
                let (mut rest, mut plain) = (bytes, Vec::new());
                loop {
                    plain.reserve(64 << 10);
                    let (read, had) = (inflate.total_in(), plain.len());
                    inflate.decompress_vec(rest, &mut plain, FlushDecompress::None).expect("deflate");
                    rest = &rest[(inflate.total_in() - read) as usize..];
                    if rest.is_empty() && plain.len() == had {
                        break plain;
                    }
                }
            }
        };
        self.stream.push(&plain);
        let mut messages = Vec::new();
        while let Some(message) = self.stream.next_message().expect("gob") {
            messages.push(tree(&message.to_value().expect("a tree")));
        }
        messages
    }
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits = |pair| std::str::from_utf8(pair).expect("ASCII");
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(digits(pair), 16).expect("hex")).collect()
}

fn spelled(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Fields and entries stand in an order of their own, so that only contents are compared.
fn sorted(mut entries: Vec<Json>) -> Json {
    entries.sort_by_cached_key(ToString::to_string);
    entries.into()
}

/// A recorded tree in the form that is compared: numbers of types belong to the process and are left out.
fn recorded(value: &Json) -> Json {
    let all = |list: &Json| list.as_array().expect("a list").iter().map(recorded).collect::<Vec<_>>();
    let kind = value["t"].as_str().expect("a kind");
    match kind {
        "struct" => value["fields"]
            .as_array()
            .expect("fields")
            .iter()
            .map(|field| (field[0].as_str().expect("a name").to_owned(), recorded(&field[1])))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        "iface" if value["name"] == "" => Json::Null,
        "iface" => json!({ "name": value["name"], "value": recorded(&value["value"]) }),
        "slice" | "array" => json!({ kind: all(&value["elems"]) }),
        "map" => {
            let entries = value["entries"].as_array().expect("entries");
            json!({ "map": sorted(entries.iter().map(|pair| all(pair).into()).collect()) })
        }
        "string" => match value["v"].as_str() {
            Some(text) => json!({ "string": spelled(text.as_bytes()) }),
            None => json!({ "string": value["hex"] }),
        },
        "bytes" => json!({ "bytes": value["hex"] }),
        "opaque" => json!({ "opaque": value["hex"], "kind": value["kind"] }),
        "float" => json!({ "float": value["bits"] }),
        "complex" => json!({ "complex": [value["re"]["bits"], value["im"]["bits"]] }),
        _ => json!({ kind: value["v"] }),
    }
}

/// A tree that was read, in the form that is compared.
pub(crate) fn tree(value: &Value) -> Json {
    let bits = |float: &f64| format!("{:016x}", float.to_bits());
    match value {
        Value::Bool(yes) => json!({ "bool": yes }),
        Value::Int(n) => json!({ "int": n.to_string() }),
        Value::Uint(n) => json!({ "uint": n.to_string() }),
        Value::Float(float) => json!({ "float": bits(float) }),
        Value::Complex(re, im) => json!({ "complex": [bits(re), bits(im)] }),
        Value::String(text) => json!({ "string": spelled(text) }),
        Value::Bytes(bytes) => json!({ "bytes": spelled(bytes) }),
        Value::Slice(items) => json!({ "slice": items.iter().map(tree).collect::<Vec<_>>() }),
        Value::Array(items) => json!({ "array": items.iter().map(tree).collect::<Vec<_>>() }),
        Value::Map(entries) => {
            let pairs = entries.iter().map(|(key, value)| json!([tree(key), tree(value)]));
            json!({ "map": sorted(pairs.collect()) })
        }
        Value::Struct(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.to_string(), tree(value)));
            fields.collect::<serde_json::Map<_, _>>().into()
        }
        Value::Interface(None) => Json::Null,
        Value::Interface(Some(inside)) => json!({ "name": inside.name(), "value": tree(inside.value()) }),
        Value::Opaque(kind, bytes) => {
            let kind = if *kind == OpaqueKind::Gob { "gob" } else { "binary" };
            json!({ "opaque": spelled(bytes), "kind": kind })
        }
    }
}
