//! State errors in daprd's words.

use super::StoreError;
use pillion_api::{Code, Error, Metadata, error::Details};

fn of_app(app_id: &str) -> Metadata {
    [("appID".to_owned(), app_id.to_owned())].into()
}

pub(crate) fn not_configured(store: &str, app_id: &str) -> Error {
    let details = Details { reason: "DAPR_STATE_NOT_CONFIGURED".into(), metadata: of_app(app_id), resource: None };
    Error::new(Code::StateStoreNotConfigured, format!("state store {store} is not configured")).details(details)
}

pub(crate) fn not_found(store: &str, app_id: &str) -> Error {
    let details = Details { reason: "DAPR_STATE_NOT_FOUND".into(), metadata: of_app(app_id), resource: None };
    Error::new(Code::StateStoreNotFound, format!("state store {store} is not found")).details(details)
}

pub(crate) fn illegal_key(store: &str, why: String) -> Error {
    let resource = Some(("state".into(), store.to_owned()));
    let details = Details { reason: "DAPR_STATE_ILLEGAL_KEY".into(), metadata: Metadata::new(), resource };
    Error::new(Code::MalformedRequest, why).details(details)
}

pub(crate) fn key_missing() -> Error {
    Error::new(Code::MalformedRequest, "\"key\" is a required field")
}

pub(crate) fn query_not_supported(store: &str) -> Error {
    let resource = Some(("state".into(), store.to_owned()));
    let details = Details { reason: "DAPR_STATE_QUERYING_NOT_SUPPORTED".into(), metadata: Metadata::new(), resource };
    Error::new(Code::StateStoreNotSupported, "state store does not support querying").details(details)
}

pub(crate) fn get(key: &str, store: &str, error: &StoreError) -> Error {
    Error::new(Code::StateGet, format!("fail to get {key} from state store {store}: {error}"))
}

pub(crate) fn bulk_get(error: &StoreError) -> Error {
    Error::new(Code::StateBulkGet, error.to_string())
}

/// The failures of a save, of which daprd shows all. Only if each is an ETag's does the answer say so.
pub(crate) fn save(store: &str, failures: &[StoreError], asked: usize) -> Error {
    let all: Vec<String> = failures.iter().map(StoreError::to_string).collect();
    let etags = failures.iter().all(|failure| matches!(failure, StoreError::EtagMismatch(_)));
    let (code, mut why) = match etags {
        true => (Code::StateSaveEtagMismatch, all.join("\n")),
        false => (Code::StateSave, all.join("\n")),
    };
    if etags && asked > 1 {
        why = StoreError::EtagMismatch(Some(why)).to_string();
    }
    with_limit(Error::new(code, format!("failed saving state in state store {store}: {why}")), failures)
}

pub(crate) fn delete(key: &str, error: &StoreError) -> Error {
    let code = match error {
        StoreError::EtagMismatch(_) => Code::StateDeleteEtagMismatch,
        _ => Code::StateDelete,
    };
    Error::new(code, format!("failed deleting state with key {key}: {error}"))
}

pub(crate) fn transaction(error: &StoreError) -> Error {
    let message = format!("error while executing state transaction: {error}");
    with_limit(Error::new(Code::StateTransaction, message), std::slice::from_ref(error))
}

pub(crate) fn too_many(store: &str, count: usize, max: usize) -> Error {
    let metadata =
        [("currentOpsTransaction".to_owned(), count.to_string()), ("maxOpsPerTransaction".to_owned(), max.to_string())];
    let resource = Some(("state".into(), store.to_owned()));
    let reason = "DAPR_STATE_TOO_MANY_TRANSACTIONS".into();
    let message =
        format!("the transaction contains {count} operations, which is more than what the state store supports: {max}");
    Error::new(Code::StateStoreTooManyTransactions, message).details(Details {
        reason,
        metadata: metadata.into(),
        resource,
    })
}

fn with_limit(error: Error, failures: &[StoreError]) -> Error {
    let full = failures.iter().find_map(|failure| match failure {
        StoreError::Full(limit) => Some(*limit),
        _ => None,
    });
    match full {
        Some(limit) => error
            .limit("sidecar.stateMemory", limit)
            .hint("delete keys, give them a `ttlInSeconds`, or use state.sqlite"),
        None => error,
    }
}
