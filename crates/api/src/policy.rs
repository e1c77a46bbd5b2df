//! What an app's guests may touch. Nothing is allowed that is not named.

use crate::{Code, Error, Result};
use serde::Deserialize;

/// The `allow:` block of an app. An entry ending in `*` allows every name that begins with what stands before it.
///
/// | list | entry |
/// |---|---|
/// | `state` | `store` or `store/key-prefix*` |
/// | `publish` | `pubsub/topic`; `pubsub` alone is every topic of it |
/// | `invoke` | an app id; `app/path-prefix*` narrows it |
/// | `bindings` | `binding` or `binding/operation` |
/// | `secrets` | `store` or `store/secret` |
/// | `configuration` | `store` or `store/key-prefix*` |
/// | `locks` | `store` or `store/resource` |
/// | `crypto` | `component` or `component/key` |
/// | `conversation` | a component's name |
/// | `jobs` | a job's name, `*` for every one |
/// | `actors` | an actor type, or `type/id-prefix*` |
/// | `workflows` | a workflow's name, or the prefix of an instance's id; `*` for every one |
/// | `hosts` | `host` (the scheme's own port), `host:port`, `*.domain`, a scheme before it if not https or http; loopback, link-local and metadata addresses only by that very address or `localhost` |
/// | `files` | `host-directory:guest-directory[:ro]` |
/// | `models` | a model of this app; declaring one under `models:` allows it |
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Allow {
    pub state: Vec<String>,
    pub publish: Vec<String>,
    pub invoke: Vec<String>,
    pub bindings: Vec<String>,
    pub secrets: Vec<String>,
    pub configuration: Vec<String>,
    pub locks: Vec<String>,
    pub crypto: Vec<String>,
    pub conversation: Vec<String>,
    pub jobs: Vec<String>,
    pub actors: Vec<String>,
    pub workflows: Vec<String>,
    pub hosts: Vec<String>,
    pub files: Vec<String>,
    pub models: Vec<String>,
}

/// One list of [`Allow`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum List {
    State,
    Publish,
    Invoke,
    Bindings,
    Secrets,
    Configuration,
    Locks,
    Crypto,
    Conversation,
    Jobs,
    Actors,
    Workflows,
    Hosts,
}

impl List {
    /// The key under `allow:`.
    pub const fn key(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Publish => "publish",
            Self::Invoke => "invoke",
            Self::Bindings => "bindings",
            Self::Secrets => "secrets",
            Self::Configuration => "configuration",
            Self::Locks => "locks",
            Self::Crypto => "crypto",
            Self::Conversation => "conversation",
            Self::Jobs => "jobs",
            Self::Actors => "actors",
            Self::Workflows => "workflows",
            Self::Hosts => "hosts",
        }
    }
}

impl Allow {
    /// Whether `name`, or `name/part` of it, is granted by a list.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] that names the line to add.
    pub fn check(&self, app: &str, list: List, name: &str, part: &str) -> Result<()> {
        // A path begins with a slash that an entry leaves out; a key that begins with one is another key.
        let part = if list == List::Invoke { part.trim_start_matches('/') } else { part };
        if self.entries(list).iter().any(|entry| grants(entry, name, part)) {
            return Ok(());
        }
        let asked = if part.is_empty() { name.to_owned() } else { format!("{name}/{part}") };
        let key = list.key();
        Err(Error::new(Code::NotAllowed, format!("app `{app}` may not use `{asked}`: `allow.{key}` doesn't name it"))
            .hint(format!("add `{name}` to `allow: {{ {key}: [...] }}` of app `{app}` in the manifest")))
    }

    fn entries(&self, list: List) -> &[String] {
        match list {
            List::State => &self.state,
            List::Publish => &self.publish,
            List::Invoke => &self.invoke,
            List::Bindings => &self.bindings,
            List::Secrets => &self.secrets,
            List::Configuration => &self.configuration,
            List::Locks => &self.locks,
            List::Crypto => &self.crypto,
            List::Conversation => &self.conversation,
            List::Jobs => &self.jobs,
            List::Actors => &self.actors,
            List::Workflows => &self.workflows,
            List::Hosts => &self.hosts,
        }
    }
}

/// `entry` grants `name` wholly, or the part of it that it names.
fn grants(entry: &str, name: &str, part: &str) -> bool {
    match entry.split_once('/') {
        None => matches(entry, name),
        Some((entry_name, entry_part)) => matches(entry_name, name) && matches(entry_part, part),
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => text.starts_with(prefix),
        None => pattern == text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_allowed_that_is_not_named() {
        let denied = Allow::default().check("shop", List::State, "orders", "k").expect_err("denied");
        assert_eq!(denied.code(), Code::NotAllowed);
        assert!(denied.help().expect("a hint").contains("allow: { state:"));
    }

    #[test]
    fn entries_grant_names_and_prefixes() {
        for (entry, name, part, granted) in [
            ("orders", "orders", "any", true),
            ("orders", "order", "", false),
            ("orders/a*", "orders", "abc", true),
            ("orders/a*", "orders", "b", false),
            ("orders/a", "orders", "ab", false),
            ("pubsub/results", "pubsub", "results", true),
            ("pubsub/results", "pubsub", "other", false),
            ("app/api/*", "app", "api/x", true),
            ("app/api/*", "app", "admin", false),
            ("orders/a*", "orders", "/abc", false),
            ("*", "anything", "at all", true),
        ] {
            assert_eq!(grants(entry, name, part), granted, "{entry} {name}/{part}");
        }
    }
}
