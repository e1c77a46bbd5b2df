//! State: requests and answers, and the times that keys expire at.

use super::status::Call;
use bytes::Bytes;
use dapr::dapr::proto::{
    common::v1::{Etag, StateItem, StateOptions},
    runtime::v1::{
        BulkStateItem, DeleteStateRequest, ExecuteStateTransactionRequest, GetBulkStateRequest, GetStateRequest,
        GetStateResponse, QueryStateRequest, QueryStateResponse, SaveStateRequest, TransactionalStateOperation,
    },
};
use pillion_api::{
    Code,
    state::{
        BulkGet, BulkItem, Concurrency, Consistency, Delete, Found, FoundItem, Get, Item, Operation, Options, Query,
        Set, Transaction,
    },
};
use std::{collections::HashMap, time::SystemTime};

pub(super) const GET: Call = Call { name: "get state", rows: &[], failed: Code::StateGet };
pub(super) const BULK_GET: Call = Call { name: "get bulk state", rows: &[], failed: Code::StateBulkGet };
pub(super) const SAVE: Call = Call { name: "save state", rows: &[], failed: Code::StateSave };
pub(super) const DELETE: Call = Call { name: "delete state", rows: &[], failed: Code::StateDelete };
pub(super) const TRANSACT: Call = Call { name: "state transaction", rows: &[], failed: Code::StateTransaction };
pub(super) const QUERY: Call = Call { name: "query state", rows: &[], failed: Code::StateQuery };

/// The metadata key of the time that a value expires at.
const EXPIRES: &str = "ttlExpireTime";

pub(super) fn get(store: &str, get: Get) -> GetStateRequest {
    GetStateRequest {
        store_name: store.to_owned(),
        key: get.key,
        consistency: consistency(get.consistency),
        metadata: get.metadata.into_iter().collect(),
    }
}

/// A value that has neither bytes nor an ETag isn't there: that is all that the wire says.
pub(super) fn item(answer: GetStateResponse) -> Option<Item> {
    read(answer.data, answer.etag, &answer.metadata)
}

pub(super) fn bulk_get(store: &str, get: BulkGet) -> GetBulkStateRequest {
    GetBulkStateRequest {
        store_name: store.to_owned(),
        keys: get.keys,
        parallelism: i32::try_from(get.parallelism).unwrap_or(i32::MAX),
        metadata: get.metadata.into_iter().collect(),
    }
}

/// In the order of the keys, whatever order the answer has; a store need not keep it.
pub(super) fn bulk_items(keys: &[String], answer: Vec<BulkStateItem>) -> Vec<BulkItem> {
    let one = |item: BulkStateItem| {
        let found =
            if item.error.is_empty() { Ok(read(item.data, item.etag, &item.metadata)) } else { Err(item.error) };
        (item.key, found)
    };
    // A key that is asked for twice has one value, which both share.
    let items: HashMap<String, Result<Option<Item>, String>> = answer.into_iter().map(one).collect();
    let bulk = |key: &String| BulkItem { key: key.clone(), item: items.get(key).cloned().unwrap_or(Ok(None)) };
    keys.iter().map(bulk).collect()
}

fn read(data: Vec<u8>, etag: String, metadata: &HashMap<String, String>) -> Option<Item> {
    if data.is_empty() && etag.is_empty() {
        return None;
    }
    let expires = metadata.get(EXPIRES).and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok());
    Some(Item { value: Bytes::from(data), etag, expires: expires.map(SystemTime::from) })
}

pub(super) fn save(store: &str, items: Vec<Set>) -> SaveStateRequest {
    SaveStateRequest { store_name: store.to_owned(), states: items.into_iter().map(state_item).collect() }
}

pub(super) fn delete(store: &str, delete: Delete) -> DeleteStateRequest {
    DeleteStateRequest {
        store_name: store.to_owned(),
        key: delete.key,
        etag: delete.etag.and_then(etag),
        options: options(delete.options),
        metadata: delete.metadata.into_iter().collect(),
    }
}

pub(super) fn transaction(store: &str, transaction: Transaction) -> ExecuteStateTransactionRequest {
    let operation = |operation| match operation {
        Operation::Upsert(set) => step("upsert", state_item(set)),
        Operation::Delete(delete) => step("delete", deleted(delete)),
    };
    ExecuteStateTransactionRequest {
        store_name: store.to_owned(),
        operations: transaction.operations.into_iter().map(operation).collect(),
        metadata: transaction.metadata.into_iter().collect(),
    }
}

fn step(kind: &str, item: StateItem) -> TransactionalStateOperation {
    TransactionalStateOperation { operation_type: kind.to_owned(), request: Some(item) }
}

pub(super) fn query(store: &str, query: Query) -> QueryStateRequest {
    QueryStateRequest {
        store_name: store.to_owned(),
        query: query.query,
        metadata: query.metadata.into_iter().collect(),
    }
}

pub(super) fn found(answer: QueryStateResponse) -> Found {
    let item = |item: dapr::dapr::proto::runtime::v1::QueryStateItem| FoundItem {
        key: item.key,
        value: item.data.into(),
        etag: item.etag,
        error: item.error,
    };
    Found {
        items: answer.results.into_iter().map(item).collect(),
        token: answer.token,
        metadata: answer.metadata.into_iter().collect(),
    }
}

fn state_item(set: Set) -> StateItem {
    StateItem {
        key: set.key,
        value: set.value.into(),
        etag: set.etag.and_then(etag),
        metadata: set.metadata.into_iter().collect(),
        options: options(set.options),
    }
}

fn deleted(delete: Delete) -> StateItem {
    StateItem {
        key: delete.key,
        value: Vec::new(),
        etag: delete.etag.and_then(etag),
        metadata: delete.metadata.into_iter().collect(),
        options: options(delete.options),
    }
}

/// Dapr takes an empty ETag as none.
fn etag(value: String) -> Option<Etag> {
    (!value.is_empty()).then_some(Etag { value })
}

fn options(options: Options) -> Option<StateOptions> {
    let concurrency = match options.concurrency {
        Concurrency::LastWrite => 0,
        Concurrency::FirstWrite => 1,
    };
    let consistency = consistency(options.consistency);
    (concurrency != 0 || consistency != 0).then_some(StateOptions { concurrency, consistency })
}

fn consistency(consistency: Consistency) -> i32 {
    match consistency {
        Consistency::Unspecified => 0,
        Consistency::Eventual => 1,
        Consistency::Strong => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_bytes_and_etag_is_no_value() {
        assert_eq!(item(GetStateResponse::default()), None);
        let empty = GetStateResponse { etag: "1".into(), ..GetStateResponse::default() };
        assert_eq!(item(empty).expect("a value").value, "");
    }

    #[test]
    fn bulk_answers_are_in_the_order_of_the_keys() {
        let item =
            |key: &str, data: &str| BulkStateItem { key: key.into(), data: data.into(), ..BulkStateItem::default() };
        let keys = ["a", "b", "c"].map(str::to_owned);
        let items = bulk_items(&keys, vec![item("c", "3"), item("a", "1")]);
        let values: Vec<_> = items
            .iter()
            .map(|bulk| bulk.item.as_ref().expect("read").as_ref().map(|item| item.value.clone()))
            .collect();
        assert_eq!(values, [Some("1".into()), None, Some("3".into())]);
    }
}
