//! The state API over HTTP.

use super::{Call, data, json, json_answer, no_content};
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use http::{HeaderName, HeaderValue, Response, header};
use pillion_api::{
    Body, Code, Error, Metadata, Result, Sidecar, body,
    error::Details,
    state::{BulkGet, BulkItem, Concurrency, Consistency, Delete, Get, Operation, Options, Set, Transaction},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::time::SystemTime;

const TTL_EXPIRE_TIME: &str = "ttlExpireTime";
const TTL_HEADER: HeaderName = HeaderName::from_static("metadata.ttlexpiretime");

#[derive(Deserialize)]
struct SetJson {
    #[serde(default)]
    key: String,
    value: Option<Box<RawValue>>,
    etag: Option<String>,
    #[serde(default, deserialize_with = "json::metadata")]
    metadata: Metadata,
    #[serde(default)]
    options: Option<OptionsJson>,
}

#[derive(Default, Deserialize)]
struct OptionsJson {
    #[serde(default)]
    concurrency: String,
    #[serde(default)]
    consistency: String,
}

#[derive(Default, Deserialize)]
struct BulkGetJson {
    #[serde(default)]
    keys: Option<Vec<String>>,
    #[serde(default)]
    parallelism: usize,
    #[serde(default, deserialize_with = "json::metadata")]
    metadata: Metadata,
}

#[derive(Serialize)]
struct BulkItemJson {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Deserialize)]
struct TransactionJson {
    #[serde(default)]
    operations: Option<Vec<OperationJson>>,
    #[serde(default, deserialize_with = "json::metadata")]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct OperationJson {
    #[serde(default)]
    operation: String,
    request: Option<Box<RawValue>>,
}

pub(super) async fn get(sidecar: &dyn Sidecar, store: &str, key: String, call: Call) -> Result<Response<Body>> {
    let consistency = consistency(call.query.get("consistency").unwrap_or_default()).unwrap_or_default();
    let get = Get { key, consistency, metadata: call.query.metadata() };
    let Some(item) = sidecar.get_state(store, get).await? else { return Ok(no_content()) };
    let mut response = data(item.value);
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::try_from(item.etag) {
        headers.insert(header::ETAG, etag);
    }
    if let Some(expires) = item.expires.map(rfc3339)
        && let Ok(expires) = HeaderValue::try_from(expires)
    {
        headers.insert(TTL_HEADER, expires);
    }
    Ok(response)
}

pub(super) async fn save(sidecar: &dyn Sidecar, store: &str, call: Call) -> Result<Response<Body>> {
    let query = call.query;
    let bytes = body::collect(call.body, call.max_body).await?;
    let items: Option<Vec<SetJson>> = json::parse(&bytes).map_err(|why| Error::new(Code::MalformedRequest, why))?;
    let items = items.unwrap_or_default();
    if items.iter().any(|item| item.key.is_empty()) {
        return Err(Error::new(Code::MalformedRequest, "\"key\" is a required field"));
    }
    let failed =
        |why: String| Error::new(Code::StateSave, format!("failed saving state in state store {store}: {why}"));
    let items = items.into_iter().map(|item| {
        let metadata = query.over(item.metadata.clone());
        set(item, metadata).map_err(failed)
    });
    // An empty list is handed on too: only the sidecar knows whether the store exists.
    sidecar.save_state(store, items.collect::<Result<_>>()?).await?;
    Ok(no_content())
}

pub(super) async fn delete(sidecar: &dyn Sidecar, store: &str, key: String, call: Call) -> Result<Response<Body>> {
    let given = OptionsJson {
        concurrency: call.query.get("concurrency").unwrap_or_default().to_owned(),
        consistency: call.query.get("consistency").unwrap_or_default().to_owned(),
    };
    let options = options(&given)
        .map_err(|why| Error::new(Code::StateDelete, format!("failed deleting state with key {key}: {why}")))?;
    let etag = call.header(header::IF_MATCH).map(str::to_owned);
    sidecar.delete_state(store, Delete { key, etag, metadata: call.query.metadata(), options }).await?;
    Ok(no_content())
}

pub(super) async fn get_bulk(sidecar: &dyn Sidecar, store: &str, call: Call) -> Result<Response<Body>> {
    let query = call.query;
    let asked: Option<BulkGetJson> = json::body(&body::collect(call.body, call.max_body).await?)?;
    let asked = asked.unwrap_or_default();
    let get = BulkGet {
        keys: asked.keys.unwrap_or_default(),
        parallelism: asked.parallelism,
        metadata: query.over(asked.metadata),
    };
    let items = sidecar.get_bulk_state(store, get).await?;
    json_answer(&items.into_iter().map(bulk_item).collect::<Vec<_>>())
}

