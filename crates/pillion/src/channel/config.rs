//! `GET /dapr/config`: which actor types an app hosts, by its manifest and by an http guest's own answer.

use pillion_api::actors::{HostedType, Reentrancy};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Dapr's question.
pub(super) const PATH: &str = "/dapr/config";

/// The answer: what a guest says, and the types of the manifest.
pub(super) fn answer(own: Option<&[u8]>, hosted: &[HostedType]) -> String {
    let own = own.and_then(|own| serde_json::from_slice::<Map<String, Value>>(own).ok()).unwrap_or_default();
    if hosted.is_empty() && !own.is_empty() {
        return Value::from(own).to_string();
    }
    let mut answer = own;
    extend(&mut answer, "entities", hosted.iter().map(|hosted| json!(hosted.kind)));
    if !hosted.is_empty() {
        extend(&mut answer, "entitiesConfig", hosted.iter().map(entity));
        for_all(&mut answer, hosted);
    }
    Value::from(answer).to_string()
}

fn extend(answer: &mut Map<String, Value>, key: &str, more: impl Iterator<Item = Value>) {
    let list = answer.entry(key).or_insert_with(|| json!([]));
    if let Some(list) = list.as_array_mut() {
        for value in more {
            if !list.contains(&value) {
                list.push(value);
            }
        }
    }
}

fn entity(hosted: &HostedType) -> Value {
    let mut entity = Map::new();
    entity.insert("entities".into(), json!([hosted.kind]));
    let times =
        [("actorIdleTimeout", hosted.idle_timeout), ("drainOngoingCallTimeout", hosted.drain_ongoing_call_timeout)];
    for (key, time) in times {
        entity.extend(time.map(|time| (key.to_owned(), json!(go(time)))));
    }
    entity.extend(hosted.drain_rebalanced_actors.map(|drain| ("drainRebalancedActors".to_owned(), json!(drain))));
    entity.extend(hosted.reentrancy.map(|reentrancy| ("reentrancy".to_owned(), self::reentrancy(reentrancy))));
    Value::from(entity)
}

fn reentrancy(Reentrancy { enabled, max_stack_depth }: Reentrancy) -> Value {
    let mut reentrancy = Map::from_iter([("enabled".to_owned(), json!(enabled))]);
    reentrancy.extend(max_stack_depth.map(|depth| ("maxStackDepth".to_owned(), json!(depth))));
    Value::from(reentrancy)
}

fn for_all(answer: &mut Map<String, Value>, hosted: &[HostedType]) {
    let (longest, any) = HostedType::draining(hosted);
    if let Some(longest) = longest {
        answer.entry("drainOngoingCallTimeout").or_insert_with(|| json!(go(longest)));
    }
    if let Some(any) = any {
        answer.entry("drainRebalancedActors").or_insert_with(|| json!(any));
    }
}

/// A time as Go reads it.
fn go(time: Duration) -> String {
    match time.subsec_nanos() {
        0 => format!("{}s", time.as_secs()),
        _ => format!("{}ns", time.as_nanos()),
    }
}

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
            (r#"{"entities":[]}"#, true),
            ("{}", false),
            (r#"{"entities":"Counter"}"#, false),
            ("[]", false),
            ("<html>", false),
            ("", false),
        ] {
            assert_eq!(is_config(answer.as_bytes()), meant, "{answer}");
        }
    }

    fn order() -> HostedType {
        HostedType {
            kind: "Order".into(),
            idle_timeout: Some(Duration::from_millis(90_500)),
            drain_ongoing_call_timeout: Some(Duration::from_secs(60)),
            drain_rebalanced_actors: Some(true),
            reentrancy: Some(Reentrancy { enabled: true, max_stack_depth: Some(3) }),
        }
    }

    #[test]
    fn the_types_of_the_manifest_stand_beside_those_of_a_guest() {
        let plain = HostedType { kind: "Plain".into(), ..HostedType::default() };
        let own =
            br#"{"entities":["Counter","Plain"],"actorIdleTimeout":"1h","entitiesConfig":[{"entities":["Counter"]}]}"#;
        let said: Value = serde_json::from_str(&answer(Some(own), &[order(), plain])).expect("JSON");
        let expected = json!({
            "entities": ["Counter", "Plain", "Order"],
            "actorIdleTimeout": "1h",
            "drainOngoingCallTimeout": "60s",
            "drainRebalancedActors": true,
            "entitiesConfig": [
                { "entities": ["Counter"] },
                {
                    "entities": ["Order"],
                    "actorIdleTimeout": "90500000000ns",
                    "drainOngoingCallTimeout": "60s",
                    "drainRebalancedActors": true,
                    "reentrancy": { "enabled": true, "maxStackDepth": 3 },
                },
                { "entities": ["Plain"] },
            ],
        });
        assert_eq!(said, expected);
        assert_eq!(answer(None, &[]), r#"{"entities":[]}"#);
    }
}
