//! wasmcloud:keyvalue 0.2.

use crate::wasmcloud::keyvalue::types::{Bucket, SetOptions};
use crate::wasmcloud::keyvalue::{atomics, batch, cas, store};
use std::fmt::Debug;

#[derive(Default)]
pub struct Opened(Option<Bucket>);

fn said(result: Result<impl Debug, impl Debug>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{error:?}"),
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| format!("{error}"))
}

fn entry(entry: Option<cas::Entry>) -> String {
    entry.map_or("none".into(), |entry| format!("{} at {}", text(entry.value), entry.version))
}

impl Opened {
    pub async fn run(&mut self, call: &[&str]) -> String {
        if let ["open", name] = call {
            return said(store::open(name.to_string()).await.map(|bucket| self.0 = Some(bucket)));
        }
        let Some(bucket) = &self.0 else { return "nothing is open".into() };
        match call {
            ["get", key] => said(bucket.get(key.to_string()).await.map(|value| value.map(text))),
            ["set", key, word] => said(bucket.set(key.to_string(), word.as_bytes().to_vec(), None).await),
            ["first", key, word] => {
                let options = SetOptions { ttl_ms: None, if_not_exists: true };
                said(bucket.set(key.to_string(), word.as_bytes().to_vec(), Some(options)).await)
            }
            ["expire", key, word, ms] => {
                let options = SetOptions { ttl_ms: ms.parse().ok(), if_not_exists: false };
                said(bucket.set(key.to_string(), word.as_bytes().to_vec(), Some(options)).await)
            }
            ["delete", key] => said(bucket.delete(key.to_string()).await),
            ["exists", key] => said(bucket.exists(key.to_string()).await),
            ["keys", prefix] => said(bucket.list_keys(Some(prefix.to_string()), None).await),
            ["increment", key, delta] => {
                said(atomics::increment(bucket, key.to_string(), delta.parse().unwrap_or(0)).await)
            }
            ["current", key] => said(cas::current(bucket, key.to_string()).await.map(entry)),
            ["swap", key, word, version, value] => swap(bucket, key, word, version, value).await,
            ["get-many", keys @ ..] => {
                let found = batch::get_many(bucket, keys.iter().map(ToString::to_string).collect()).await;
                said(found.map(|all| {
                    all.into_iter().map(|one| one.map(|(key, value)| (key, text(value)))).collect::<Vec<_>>()
                }))
            }
            ["set-many", keys @ ..] => {
                let pairs = keys.iter().map(|key| (key.to_string(), b"many".to_vec())).collect();
                said(batch::set_many(bucket, pairs).await)
            }
            ["delete-many", keys @ ..] => {
                said(batch::delete_many(bucket, keys.iter().map(ToString::to_string).collect()).await)
            }
            _ => format!("no such call: {call:?}"),
        }
    }
}

/// `-` is no condition.
async fn swap(bucket: &Bucket, key: &str, word: &str, version: &str, value: &str) -> String {
    let given = |word: &str| (word != "-").then(|| word.to_owned());
    let options =
        cas::CasOptions { require_version: given(version), require_value: given(value).map(String::into_bytes) };
    match cas::swap(bucket, key.to_owned(), word.as_bytes().to_vec(), options).await {
        Ok(cas::CasResult::Swapped) => "swapped".into(),
        Ok(cas::CasResult::Stale(now)) => format!("stale, now {}", entry(now)),
        Err(error) => format!("{error:?}"),
    }
}
