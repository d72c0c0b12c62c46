//! Every recorded gob message, stream and hostile input.
//!
//! `TRUNKLINE_VECTORS` names another folder with files of the same names and schema.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::print_stdout, reason = "the tally of vectors is for whoever runs them")]

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use serde_json::Value as Json;
use trunkline_gob::{
    Decoder, Definition, Encoder, Field, GoType, Interface, Kind, Limits, Message, OpaqueKind, Order, Raw,
    Registry, TypeId, Types, Value, from_slice,
};

const OURS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors");

/// The vectors of `file` in our folder and the one the environment names.
fn load(file: &str) -> Vec<(PathBuf, Json)> {
    let other = std::env::var_os("TRUNKLINE_VECTORS").map(PathBuf::from);
    let folders = other.map_or_else(|| vec![PathBuf::from(OURS)], |other| vec![other]);
    let paths = folders.into_iter().map(|folder| folder.join(file)).filter(|path| path.exists());
    paths.map(|path| (path.clone(), serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())).collect()
}

/// Runs every vector of a file, prints the tally, and fails if one failed.
fn run(file: &str, test: impl Fn(&Json, &Json) -> Result<(), String>) {
    for (_, document) in load(file) {
        let vectors = document["vectors"].as_array().unwrap();
        assert!(!vectors.is_empty(), "{file} holds no vectors");
        let failed: Vec<String> = vectors
            .iter()
            .filter_map(|vector| test(&document, vector).err().map(|e| format!("{}: {e}", vector["name"])))
            .collect();
        println!("vectors: {file} {} run, {} passed", vectors.len(), vectors.len() - failed.len());
        assert!(failed.is_empty(), "{file}:\n{}", failed.join("\n"));
    }
}

fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "half a byte");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn number<T: std::str::FromStr>(json: &Json) -> T
where
    T::Err: std::fmt::Debug,
{
    json.as_str().unwrap().parse().unwrap()
}

fn float(json: &Json) -> f64 {
    f64::from_bits(u64::from_str_radix(json["bits"].as_str().unwrap(), 16).unwrap())
}

fn id(json: &Json) -> TypeId {
    TypeId::new(u32::try_from(json.as_u64().unwrap()).unwrap()).unwrap()
}

fn tree(json: &Json) -> Value {
    let list = |key: &str| json[key].as_array().unwrap().iter();
    match json["t"].as_str().unwrap() {
        "bool" => Value::Bool(json["v"].as_bool().unwrap()),
        "int" => Value::Int(number(&json["v"])),
        "uint" => Value::Uint(number(&json["v"])),
        "float" => Value::Float(float(json)),
        "complex" => Value::Complex(float(&json["re"]), float(&json["im"])),
        "string" => Value::String(match json["hex"].as_str() {
            Some(bytes) => hex(bytes),
            None => json["v"].as_str().unwrap().as_bytes().to_vec(),
        }),
        "bytes" => Value::Bytes(hex(json["hex"].as_str().unwrap())),
        "slice" => Value::Slice(list("elems").map(tree).collect()),
        "array" => Value::Array(list("elems").map(tree).collect()),
        "map" => Value::Map(list("entries").map(|entry| (tree(&entry[0]), tree(&entry[1]))).collect()),
        "struct" => Value::Struct(
            list("fields").map(|field| (field[0].as_str().unwrap().into(), tree(&field[1]))).collect(),
        ),
        "iface" => match json["name"].as_str().unwrap() {
            "" => Value::Interface(None),
            name => {
                let inside = Interface::with_type(name, id(&json["type_id"]), tree(&json["value"]));
                Value::Interface(Some(Box::new(inside)))
            }
        },
        "opaque" => Value::Opaque(opaque_kind(&json["kind"]), hex(json["hex"].as_str().unwrap())),
        other => panic!("unknown tag {other}"),
    }
}

