//! The JSON that a node means by YAML 1.2's core schema: for values whose shape the reader doesn't know.

use super::{Node, Scalar, Value};
use serde_json::{Map, Number, Value as Json};

impl Node {
    /// This node as JSON; numbers that JSON can't hold stay text.
    pub fn to_json(&self) -> Json {
        match &self.value {
            Value::Scalar(scalar) => scalar.to_json(),
            Value::Sequence(items) => items.iter().map(Node::to_json).collect(),
            Value::Mapping(mapping) => Json::Object(
                mapping.entries().iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect::<Map<_, _>>(),
            ),
        }
    }
}

impl Scalar {
    fn to_json(&self) -> Json {
        if self.is_null() {
            return Json::Null;
        }
        if let Some(truth) = self.as_bool() {
            return truth.into();
        }
        if let Some(integer) = self.as_integer() {
            return integer.into();
        }
        let number = self.as_float().and_then(Number::from_f64);
        number.map_or_else(|| self.text.clone().into(), Json::Number)
    }
}
