//! `GET /dapr/config`: which actor types an app hosts. Only an http guest can say so, by its own answer.

use serde_json::Value;

/// Dapr's question.
pub(super) const PATH: &str = "/dapr/config";
/// No actors.
pub(super) const NONE: &str = r#"{"entities":[]}"#;

/// Whether a guest's answer is meant as one: most guests know nothing of the question and answer a page, which daprd
/// would call an error.
pub(super) fn is_config(answer: &[u8]) -> bool {
    match serde_json::from_slice::<Value>(answer) {
        Ok(Value::Object(fields)) => {
            fields.get("entities").is_some_and(Value::is_array)
                || fields.get("entitiesConfig").is_some_and(Value::is_array)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_that_names_actor_types_is_a_configuration() {
        for (answer, meant) in [
            (r#"{"entities":["Counter"],"actorIdleTimeout":"1h"}"#, true),
            (r#"{"entitiesConfig":[{"entities":["Counter"]}]}"#, true),
            (NONE, true),
            ("{}", false),
            (r#"{"entities":"Counter"}"#, false),
            ("[]", false),
            ("<html>", false),
            ("", false),
        ] {
            assert_eq!(is_config(answer.as_bytes()), meant, "{answer}");
        }
    }
}