fn opaque_kind(json: &Json) -> OpaqueKind {
    match json.as_str().unwrap() {
        "gob" => OpaqueKind::Gob,
        "binary" => OpaqueKind::Binary,
        "text" => OpaqueKind::Text,
        other => panic!("unknown kind {other}"),
    }
}

fn definition(json: &Json) -> Definition {
    let kind = match json["kind"].as_str().unwrap() {
        "struct" => Kind::Struct {
            fields: json["fields"]
                .as_array()
                .unwrap()
                .iter()
                .map(|field| Field { name: field["name"].as_str().unwrap().into(), ty: id(&field["type"]) })
                .collect(),
        },
        "slice" => Kind::Slice { elem: id(&json["elem"]) },
        "array" => Kind::Array { elem: id(&json["elem"]), len: json["len"].as_u64().unwrap() },
        "map" => Kind::Map { key: id(&json["key"]), elem: id(&json["elem"]) },
        _ => Kind::Opaque(opaque_kind(&json["kind"])),
    };
    let inner_id = u32::try_from(json["common_id"].as_u64().unwrap()).unwrap();
    Definition { name: json["name"].as_str().unwrap().to_owned(), inner_id, kind }
}

fn types(json: &Json) -> Types {
    let mut types = Types::new(Limits::default());
    for ty in json.as_array().unwrap() {
        types.define(id(&ty["id"]), definition(ty)).unwrap();
    }
    types
}

/// Equal, with NaN equal to itself and maps compared as sets.
fn same(a: &Value, b: &Value) -> bool {
    let all = |x: &[Value], y: &[Value]| x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y));
    match (a, b) {
        (Value::Float(x), Value::Float(y)) => x.to_bits() == y.to_bits(),
        (Value::Complex(a, b), Value::Complex(c, d)) => {
            a.to_bits() == c.to_bits() && b.to_bits() == d.to_bits()
        }
        (Value::Slice(x), Value::Slice(y)) | (Value::Array(x), Value::Array(y)) => all(x, y),
        (Value::Map(x), Value::Map(y)) => {
            x.len() == y.len() && x.iter().all(|(k, v)| y.iter().any(|(l, w)| same(k, l) && same(v, w)))
        }
        (Value::Struct(x), Value::Struct(y)) => {
            x.len() == y.len() && x.iter().zip(y.iter()).all(|((n, v), (m, w))| n == m && same(v, w))
        }
        (Value::Interface(Some(x)), Value::Interface(Some(y))) => {
            x.name() == y.name() && x.type_id() == y.type_id() && same(x.value(), y.value())
        }
        _ => a == b,
    }
}

/// Ids aside: what a value means on any stream.
fn without_ids(value: Value) -> Value {
    match value {
        Value::Slice(items) => Value::Slice(items.into_vec().into_iter().map(without_ids).collect()),
        Value::Array(items) => Value::Array(items.into_vec().into_iter().map(without_ids).collect()),
        Value::Map(entries) => Value::Map(
            entries.into_vec().into_iter().map(|(k, v)| (without_ids(k), without_ids(v))).collect(),
        ),
        Value::Struct(fields) => {
            Value::Struct(fields.into_vec().into_iter().map(|(n, v)| (n, without_ids(v))).collect())
        }
        Value::Interface(Some(inside)) => {
            let name = inside.name().to_owned();
            Value::Interface(Some(Box::new(Interface::new(name, without_ids(inside.into_value())))))
        }
        other => other,
    }
}

fn expect(what: &str, yes: bool, got: &dyn std::fmt::Debug) -> Result<(), String> {
    if yes { Ok(()) } else { Err(format!("{what}: {got:?}")) }
}

