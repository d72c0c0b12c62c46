//! Bodies in go-iproto's packed form, written and read on the command line: `u32:7 str:abc ber:300`, `u32 str`.

use serde_json::Value as Json;
use trunkline_pack::dynamic::{Record, Schema, Value};

use crate::output::hex;

/// Reads values together with their types.
pub(crate) fn record(text: &str) -> Result<Record, String> {
    text.parse().map_err(|error: trunkline_pack::dynamic::ParseError| error.to_string())
}

/// Reads types.
pub(crate) fn schema(text: &str) -> Result<Schema, String> {
    text.parse().map_err(|error: trunkline_pack::dynamic::ParseError| error.to_string())
}

/// A body as the values that a schema says it has, or what is wrong with it.
pub(crate) fn unpack(schema: &Schema, body: &[u8]) -> Result<Record, String> {
    let values = schema.decode(body).map_err(|error| format!("the body is not `{schema}`: {error}"))?;
    Ok(Record { schema: schema.clone(), values })
}

/// The values of a record: numbers, text, lists, and bytes as hex digits.
pub(crate) fn json(values: &[Value]) -> Json {
    let one = |value: &Value| match value {
        Value::Unsigned(number) => (*number).into(),
        Value::Signed(number) => (*number).into(),
        Value::Str(text) => text.as_str().into(),
        Value::Bytes(bytes) => hex(bytes).into(),
        Value::List(values) | Value::Struct(values) => json(values),
    };
    values.iter().map(one).collect()
}
