//! An app's answer to `GET /dapr/subscribe`.

use crate::pubsub::Expression;
use http::StatusCode;
use pillion_api::{pubsub::Subscription, subscribe};

/// What an app answered; 404 and what can't be read are no subscriptions.
pub(super) fn read(app_id: &str, status: StatusCode, answer: &[u8]) -> Vec<Subscription> {
    match status {
        StatusCode::OK => match subscribe::parse(answer) {
            Ok(subscriptions) => {
                subscriptions.into_iter().filter(|subscription| usable(app_id, subscription)).collect()
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

fn usable(app: &str, subscription: &Subscription) -> bool {
    let topic = &subscription.topic;
    for rule in &subscription.rules {
        if let Err(why) = Expression::compile(&rule.matches) {
            let matches = &rule.matches;
            tracing::error!(app, topic, matches, why, "a subscription has a rule that is no CEL expression");
            return false;
        }
    }
    if subscription.rules.is_empty() && subscription.default.is_none() {
        tracing::warn!(app, topic, "topic has an empty routes. removing from subscriptions list");
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use pillion_api::pubsub::{Bulk, Destination};

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