/// Takes the value out, reads it alone, and puts it through another stream in both orders.
fn travels(message: &Message<'_>, expected: &Value) -> Result<(), String> {
    let raw = message.to_raw().map_err(|e| format!("to_raw: {e}"))?;
    let meant = without_ids(expected.clone());
    let alone = Raw::from_bytes(raw.as_bytes(), Limits::default()).map_err(|e| format!("alone: {e}"))?;
    expect("self-contained bytes are stable", alone.as_bytes() == raw.as_bytes(), &alone)?;
    expect("alone", same(&without_ids(alone.to_value().unwrap()), &meant), &alone)?;
    for order in [Order::Ahead, Order::Go] {
        let (mut encoder, mut out) = (Encoder::new(order), Vec::new());
        // Another type first, so that numbers differ; then the value twice, the second without definitions.
        encoder.encode(&vec![1i8], &mut out).unwrap();
        encoder.encode_raw(&raw, &mut out).map_err(|e| format!("{order:?}: {e}"))?;
        let types = encoder.types().len();
        let before = out.len();
        encoder.encode_raw(&raw, &mut out).map_err(|e| format!("{order:?}: {e}"))?;
        expect("no new types the second time", types == encoder.types().len(), &types)?;
        expect("shorter or equal the second time", out.len() - before <= before, &out)?;
        let mut decoder = Decoder::new(Limits::default());
        decoder.push(&out);
        decoder.next_message().map_err(|e| e.to_string())?;
        for _ in 0..2 {
            let message = decoder.next_message().map_err(|e| format!("{order:?}: {e}"))?.ok_or("cut")?;
            expect("after travel", same(&without_ids(message.to_value().unwrap()), &meant), &message)?;
        }
        expect("nothing left", decoder.is_at_border(), &decoder)?;
    }
    Ok(())
}

fn read_one(decoder: &mut Decoder, json: &Json) -> Result<Value, String> {
    let message = decoder.next_message().map_err(|e| e.to_string())?.ok_or("more bytes wanted")?;
    let (value, expected) = (message.to_value().unwrap(), tree(&json["value_json"]));
    expect("type id", message.type_id() == id(&json["type_id"]), &message.type_id())?;
    expect("tree", same(&value, &expected), &value)?;
    travels(&message, &expected)?;
    Ok(value)
}

