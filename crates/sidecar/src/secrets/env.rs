//! `secretstores.local.env`: secrets from the environment of the process.

use super::SecretStore;
use crate::components::{Init, Opened, Opening};
use async_trait::async_trait;
use pillion_api::secrets::{Secret, Secrets};
use std::{pin::Pin, sync::Arc};

pub(crate) fn open(init: Init) -> Pin<Box<dyn Future<Output = Opening> + Send>> {
    let prefix = init.get("prefix").unwrap_or_default().to_owned();
    Box::pin(std::future::ready(Ok(Opened::Secrets(Arc::new(LocalEnv { prefix })))))
}

struct LocalEnv {
    prefix: String,
}

/// Dapr's own tokens and settings are nobody's secrets.
fn readable(variable: &str) -> bool {
    let upper = variable.to_ascii_uppercase();
    upper != "APP_API_TOKEN" && !upper.starts_with("DAPR_")
}

/// A variable's value; a missing, forbidden or unreadable one is empty, as in Dapr.
pub(crate) fn variable(name: &str) -> String {
    // The standard library panics at names that no variable can have.
    let legal = !name.is_empty() && !name.contains(['=', '\0']);
    if !legal || !readable(name) {
        return String::new();
    }
    std::env::var(name).unwrap_or_default()
}

#[async_trait]
impl SecretStore for LocalEnv {
    async fn get(&self, name: &str) -> Result<Secret, String> {
        Ok(Secret([(name.to_owned(), variable(&format!("{}{name}", self.prefix)))].into()))
    }

    async fn all(&self) -> Result<Secrets, String> {
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let secrets = variables.filter(|(name, _)| readable(name)).filter_map(|(name, value)| {
            let short = name.strip_prefix(self.prefix.as_str()).filter(|short| !short.is_empty())?.to_owned();
            Some((short.clone(), Secret([(short, value)].into())))
        });
        Ok(secrets.collect())
    }
}