pub(super) async fn transaction(sidecar: &dyn Sidecar, store: &str, call: Call) -> Result<Response<Body>> {
    let query = call.query;
    let asked: TransactionJson = json::body(&body::collect(call.body, call.max_body).await?)?;
    let from_query = query.metadata();
    let operations = asked.operations.unwrap_or_default().into_iter().map(|step| operation(step, &from_query));
    let transaction =
        Transaction { operations: operations.collect::<Result<_>>()?, metadata: query.over(asked.metadata) };
    sidecar.execute_state_transaction(store, transaction).await?;
    Ok(no_content())
}

/// What daprd answers for a store that has no query API, as no embedded one has.
pub(super) fn query_unsupported(store: &str) -> Error {
    Error::new(Code::StateStoreNotSupported, "state store does not support querying").details(Details {
        reason: "DAPR_STATE_QUERYING_NOT_SUPPORTED".into(),
        metadata: Metadata::new(),
        resource: Some(("state".into(), store.to_owned())),
    })
}

fn set(item: SetJson, metadata: Metadata) -> std::result::Result<Set, String> {
    let options = options(&item.options.unwrap_or_default())?;
    let value = Bytes::from(json::compact(item.value.as_deref()));
    Ok(Set { key: item.key, value, etag: item.etag, metadata, options })
}

fn operation(step: OperationJson, from_query: &Metadata) -> Result<Operation> {
    let is_upsert = match step.operation.as_str() {
        "upsert" => true,
        "delete" => false,
        other => {
            let message = format!("operation type {other} not supported");
            return Err(Error::new(Code::NotSupportedStateOperation, message));
        }
    };
    let request = step.request.as_deref().map_or("{}", RawValue::get);
    let item: Option<SetJson> = json::body(request.as_bytes())?;
    let item = item.unwrap_or(SetJson {
        key: String::new(),
        value: None,
        etag: None,
        metadata: Metadata::new(),
        options: None,
    });
    let mut metadata = item.metadata.clone();
    metadata.extend(from_query.clone());
    let Set { key, value, etag, metadata, options } = set(item, metadata)
        .map_err(|why| Error::new(Code::StateTransaction, format!("error while executing state transaction: {why}")))?;
    Ok(if is_upsert {
        Operation::Upsert(Set { key, value, etag, metadata, options })
    } else {
        Operation::Delete(Delete { key, etag, metadata, options })
    })
}

fn bulk_item(found: BulkItem) -> BulkItemJson {
    let empty = BulkItemJson { key: found.key, data: None, etag: None, metadata: Metadata::new(), error: None };
    let item = match found.item {
        Ok(None) => return empty,
        Err(why) => return BulkItemJson { error: Some(why), ..empty },
        Ok(Some(item)) => item,
    };
    let text = String::from_utf8(item.value.into()).map_err(|error| error.to_string());
    match text.and_then(|text| RawValue::from_string(text).map_err(|error| error.to_string())) {
        Ok(data) => {
            let expires = item.expires.map(|expires| (TTL_EXPIRE_TIME.to_owned(), rfc3339(expires)));
            let metadata = expires.into_iter().collect();
            BulkItemJson { data: Some(data), etag: Some(item.etag), metadata, ..empty }
        }
        // Written by other means than this API, which only stores JSON.
        Err(why) => BulkItemJson { error: Some(format!("the value is not JSON: {why}")), ..empty },
    }
}

fn options(given: &OptionsJson) -> std::result::Result<Options, String> {
    let concurrency = match given.concurrency.as_str() {
        "" | "last-write" => Concurrency::LastWrite,
        "first-write" => Concurrency::FirstWrite,
        other => return Err(format!("unrecognized concurrency model '{other}'")),
    };
    let consistency = consistency(&given.consistency)
        .ok_or_else(|| format!("unrecognized consistency model '{}'", given.consistency))?;
    Ok(Options { concurrency, consistency })
}

fn consistency(given: &str) -> Option<Consistency> {
    match given {
        "" => Some(Consistency::Unspecified),
        "eventual" => Some(Consistency::Eventual),
        "strong" => Some(Consistency::Strong),
        _ => None,
    }
}

fn rfc3339(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Secs, true)
}
