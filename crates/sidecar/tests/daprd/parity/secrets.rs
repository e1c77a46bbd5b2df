//! Secrets, with scopes.

use super::shown::Log;
use pillion_api::{Metadata, Sidecar};

async fn get(sidecar: &dyn Sidecar, log: &mut Log, store: &str, key: &str) {
    let secret = sidecar.get_secret(store, key, Metadata::new()).await;
    // `Debug` shows no value; these are no secrets.
    log.say(format!("secret `{key}` of `{store}`"), secret.map(|secret| secret.0));
}

pub(super) async fn script(sidecar: &dyn Sidecar, log: &mut Log) {
    for key in ["word", "deep:er", "deep", "nothing", "", "hidden", "HIDDEN"] {
        get(sidecar, log, "vault", key).await;
    }
    let all = sidecar.get_bulk_secrets("vault", Metadata::new()).await;
    log.say("all secrets", all.map(|all| all.into_iter().map(|(name, secret)| (name, secret.0)).collect::<Vec<_>>()));
    without_a_store(sidecar, log).await;
}

pub(super) async fn without_a_store(sidecar: &dyn Sidecar, log: &mut Log) {
    get(sidecar, log, "novault", "word").await;
    let all = sidecar.get_bulk_secrets("novault", Metadata::new()).await;
    log.say("all secrets of no store", all.map(|all| all.len()));
}
