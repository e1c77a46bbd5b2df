//! wasi:keyvalue 0.2.0-draft2.

use crate::wasi::keyvalue0_2_0_draft2::{atomics, batch, store};
use crate::{said, shown, unknown, value};

#[derive(Default)]
pub struct Opened {
    bucket: Option<store::Bucket>,
    cas: Option<atomics::Cas>,
}

impl Opened {
    pub fn run(&mut self, call: &[&str]) -> String {
        if let ["open", name] = call {
            return said(store::open(name).map(|bucket| self.bucket = Some(bucket)));
        }
        let Some(bucket) = &self.bucket else { return "nothing is open".into() };
        match call {
            ["get", key] => said(bucket.get(key).map(|value| value.map(|value| shown(&value)))),
            ["set", key, word] => said(bucket.set(key, &value(word))),
            ["keys"] => said(bucket.list_keys(None)),
            ["increment", key, delta] => said(atomics::increment(bucket, key, delta.parse().unwrap_or(0))),
            ["get-many", keys @ ..] => {
                let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
                said(batch::get_many(bucket, &keys).map(|found| {
                    let pair = |(key, value): (String, Option<Vec<u8>>)| (key, value.map(|value| shown(&value)));
                    found.into_iter().map(pair).collect::<Vec<_>>()
                }))
            }
            ["cas", key] => said(atomics::Cas::new(bucket, key).map(|cas| self.cas = Some(cas))),
            ["current"] => match &self.cas {
                Some(cas) => said(cas.current().map(|value| value.map(|value| shown(&value)))),
                None => "no cas".into(),
            },
            ["swap", word] => match self.cas.take() {
                Some(cas) => match atomics::swap(cas, &value(word)) {
                    Ok(()) => "()".into(),
                    Err(atomics::CasError::CasFailed(again)) => {
                        let now = again.current().map(|value| value.map(|value| shown(&value)));
                        self.cas = Some(again);
                        format!("failed, now {now:?}")
                    }
                    Err(atomics::CasError::StoreError(error)) => format!("{error:?}"),
                },
                None => "no cas".into(),
            },
            _ => unknown(call),
        }
    }
}
