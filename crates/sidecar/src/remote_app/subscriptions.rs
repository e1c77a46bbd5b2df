//! An app's answer to `GET /dapr/subscribe`.

use crate::pubsub::Expression;
use http::StatusCode;
use pillion_api::{
    Metadata,
    pubsub::{Bulk, Destination, Rule, Source, Subscription},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    pubsubname: String,
    #[serde(default)]
    topic: String,
    #[serde(default, rename = "deadLetterTopic")]
    dead_letter_topic: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    route: Option<String>,
    #[serde(default)]
    routes: Option<Routes>,
    #[serde(default, rename = "bulkSubscribe")]
    bulk_subscribe: Option<BulkSubscribe>,
}

#[derive(Deserialize)]
struct Routes {
    #[serde(default)]
    rules: Option<Vec<Route>>,
    #[serde(default)]
    default: Option<String>,
}

#[derive(Deserialize)]
struct Route {
    #[serde(default, rename = "match")]
    matches: String,
    #[serde(default)]
    path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BulkSubscribe {
    #[serde(default)]
    enabled: bool,
    #[serde(default)]
    max_messages_count: i32,
    #[serde(default)]
    max_await_duration_ms: i32,
}

/// What an app answered; 404 and what can't be read are no subscriptions.
pub(super) fn read(app_id: &str, status: StatusCode, answer: &[u8]) -> Vec<Subscription> {
    match status {
        StatusCode::OK if answer.is_empty() => Vec::new(),
        StatusCode::OK => match serde_json::from_slice::<Option<Vec<Answer>>>(answer) {
            Ok(answers) => {
                answers.unwrap_or_default().into_iter().filter_map(|answer| subscription(app_id, answer)).collect()
            }
            Err(error) => {
                tracing::error!(app = app_id, %error, "error getting topics from app: `GET /dapr/subscribe` gave no list of subscriptions");
                Vec::new()
            }
        },
        StatusCode::NOT_FOUND => Vec::new(),
        status => {
            tracing::error!(
                app = app_id,
                status = status.as_u16(),
                "app returned an unexpected status from its subscription endpoint"
            );
            Vec::new()
        }
    }
}

fn subscription(app_id: &str, answer: Answer) -> Option<Subscription> {
    let routes = answer.routes.unwrap_or(Routes { rules: None, default: None });
    let given = |route: Option<String>| route.filter(|route| !route.is_empty());
    let mut default = given(routes.default).or_else(|| given(answer.route)).map(Destination::Path);
    let mut rules = Vec::new();
    for Route { matches, path } in routes.rules.unwrap_or_default() {
        let matches = matches.trim().to_owned();
        if let Err(why) = Expression::compile(&matches) {
            tracing::error!(
                app = app_id,
                topic = answer.topic,
                matches,
                why,
                "a subscription has a rule that is no CEL expression"
            );
            return None;
        }
        // A rule without an expression takes everything, so nothing comes after it.
        if matches.is_empty() {
            default = Some(Destination::Path(path));
            break;
        }
        rules.push(Rule { matches, path });
    }
    if rules.is_empty() && default.is_none() {
        tracing::warn!(
            app = app_id,
            topic = answer.topic,
            "topic has an empty routes. removing from subscriptions list"
        );
        return None;
    }
    Some(Subscription {
        pubsub: answer.pubsubname,
        topic: answer.topic,
        rules,
        default,
        metadata: answer.metadata.unwrap_or_default(),
        dead_letter_topic: answer.dead_letter_topic.filter(|topic| !topic.is_empty()),
        bulk: answer.bulk_subscribe.filter(|bulk| bulk.enabled).map(bulk),
        source: Source::Programmatic,
    })
}

fn bulk(answer: BulkSubscribe) -> Bulk {
    let default = Bulk::default();
    let positive = |n: i32| u64::try_from(n).ok().filter(|n| *n > 0);
    Bulk {
        max_messages: positive(answer.max_messages_count).map_or(default.max_messages, |n| n as usize),
        max_await_ms: positive(answer.max_await_duration_ms).unwrap_or(default.max_await_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_routes_are_read() {
        let answer = br#"[
            {"pubsubname":"bus","topic":"a","route":"/a","metadata":{"rawPayload":"true"}},
            {"pubsubname":"bus","topic":"b","routes":{"rules":[{"match":"event.type == \"x\"","path":"/x"}],"default":"/d"},"deadLetterTopic":"dlq"},
            {"pubsubname":"bus","topic":"nowhere"},
            {"pubsubname":"bus","topic":"bad","routes":{"rules":[{"match":"((","path":"/x"}]}},
            {"pubsubname":"bus","topic":"null","route":"/n","metadata":null,"bulkSubscribe":{"enabled":true}}
        ]"#;
        let read = read("app", StatusCode::OK, answer);
        let topics: Vec<_> = read.iter().map(|subscription| subscription.topic.as_str()).collect();
        assert_eq!(topics, ["a", "b", "null"]);
        assert_eq!(read[0].default, Some(Destination::Path("/a".to_owned())));
        assert_eq!(read[1].rules.len(), 1);
        assert_eq!(read[1].dead_letter_topic.as_deref(), Some("dlq"));
        assert_eq!(read[2].bulk, Some(Bulk::default()));
    }

    #[test]
    fn what_is_no_list_is_no_subscription() {
        for (status, answer) in [(200, "{}"), (200, "<html>"), (200, ""), (200, "null"), (404, ""), (500, "[]")] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert!(read("app", status, answer.as_bytes()).is_empty(), "{status} {answer}");
        }
    }
}
