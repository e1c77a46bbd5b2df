//! Secret stores: what each must do, and the errors that apps see. A secret's value is never part of a message.

pub(crate) mod env;
pub(crate) mod file;

use async_trait::async_trait;
use pillion_api::{
    Code, Error,
    secrets::{Secret, Secrets},
};

/// A store of secrets.
#[async_trait]
pub(crate) trait SecretStore: Send + Sync {
    /// As `/v1.0/metadata` names them.
    fn capabilities(&self) -> &'static [&'static str] {
        &[]
    }

    /// Reads a secret. The error is a sentence.
    async fn get(&self, name: &str) -> Result<Secret, String>;

    /// Reads every secret.
    async fn all(&self) -> Result<Secrets, String>;
}

pub(crate) fn not_configured() -> Error {
    Error::new(Code::SecretStoresNotConfigured, "secret store is not configured")
}

pub(crate) fn not_found(store: &str) -> Error {
    Error::new(Code::SecretStoreNotFound, format!("failed finding secret store with key {store}"))
}

pub(crate) fn denied(store: &str, secret: &str) -> Error {
    Error::new(Code::PermissionDenied, format!("access denied by policy to get {secret:?} from {store:?}"))
}

pub(crate) fn get(store: &str, secret: &str, why: &str) -> Error {
    Error::new(Code::SecretGet, format!("failed getting secret with key {secret} from secret store {store}: {why}"))
}

pub(crate) fn get_bulk(store: &str, why: &str) -> Error {
    Error::new(Code::SecretGet, format!("failed getting secrets from secret store {store}: {why}"))
}
