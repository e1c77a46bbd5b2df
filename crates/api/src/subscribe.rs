//! An app's answer to `GET /dapr/subscribe`, in the forms of both versions of Dapr's subscription.

use crate::{
    Metadata,
    pubsub::{Bulk, Destination, Rule, Source, Subscription},
};
use serde::Deserialize;

/// Dapr's question.
pub const PATH: &str = "/dapr/subscribe";

/// Every field may be missing or null: SDKs differ in what they leave out.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    pubsubname: String,
    #[serde(default)]
    topic: String,
    #[serde(default)]
    dead_letter_topic: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    route: Option<String>,
    #[serde(default)]
    routes: Option<Routes>,
    #[serde(default)]
    bulk_subscribe: Option<BulkSubscribe>,
}

#[derive(Default, Deserialize)]
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

/// Reads the body of a 200. Nothing and `null` are no subscriptions; rules are not compiled here.
///
/// # Errors
/// The body is no list of subscriptions.
pub fn parse(answer: &[u8]) -> Result<Vec<Subscription>, serde_json::Error> {
    if answer.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let entries: Option<Vec<Entry>> = serde_json::from_slice(answer)?;
    Ok(entries.unwrap_or_default().into_iter().map(Entry::subscription).collect())
}

impl Entry {
    fn subscription(self) -> Subscription {
        let routes = self.routes.unwrap_or_default();
        let given = |route: Option<String>| route.filter(|route| !route.is_empty());
        let mut default = given(routes.default).or_else(|| given(self.route)).map(Destination::Path);
        let mut rules = Vec::new();
        for Route { matches, path } in routes.rules.unwrap_or_default() {
            let matches = matches.trim().to_owned();
            // A rule without an expression takes everything, so nothing comes after it.
            if matches.is_empty() {
                default = Some(Destination::Path(path));
                break;
            }
            rules.push(Rule { matches, path });
        }
        Subscription {
            pubsub: self.pubsubname,
            topic: self.topic,
            rules,
            default,
            metadata: self.metadata.unwrap_or_default(),
            dead_letter_topic: given(self.dead_letter_topic),
            bulk: self.bulk_subscribe.filter(|bulk| bulk.enabled).map(BulkSubscribe::bulk),
            source: Source::Programmatic,
        }
    }
}

impl BulkSubscribe {
    fn bulk(self) -> Bulk {
        let default = Bulk::default();
        Bulk {
            max_messages: usize::try_from(self.max_messages_count)
                .ok()
                .filter(|n| *n > 0)
                .unwrap_or(default.max_messages),
            max_await_ms: u64::try_from(self.max_await_duration_ms)
                .ok()
                .filter(|n| *n > 0)
                .unwrap_or(default.max_await_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_either_form_is_read() {
        let answer = br#"[
            {"pubsubname": "p", "topic": "a", "route": "/a", "metadata": {"rawPayload": "true"}},
            {"pubsubname": "p", "topic": "b", "deadLetterTopic": "dead",
             "routes": {"rules": [{"match": "event.type == 'x'", "path": "/x"}], "default": "/b"},
             "bulkSubscribe": {"enabled": true, "maxMessagesCount": 7}}
        ]"#;
        let [first, second] = &parse(answer).expect("a list")[..] else { panic!("two") };
        assert_eq!(first.default, Some(Destination::Path("/a".into())));
        assert_eq!(first.metadata["rawPayload"], "true");
        assert_eq!(second.rules[0].path, "/x");
        assert_eq!(second.default, Some(Destination::Path("/b".into())));
        assert_eq!(second.dead_letter_topic.as_deref(), Some("dead"));
        assert_eq!(second.bulk, Some(Bulk { max_messages: 7, max_await_ms: 1000 }));
    }

    #[test]
    fn nothing_is_no_subscription_and_text_is_no_list() {
        assert!(parse(b"").expect("none").is_empty());
        assert!(parse(b"null").expect("none").is_empty());
        parse(b"{}").expect_err("no list");
        parse(b"hello").expect_err("no list");
    }
}