#[test]
fn gob_messages() {
    run("gob_messages.json", |_, vector| {
        let bytes = hex(vector["hex"].as_str().unwrap());
        let mut decoder = Decoder::new(Limits::default());
        decoder.push(&bytes);
        let value = read_one(&mut decoder, vector)?;
        expect("nothing left", decoder.is_at_border(), &decoder)?;
        // One byte at a time it is the same value.
        let mut drip = Decoder::new(Limits::default());
        let mut dripped = None;
        for byte in &bytes {
            assert!(drip.wanted() >= 1, "a decoder always wants more");
            drip.push(&[*byte]);
            dripped =
                drip.next_message().map_err(|e| e.to_string())?.map(|m| m.to_value().unwrap()).or(dripped);
        }
        expect("drip", dripped.is_some_and(|dripped| same(&dripped, &value)), &"")?;
        let defined = types(&vector["types"]);
        for (id, definition) in defined.iter() {
            let read = decoder.types().get(id).ok_or_else(|| format!("type {id:?} is missing"))?;
            expect("definition", **read == *definition, read)?;
        }
        if vector["encode_exact"].as_bool().unwrap() {
            let (mut encoder, mut out) = (Encoder::new(Order::Go), Vec::new());
            encoder
                .encode_value(&defined, id(&vector["type_id"]), &tree(&vector["value_json"]), &mut out)
                .map_err(|e| e.to_string())?;
            expect("bytes", out == bytes, &hex_of(&out))?;
        }
        Ok(())
    });
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn gob_streams() {
    run("gob_streams.json", |_, vector| {
        let mut decoder = Decoder::new(Limits::default());
        let mut encoder = Encoder::new(Order::Go);
        let defined = types(&vector["types"]);
        for message in vector["messages"].as_array().unwrap() {
            let bytes = hex(message["hex"].as_str().unwrap());
            decoder.push(&bytes);
            if message.get("encode_error").is_some() {
                // Go failed here; whatever it had written by then must do no harm.
                expect("no value", matches!(decoder.next_message(), Ok(None)), &bytes)?;
                continue;
            }
            read_one(&mut decoder, message)?;
            if vector["encode_exact"].as_bool().unwrap() {
                let mut out = Vec::new();
                encoder
                    .encode_value(&defined, id(&message["type_id"]), &tree(&message["value_json"]), &mut out)
                    .map_err(|e| e.to_string())?;
                expect("bytes", out == bytes, &hex_of(&out))?;
            }
        }
        expect("nothing left", decoder.is_at_border(), &decoder)
    });
}

/// The registry of the Go program that recorded the hostile inputs, and the target type.
fn target(document: &Json, vector: &Json) -> (Registry, Option<GoType>) {
    let mut registry = Registry::new();
    let name = vector["target"].as_str().unwrap();
    let targets = &document["targets"];
    for (name, text) in document["registered"].as_object().unwrap() {
        registry.register(name, text.as_str().unwrap()).unwrap();
        // The text of a recursive type names itself without its package.
        let short = name.rsplit('.').next().unwrap();
        registry.declare(short, text.as_str().unwrap()).unwrap();
    }
    for (name, text) in targets[name].as_object().into_iter().flatten() {
        registry.declare(name, text.as_str().unwrap()).unwrap();
    }
    // "time.Time" among the targets says only that it is opaque; this crate knows the type.
    registry.declare("time.Time", "time.Time").unwrap();
    (registry, (name != "(discard)").then(|| name.parse().unwrap()))
}

fn input(vector: &Json) -> Vec<u8> {
    match vector["parts"].as_array() {
        None => hex(vector["hex"].as_str().unwrap()),
        Some(parts) => parts.iter().fold(Vec::new(), |mut bytes, part| {
            bytes.extend(
                hex(part["hex"].as_str().unwrap()).repeat(part["times"].as_u64().unwrap_or(1) as usize),
            );
            bytes
        }),
    }
}

#[test]
fn gob_malformed() {
    run("gob_malformed.json", |document, vector| {
        let (registry, target) = target(document, vector);
        let mut decoder = Decoder::new(Limits::default());
        decoder.push(&input(vector));
        for want in vector["want"].as_array().unwrap() {
            let outcome = match decoder.next_message() {
                Err(error) => Err(error.to_string()),
                Ok(None) => Err("the input ends".to_owned()),
                Ok(Some(message)) => match &target {
                    Some(ty) => registry.check(&message, ty).map_err(|e| e.to_string()),
                    None => Ok(()),
                },
            };
            let fits = match want.as_str().unwrap() {
                "ok" => outcome.is_ok(),
                "error" => outcome.is_err(),
                "either" => true,
                other => panic!("unknown outcome {other}"),
            };
            expect(&format!("wanted {want}"), fits, &outcome)?;
        }
        Ok(())
    });
}

#[test]
fn typed_values_from_go_bytes() {
    // A recorded map of Go strings and the request of a gorpc client, read by Rust types.
    let recorded: BTreeMap<String, String> = load("gob_messages.json")
        .into_iter()
        .flat_map(|(_, document)| document["vectors"].as_array().unwrap().clone())
        .map(|v| (v["name"].as_str().unwrap().to_owned(), v["hex"].as_str().unwrap().to_owned()))
        .collect();
    if let Some(bytes) = recorded.get("map_str_strs") {
        let map: HashMap<String, Vec<String>> = from_slice(&hex(bytes)).unwrap();
        assert_eq!(map["k"], ["a", "b"]);
    }
    if let Some(bytes) = recorded.get("wreq_string") {
        #[derive(serde::Deserialize)]
        struct Request {
            #[serde(rename = "Request")]
            request: Raw,
        }
        let request: Request = from_slice(&hex(bytes)).unwrap();
        assert_eq!(request.request.name(), Some("string"));
        request.request.decode::<String>().unwrap();
    }
}
