//! State: values, ETags, time to live, bulk, transactions, and keys that can't be.

use super::shown::Log;
use bytes::Bytes;
use pillion_api::{
    Metadata, Result, Sidecar,
    state::{BulkGet, Concurrency, Delete, Get, Item, Operation, Options, Query, Set, Transaction},
};
use std::time::{Duration, SystemTime};

fn set(key: &str, value: impl Into<Bytes>) -> Set {
    Set { key: key.into(), value: value.into(), ..Set::default() }
}

fn with_etag(key: &str, value: &'static str, etag: &str) -> Set {
    Set { etag: Some(etag.into()), ..set(key, value) }
}

fn with_ttl(key: &str, ttl: &str) -> Set {
    Set { metadata: [("ttlInSeconds".to_owned(), ttl.to_owned())].into(), ..set(key, "v") }
}

fn first_write(key: &str, value: &'static str) -> Set {
    let options = Options { concurrency: Concurrency::FirstWrite, ..Options::default() };
    Set { options, ..set(key, value) }
}

fn delete(key: &str, etag: Option<&str>) -> Delete {
    Delete { key: key.into(), etag: etag.map(str::to_owned), ..Delete::default() }
}

async fn get(sidecar: &dyn Sidecar, store: &str, key: &str) -> Result<Option<Item>> {
    sidecar.get_state(store, Get { key: key.into(), ..Get::default() }).await
}

async fn value(sidecar: &dyn Sidecar, store: &str, key: &str) -> Result<Option<Bytes>> {
    Ok(get(sidecar, store, key).await?.map(|item| item.value))
}

async fn etag(sidecar: &dyn Sidecar, store: &str, key: &str) -> String {
    get(sidecar, store, key).await.expect("a readable key").expect("a value").etag
}

/// Whether a value expires in about so many seconds.
async fn expires(sidecar: &dyn Sidecar, store: &str, key: &str) -> Result<Option<bool>> {
    let about = |at: SystemTime| {
        let left = at.duration_since(SystemTime::now()).unwrap_or_default();
        left > Duration::from_secs(900) && left <= Duration::from_secs(1001)
    };
    Ok(get(sidecar, store, key).await?.and_then(|item| item.expires).map(about))
}

pub(super) async fn script(sidecar: &dyn Sidecar, log: &mut Log, store: &str) {
    values(sidecar, log, store).await;
    etags(sidecar, log, store).await;
    times_to_live(sidecar, log, store).await;
    bulk(sidecar, log, store).await;
    transactions(sidecar, log, store).await;
    keys(sidecar, log, store).await;
}

