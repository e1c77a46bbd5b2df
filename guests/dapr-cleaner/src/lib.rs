//! Dapr: deletes what is old when an input binding says that it is night, a line of `old-carts` for each key, and notes jobs.

use pillion_sdk::binding::{self, BindingEvent, Reply};
use pillion_sdk::job::{self, JobEvent};
use pillion_sdk::state::{self, Operation, Removal, Store, WriteOptions};

const STORE: &str = "statestore";
/// The key whose lines are the keys of old carts.
const LIST: &str = "old-carts";

struct Cleaner;

binding::export!(Cleaner);
job::export!(Cleaner);

impl binding::Handler for Cleaner {
    fn handle(_: BindingEvent) -> Result<Option<Reply>, String> {
        let list = Store::open(STORE).get(LIST).map_err(pillion_sdk::text)?;
        let list = list.map(|item| String::from_utf8_lossy(&item.value).into_owned()).unwrap_or_default();
        let keys: Vec<&str> = list.split_whitespace().collect();
        if !keys.is_empty() {
            let removal =
                |key: &str| Operation::Delete(Removal { key: key.to_owned(), options: WriteOptions::default() });
            let operations: Vec<Operation> = keys.iter().copied().chain([LIST]).map(removal).collect();
            state::transact(STORE, &operations, &[]).map_err(pillion_sdk::text)?;
        }
        Ok(Some(Reply { data: format!("cleaned {}", keys.len()).into_bytes(), to: Vec::new(), parallel: false }))
    }
}

impl job::Handler for Cleaner {
    fn handle(event: JobEvent) -> Result<(), String> {
        Store::open(STORE).set(&format!("done-{}", event.name), event.data).map_err(pillion_sdk::text)
    }
}
