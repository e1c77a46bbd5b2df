//! Spin's key-value stores and variables.

use crate::fermyon::spin::{key_value, variables};
use crate::{said, shown, unknown, value};

#[derive(Default)]
pub struct Opened(Option<key_value::Store>);

impl Opened {
    pub fn run(&mut self, call: &[&str]) -> String {
        match call {
            ["open", label] => return said(key_value::Store::open(label).map(|store| self.0 = Some(store))),
            ["variable", name] => return said(variables::get(name)),
            _ => {}
        }
        let Some(store) = &self.0 else { return "nothing is open".into() };
        match call {
            ["get", key] => said(store.get(key).map(|value| value.map(|value| shown(&value)))),
            ["set", key, word] => said(store.set(key, &value(word))),
            ["delete", key] => said(store.delete(key)),
            ["exists", key] => said(store.exists(key)),
            ["keys"] => said(store.get_keys()),
            _ => unknown(call),
        }
    }
}
