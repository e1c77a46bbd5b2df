//! Key prefixes: which apps share keys. See Dapr's documentation, "key prefix strategies".

use super::errors;
use pillion_api::Result;

/// Stands between prefix and key, and may be in neither.
const SEPARATOR: &str = "||";

/// Puts a store's prefix before each key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    store: String,
    prefix: Option<String>,
}

impl Keys {
    /// The prefix that a `keyPrefix` asks for, in the words of daprd where it can't be one.
    pub(crate) fn new(store: &str, strategy: Option<&str>, app_id: &str, namespace: &str) -> Result<Self, String> {
        let strategy = strategy.unwrap_or("appid").to_lowercase();
        let prefix = match strategy.as_str() {
            "none" => None,
            "appid" => Some(app_id.to_owned()),
            "name" => Some(store.to_owned()),
            "namespace" if namespace.is_empty() => Some(app_id.to_owned()),
            "namespace" => Some(format!("{namespace}.{app_id}")),
            constant if constant.contains(SEPARATOR) => return Err(illegal(constant)),
            constant => Some(constant.to_owned()),
        };
        Ok(Self { store: store.to_owned(), prefix })
    }

    /// The stored key of an app's key.
    pub(crate) fn stored(&self, key: &str) -> Result<String> {
        if key.contains(SEPARATOR) {
            return Err(errors::illegal_key(&self.store, illegal(key)));
        }
        Ok(match &self.prefix {
            Some(prefix) => format!("{prefix}{SEPARATOR}{key}"),
            None => key.to_owned(),
        })
    }
}

fn illegal(key: &str) -> String {
    format!("input key/keyPrefix '{key}' can't contain '{SEPARATOR}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_strategy_has_its_prefix() {
        for (strategy, namespace, stored) in [
            (None, "", "shop||k"),
            (Some("appid"), "prod", "shop||k"),
            (Some("NAME"), "", "store||k"),
            (Some("namespace"), "prod", "prod.shop||k"),
            (Some("namespace"), "", "shop||k"),
            (Some("none"), "", "k"),
            (Some("common"), "", "common||k"),
        ] {
            let keys = Keys::new("store", strategy, "shop", namespace).expect("legal");
            assert_eq!(keys.stored("k").expect("legal"), stored, "{strategy:?}");
        }
    }

    #[test]
    fn the_separator_is_in_no_key_and_no_prefix() {
        let keys = Keys::new("store", None, "shop", "").expect("legal");
        let error = keys.stored("a||b").expect_err("illegal");
        assert_eq!(error.message(), "input key/keyPrefix 'a||b' can't contain '||'");
        assert_eq!(error.status(), 400);
        Keys::new("store", Some("a||b"), "shop", "").expect_err("illegal");
    }
}