async fn values(sidecar: &dyn Sidecar, log: &mut Log, store: &str) {
    log.say(format!("{store}: get of what isn't there"), value(sidecar, store, "nothing").await);
    let values: [(&str, Bytes); 5] = [
        ("JSON", Bytes::from(r#"{"a": 1}"#)),
        ("text", Bytes::from("plain text")),
        ("bytes", Bytes::from_static(&[0, 255, 128, 10])),
        ("no bytes", Bytes::new()),
        ("a million", Bytes::from(vec![b'm'; 1_000_000])),
    ];
    for (name, bytes) in values {
        log.say(format!("{store}: save {name}"), sidecar.save_state(store, vec![set("k", bytes.clone())]).await);
        let read = value(sidecar, store, "k").await.map(|read| read == Some(bytes));
        log.say(format!("{store}: get {name}"), read);
    }
    log.say(format!("{store}: save nothing"), sidecar.save_state(store, vec![]).await);
    log.say(format!("{store}: delete"), sidecar.delete_state(store, delete("k", None)).await);
    log.say(format!("{store}: delete again"), sidecar.delete_state(store, delete("k", None)).await);
    log.say(format!("{store}: get of what was deleted"), value(sidecar, store, "k").await);
}

async fn etags(sidecar: &dyn Sidecar, log: &mut Log, store: &str) {
    let save = async |set: Set| sidecar.save_state(store, vec![set]).await;
    log.say(format!("{store}: save e"), save(set("e", "1")).await);
    let current = etag(sidecar, store, "e").await;
    log.say(format!("{store}: save with the current ETag"), save(with_etag("e", "2", &current)).await);
    log.say(format!("{store}: save with an old ETag"), save(with_etag("e", "3", &current)).await);
    log.say(format!("{store}: save with an ETag of another store"), save(with_etag("e", "3", "no-etag")).await);
    log.say(format!("{store}: save with an empty ETag"), save(with_etag("e", "4", "")).await);
    log.say(format!("{store}: what is left"), value(sidecar, store, "e").await);
    log.say(format!("{store}: save of a new key with an ETag"), save(with_etag("new", "3", &current)).await);
    log.say(format!("{store}: first write over a value"), save(first_write("e", "5")).await);
    log.say(format!("{store}: first write of a new key"), save(first_write("first", "5")).await);
    let two = vec![with_etag("e", "6", &current), set("beside", "7")];
    log.say(format!("{store}: save of two, one with an old ETag"), sidecar.save_state(store, two).await);
    log.say(
        format!("{store}: delete with an old ETag"),
        sidecar.delete_state(store, delete("e", Some(&current))).await,
    );
    log.say(
        format!("{store}: delete with no ETag of the store"),
        sidecar.delete_state(store, delete("e", Some("x"))).await,
    );
    log.say(
        format!("{store}: delete of nothing with an ETag"),
        sidecar.delete_state(store, delete("none", Some(&current))).await,
    );
    let current = etag(sidecar, store, "e").await;
    log.say(
        format!("{store}: delete with the current ETag"),
        sidecar.delete_state(store, delete("e", Some(&current))).await,
    );
}

async fn times_to_live(sidecar: &dyn Sidecar, log: &mut Log, store: &str) {
    for ttl in ["1000", "0", "-1", "-2", "soon", "", "1.5"] {
        let save = sidecar.save_state(store, vec![with_ttl("t", ttl)]).await;
        log.say(format!("{store}: save with ttl `{ttl}`"), save);
        log.say(format!("{store}: expires after ttl `{ttl}`"), expires(sidecar, store, "t").await);
    }
    log.say(format!("{store}: save with a ttl again"), sidecar.save_state(store, vec![with_ttl("t", "1000")]).await);
    log.say(format!("{store}: save without"), sidecar.save_state(store, vec![set("t", "v")]).await);
    log.say(format!("{store}: a later save removes the ttl"), expires(sidecar, store, "t").await);
}

async fn bulk(sidecar: &dyn Sidecar, log: &mut Log, store: &str) {
    let many = (0..5).map(|n| set(&format!("b{n}"), format!("{n}"))).collect();
    log.say(format!("{store}: save of five"), sidecar.save_state(store, many).await);
    for keys in [vec!["b3", "nothing", "b1"], vec![], vec!["b1", "b1"]] {
        let get =
            BulkGet { keys: keys.iter().map(|key| (*key).to_owned()).collect(), parallelism: 2, ..BulkGet::default() };
        let read = sidecar.get_bulk_state(store, get).await.map(|items| {
            items
                .into_iter()
                .map(|bulk| (bulk.key, bulk.item.map(|item| item.map(|item| item.value))))
                .collect::<Vec<_>>()
        });
        log.say(format!("{store}: get of {keys:?}"), read);
    }
}

async fn transactions(sidecar: &dyn Sidecar, log: &mut Log, store: &str) {
    let run = async |operations: Vec<Operation>| {
        sidecar.execute_state_transaction(store, Transaction { operations, metadata: Metadata::new() }).await
    };
    let upsert = |set: Set| Operation::Upsert(set);
    let remove = |key: &str, etag: Option<&str>| Operation::Delete(delete(key, etag));
    log.say(format!("{store}: transaction of nothing"), run(vec![]).await);
    log.say(
        format!("{store}: transaction"),
        run(vec![upsert(set("x", "1")), upsert(set("y", "2")), remove("b1", None)]).await,
    );
    log.say(format!("{store}: transaction's x"), value(sidecar, store, "x").await);
    log.say(format!("{store}: transaction's b1"), value(sidecar, store, "b1").await);
    let old = etag(sidecar, store, "x").await;
    log.say(format!("{store}: save x"), sidecar.save_state(store, vec![set("x", "3")]).await);
    log.say(
        format!("{store}: transaction with an old ETag"),
        run(vec![upsert(set("y", "9")), upsert(with_etag("x", "9", &old))]).await,
    );
    log.say(format!("{store}: transaction that deletes with an old ETag"), run(vec![remove("x", Some(&old))]).await);
    log.say(format!("{store}: y is as it was"), value(sidecar, store, "y").await);
    log.say(format!("{store}: transaction with a bad ttl"), run(vec![upsert(with_ttl("x", "soon"))]).await);
    log.say(format!("{store}: transaction with a ttl"), run(vec![upsert(with_ttl("x", "1000"))]).await);
    log.say(format!("{store}: transaction's ttl"), expires(sidecar, store, "x").await);
    log.say(
        format!("{store}: same key twice"),
        run(vec![upsert(set("x", "1")), remove("x", None), upsert(set("x", "2"))]).await,
    );
    log.say(format!("{store}: the last one holds"), value(sidecar, store, "x").await);
    log.say(format!("{store}: transaction on an illegal key"), run(vec![upsert(set("a||b", "1"))]).await);
}

async fn keys(sidecar: &dyn Sidecar, log: &mut Log, store: &str) {
    log.say(format!("{store}: get of an illegal key"), value(sidecar, store, "a||b").await);
    log.say(format!("{store}: save of an illegal key"), sidecar.save_state(store, vec![set("a||b", "1")]).await);
    log.say(format!("{store}: delete of an illegal key"), sidecar.delete_state(store, delete("a||b", None)).await);
    let get = BulkGet { keys: vec!["a||b".into()], ..BulkGet::default() };
    log.say(format!("{store}: bulk get of an illegal key"), sidecar.get_bulk_state(store, get).await);
    for key in ["", "sl/ash", "sp ace", "%41", "ümlaut", "a|b", "\"quoted\"", "line\nbreak"] {
        log.say(format!("{store}: save of key {key:?}"), sidecar.save_state(store, vec![set(key, "1")]).await);
        log.say(format!("{store}: get of key {key:?}"), value(sidecar, store, key).await);
    }
    let query = Query { query: r#"{"filter":{}}"#.into(), ..Query::default() };
    log.say(format!("{store}: query"), sidecar.query_state(store, query).await);
}

/// A store that isn't there.
pub(super) async fn without_a_store(sidecar: &dyn Sidecar, log: &mut Log) {
    let store = "nostore";
    log.say("get of no store", value(sidecar, store, "k").await);
    log.say(
        "bulk get of no store",
        sidecar.get_bulk_state(store, BulkGet { keys: vec!["k".into()], ..BulkGet::default() }).await,
    );
    log.say("bulk get of nothing of no store", sidecar.get_bulk_state(store, BulkGet::default()).await);
    log.say("save to no store", sidecar.save_state(store, vec![set("k", "v")]).await);
    log.say("save of nothing to no store", sidecar.save_state(store, vec![]).await);
    log.say("delete from no store", sidecar.delete_state(store, delete("k", None)).await);
    let operations = vec![Operation::Upsert(set("k", "v"))];
    let transaction = Transaction { operations, metadata: Metadata::new() };
    log.say("transaction on no store", sidecar.execute_state_transaction(store, transaction).await);
    log.say("empty transaction on no store", sidecar.execute_state_transaction(store, Transaction::default()).await);
    log.say("query of no store", sidecar.query_state(store, Query { query: "{}".into(), ..Query::default() }).await);
    log.say("get of the empty name", value(sidecar, "", "k").await);
}
