//! wasi:keyvalue 0.2.0-draft.

use crate::wasi::keyvalue0_2_0_draft::{atomics, batch, store};
use crate::{said, shown, unknown, value};

#[derive(Default)]
pub struct Opened(Option<store::Bucket>, Vec<store::Bucket>);

impl Opened {
    pub fn run(&mut self, call: &[&str]) -> String {
        if let ["open", name] = call {
            return said(store::open(name).map(|bucket| self.0 = Some(bucket)));
        }
        if let ["flood", count] = call {
            for _ in 0..count.parse::<u32>().unwrap_or(0) {
                self.1.extend(store::open("one"));
            }
            return self.1.len().to_string();
        }
        let Some(bucket) = &self.0 else { return "nothing is open".into() };
        match call {
            ["get", key] => said(bucket.get(key).map(|value| value.map(|value| shown(&value)))),
            ["set", key, word] => said(bucket.set(key, &value(word))),
            ["delete", key] => said(bucket.delete(key)),
            ["exists", key] => said(bucket.exists(key)),
            ["keys"] => said(bucket.list_keys(None)),
            ["increment", key, delta] => said(atomics::increment(bucket, key, delta.parse().unwrap_or(0))),
            ["get-many", keys @ ..] => {
                let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
                said(batch::get_many(bucket, &keys).map(|found| {
                    found.into_iter().map(|pair| pair.map(|(key, value)| (key, shown(&value)))).collect::<Vec<_>>()
                }))
            }
            ["many-keys", count] => {
                let keys = vec!["k".to_owned(); count.parse().unwrap_or(0)];
                said(batch::get_many(bucket, &keys).map(|found| found.len()))
            }
            ["set-many", keys @ ..] => {
                let pairs: Vec<_> = keys.iter().map(|key| (key.to_string(), b"many".to_vec())).collect();
                said(batch::set_many(bucket, &pairs))
            }
            ["delete-many", keys @ ..] => {
                let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
                said(batch::delete_many(bucket, &keys))
            }
            _ => unknown(call),
        }
    }
}
