//! The files: found, read, counted, and their types and values made dynamic.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value as Json;
use trunkline_pack::Mode;
use trunkline_pack::dynamic::{Field, Schema, Type, Value};

#[derive(Deserialize)]
struct File {
    count: usize,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
pub(crate) struct Vector {
    name: String,
    pub(crate) kind: String,
    mode: String,
    #[serde(default)]
    types: Vec<Json>,
    #[serde(default)]
    values: Vec<Json>,
    decoded_values: Option<Vec<Json>>,
    #[serde(default)]
    hex: String,
    #[serde(default)]
    pub(crate) rest_hex: String,
    #[serde(default)]
    pub(crate) outcome: String,
    #[serde(default)]
    pub(crate) error_class: String,
    #[serde(default)]
    pub(crate) strict: String,
    #[serde(default)]
    pub(crate) go_type: String,
    #[serde(default)]
    pub(crate) value: String,
}

const OVERRIDE: &str = "TRUNKLINE_VECTORS";

pub(crate) fn is_overridden() -> bool {
    std::env::var_os(OVERRIDE).is_some()
}

/// Runs every vector of the file; the folder of `TRUNKLINE_VECTORS` may lack it, ours may not.
pub(crate) fn run(name: &str, mut check: impl FnMut(&Vector) -> Result<(), String>) {
    let ours = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors");
    let folder = std::env::var_os(OVERRIDE).map_or_else(ours, PathBuf::from);
    assert!(folder.is_dir(), "{} is no folder", folder.display());
    let path = folder.join(name);
    if is_overridden() && !path.exists() {
        println!("vectors: {name} is not in {}", folder.display());
        return;
    }
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file: File = serde_json::from_str(&text).unwrap();
    assert_eq!(file.count, file.vectors.len(), "{name}: its count");
    assert!(!file.vectors.is_empty(), "{name} has no vectors");

    let mut failures = Vec::new();
    for vector in &file.vectors {
        if let Err(reason) = check(vector) {
            failures.push(format!("{}: {reason}", vector.name));
        }
    }
    println!("vectors: {name} {} run, {} passed", file.vectors.len(), file.vectors.len() - failures.len());
    assert!(failures.is_empty(), "{name}:\n{}", failures.join("\n"));
}

pub(crate) fn hex(text: &str) -> Result<Vec<u8>, String> {
    (0..text.len())
        .step_by(2)
        .map(|at| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect::<Option<_>>()
        .ok_or_else(|| format!("not hexadecimal: {text}"))
}

impl Vector {
    pub(crate) fn schema(&self) -> Result<Schema, String> {
        let mode = match self.mode.as_str() {
            "default" => Mode::Fixed,
            "ber" => Mode::Ber,
            mode => return Err(format!("unknown mode {mode}")),
        };
        let fields =
            self.types.iter().map(|json| Ok(Field::new(ty(json)?, mode))).collect::<Result<_, String>>()?;
        Ok(Schema { fields })
    }

    pub(crate) fn bytes(&self) -> Result<Vec<u8>, String> {
        hex(&self.hex)
    }

    /// `None` when a value lies outside its type.
    pub(crate) fn values(&self, schema: &Schema) -> Result<Option<Vec<Value>>, String> {
        if self.has_int_outside_32_bits() {
            return Ok(None);
        }
        row(schema, &self.values).map(Some)
    }

    pub(crate) fn decoded_values(&self, schema: &Schema) -> Result<Vec<Value>, String> {
        row(schema, self.decoded_values.as_ref().unwrap_or(&self.values))
    }

    /// Whether a Go `int` anywhere in the values does not fit an `i32`.
    pub(crate) fn has_int_outside_32_bits(&self) -> bool {
        self.types.iter().zip(&self.values).any(|(ty, value)| is_wide_int(ty, value))
    }
}

fn is_wide_int(ty: &Json, value: &Json) -> bool {
    let items = value.as_array().into_iter().flatten();
    match ty["k"].as_str() {
        Some("int") => value.as_str().is_some_and(|text| text.parse::<i32>().is_err()),
        Some("slice") => items.into_iter().any(|item| is_wide_int(&ty["elem"], item)),
        Some("struct") => {
            let fields = ty["fields"].as_array().into_iter().flatten();
            fields.zip(items).any(|(field, item)| is_wide_int(&field["type"], item))
        }
        _ => false,
    }
}

fn ty(json: &Json) -> Result<Type, String> {
    let kind = json["k"].as_str().ok_or("a type without k")?;
    Ok(match kind {
        "u8" => Type::U8,
        "u16" => Type::U16,
        "u32" | "uint" => Type::U32,
        "u64" => Type::U64,
        "i8" => Type::I8,
        "i16" => Type::I16,
        "i32" | "int" => Type::I32,
        "i64" => Type::I64,
        "string" => Type::Str,
        "bytes" => Type::Bytes,
        "slice" => Type::List(Box::new(ty(&json["elem"])?)),
        "struct" => {
            let fields = json["fields"].as_array().ok_or("a struct without fields")?;
            let fields = fields.iter().map(field).collect::<Result<_, String>>()?;
            Type::Struct(Schema { fields })
        }
        kind => return Err(format!("unknown type {kind}")),
    })
}

fn field(json: &Json) -> Result<Field, String> {
    let mode = if json["ber"] == true { Mode::Ber } else { Mode::Fixed };
    Ok(Field { name: json["name"].as_str().map(str::to_owned), ty: ty(&json["type"])?, mode })
}

fn row(schema: &Schema, values: &[Json]) -> Result<Vec<Value>, String> {
    if schema.fields.len() != values.len() {
        return Err(format!("{} types, {} values", schema.fields.len(), values.len()));
    }
    schema.fields.iter().zip(values).map(|(field, json)| value(&field.ty, json)).collect()
}

fn value(ty: &Type, json: &Json) -> Result<Value, String> {
    let wrong = || format!("{json} is no {ty}");
    Ok(match ty {
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => {
            Value::Unsigned(json.as_str().and_then(|text| text.parse().ok()).ok_or_else(wrong)?)
        }
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => {
            Value::Signed(json.as_str().and_then(|text| text.parse().ok()).ok_or_else(wrong)?)
        }
        Type::Str => match json.as_str() {
            Some(text) => Value::Str(text.to_owned()),
            None => Value::Bytes(hex(json["hex"].as_str().ok_or_else(wrong)?)?),
        },
        Type::Bytes => Value::Bytes(hex(json.as_str().ok_or_else(wrong)?)?),
        Type::List(item) => {
            let items = json.as_array().ok_or_else(wrong)?;
            Value::List(items.iter().map(|json| value(item, json)).collect::<Result<_, _>>()?)
        }
        Type::Struct(schema) => Value::Struct(row(schema, json.as_array().ok_or_else(wrong)?)?),
    })
}
