//! Which topics an app may publish to and subscribe to: `allowedTopics`, `protectedTopics` and the scopes.

use std::collections::BTreeMap;

/// The topics of one component for one app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scopes {
    allowed: Vec<String>,
    protected: Vec<String>,
    publishing: Vec<String>,
    subscription: Vec<String>,
}

impl Scopes {
    /// Reads a component's metadata for an app.
    pub(crate) fn read(metadata: &BTreeMap<String, String>, app_id: &str) -> Self {
        let text = |key: &str| metadata.get(key).map(|text| text.replace(' ', "")).unwrap_or_default();
        Self {
            allowed: topics(&text("allowedTopics")),
            protected: topics(&text("protectedTopics")),
            publishing: scoped(&text("publishingScopes"), app_id),
            subscription: scoped(&text("subscriptionScopes"), app_id),
        }
    }

    pub(crate) fn may_publish(&self, topic: &str) -> bool {
        self.may(topic, &self.publishing)
    }

    pub(crate) fn may_subscribe(&self, topic: &str) -> bool {
        self.may(topic, &self.subscription)
    }

    /// As in daprd: a protected topic needs a scope, and an app with a scope has no other topics.
    fn may(&self, topic: &str, scope: &[String]) -> bool {
        let names = |list: &[String]| list.iter().any(|name| name == topic);
        if !self.allowed.is_empty() && !names(&self.allowed) {
            return false;
        }
        (scope.is_empty() && !names(&self.protected)) || names(scope)
    }
}

fn topics(text: &str) -> Vec<String> {
    text.split(',').filter(|topic| !topic.is_empty()).map(str::to_owned).collect()
}

/// `app1=t1,t2;app2=`: an app that is named without topics has one whose name is empty, so none that there is.
fn scoped(text: &str, app_id: &str) -> Vec<String> {
    let of_app = text.split(';').filter_map(|scope| scope.split_once('=')).filter(|(app, _)| *app == app_id);
    of_app.flat_map(|(_, topics)| topics.split(',')).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_daprs() {
        for (key, value, topic, may) in [
            ("publishingScopes", "shop=a,b", "a", true),
            ("publishingScopes", "shop=a, b", "b", true),
            ("publishingScopes", "shop=a", "c", false),
            ("publishingScopes", "shop=", "a", false),
            ("publishingScopes", "other=a", "c", true),
            ("allowedTopics", "a,b", "a", true),
            ("allowedTopics", "a,b", "c", false),
            ("protectedTopics", "a", "a", false),
            ("protectedTopics", "a", "b", true),
        ] {
            let scopes = Scopes::read(&[(key.to_owned(), value.to_owned())].into(), "shop");
            assert_eq!(scopes.may_publish(topic), may, "{key}: {value}: {topic}");
        }
        let both = [("protectedTopics", "a"), ("subscriptionScopes", "shop=a")];
        let both = both.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        assert!(Scopes::read(&both, "shop").may_subscribe("a"));
        assert!(!Scopes::read(&both, "shop").may_publish("a"));
    }
}
