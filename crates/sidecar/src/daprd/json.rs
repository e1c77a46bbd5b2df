//! JSON as protobuf's well-known types, and back.

use prost::Message;
use prost_types::{Any, Struct, Value, value::Kind};
use serde_json::Value as Json;

/// The type of a JSON value in an `Any`.
const VALUE: &str = "type.googleapis.com/google.protobuf.Value";

/// A JSON value as protobuf's.
pub(super) fn to_value(json: Json) -> Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(value),
        Json::Number(value) => Kind::NumberValue(value.as_f64().unwrap_or_default()),
        Json::String(value) => Kind::StringValue(value),
        Json::Array(values) => {
            Kind::ListValue(prost_types::ListValue { values: values.into_iter().map(to_value).collect() })
        }
        Json::Object(fields) => Kind::StructValue(to_struct(fields)),
    };
    Value { kind: Some(kind) }
}

/// A JSON object as protobuf's.
pub(super) fn to_struct(fields: serde_json::Map<String, Json>) -> Struct {
    Struct { fields: fields.into_iter().map(|(name, value)| (name, to_value(value))).collect() }
}

fn from_value(value: Value) -> Json {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(value)) => Json::Bool(value),
        Some(Kind::NumberValue(value)) => number(value),
        Some(Kind::StringValue(value)) => Json::String(value),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(from_value).collect(),
        Some(Kind::StructValue(fields)) => {
            fields.fields.into_iter().map(|(name, value)| (name, from_value(value))).collect()
        }
    }
}

/// Whole numbers without a fraction, as Dapr's own JSON writes them.
fn number(value: f64) -> Json {
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    let whole = value as i64;
    #[allow(clippy::cast_precision_loss, clippy::float_cmp)]
    if whole as f64 == value && value.abs() < 9_007_199_254_740_992.0 {
        return Json::from(whole);
    }
    serde_json::Number::from_f64(value).map_or(Json::Null, Json::Number)
}

/// JSON text in an `Any`, as daprd's HTTP API puts it there; text that is no JSON is a JSON string.
pub(super) fn pack(bytes: &[u8]) -> Any {
    let json = serde_json::from_slice(bytes);
    let json = json.unwrap_or_else(|_| Json::String(String::from_utf8_lossy(bytes).into_owned()));
    Any { type_url: VALUE.to_owned(), value: to_value(json).encode_to_vec() }
}

/// What an `Any` holds: JSON text of a JSON value, the bytes of wrapped bytes or text, else the message's own bytes.
pub(super) fn unpack(any: Any) -> Vec<u8> {
    let kind = any.type_url.rsplit('/').next().unwrap_or_default();
    let read = match kind {
        "google.protobuf.Value" => {
            Value::decode(any.value.as_slice()).ok().and_then(|value| serde_json::to_vec(&from_value(value)).ok())
        }
        "google.protobuf.Struct" => Struct::decode(any.value.as_slice())
            .ok()
            .and_then(|fields| serde_json::to_vec(&from_value(Value { kind: Some(Kind::StructValue(fields)) })).ok()),
        "google.protobuf.BytesValue" => Vec::<u8>::decode(any.value.as_slice()).ok(),
        "google.protobuf.StringValue" => String::decode(any.value.as_slice()).ok().map(String::into_bytes),
        _ => None,
    };
    read.unwrap_or(any.value)
}

/// A scalar in an `Any`, as daprd reads parameters; anything else as its JSON text.
pub(super) fn scalar(text: &str) -> Any {
    let any =
        |kind: &str, value: Vec<u8>| Any { type_url: format!("type.googleapis.com/google.protobuf.{kind}"), value };
    match serde_json::from_str::<Json>(text) {
        Ok(Json::Bool(value)) => any("BoolValue", value.encode_to_vec()),
        Ok(Json::Number(value)) => match value.as_i64() {
            Some(whole) => any("Int64Value", whole.encode_to_vec()),
            None => any("DoubleValue", value.as_f64().unwrap_or_default().encode_to_vec()),
        },
        Ok(Json::String(value)) => any("StringValue", value.encode_to_vec()),
        _ => any("StringValue", text.to_owned().encode_to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_survives_a_round_trip() {
        for text in [r#"{"a":[1,2.5,null,true],"b":{"c":"d"}}"#, "\"text\"", "7", "null"] {
            assert_eq!(String::from_utf8(unpack(pack(text.as_bytes()))).expect("text"), text);
        }
        assert_eq!(unpack(pack(b"no json")), b"\"no json\"");
    }

    #[test]
    fn wrapped_bytes_are_unwrapped_and_other_messages_kept() {
        let any = |kind: &str, value: Vec<u8>| Any { type_url: format!("type.googleapis.com/{kind}"), value };
        assert_eq!(unpack(any("google.protobuf.BytesValue", vec![1u8, 2].encode_to_vec())), [1, 2]);
        assert_eq!(unpack(any("my.Own", vec![9, 9])), [9, 9]);
        assert_eq!(unpack(any("google.protobuf.Value", vec![0xff])), [0xff]);
    }
}
