//! What a guest can ask for that no host should give.

use pillion_sdk::bindings::service::pillion::dapr::types::Request;
use pillion_sdk::state::{self, Entry, ReadOptions};
use pillion_sdk::{Result, invocation, pubsub, secrets};

/// Bytes that are over every bound of one call.
const HUGE: usize = 40 << 20;

pub fn run(what: &str) -> Result<String> {
    match what {
        "many-keys" => state::get_bulk("c", &vec![String::new(); 20_000], &[]).map(|items| items.len().to_string()),
        "huge-value" => state::set("c", &[Entry::new("k", vec![0; HUGE])]).map(|()| "done".to_owned()),
        "huge-key" => state::get("c", &"k".repeat(HUGE), &ReadOptions::default()).map(|_| "done".to_owned()),
        "many-secrets" => {
            let mut held = Vec::new();
            loop {
                held.push(secrets::get("c", "k", &[])?);
            }
        }
        "many-calls" => loop {
            state::get("c", "k", &ReadOptions::default())?;
        },
        "endless" => {
            let request = |path: &str| Request {
                method: "GET".into(),
                path: path.into(),
                headers: vec![("pillion-hops".into(), b"0".to_vec())],
                body: Vec::new(),
            };
            invocation::invoke("app", &request("/hostile/endless"))
                .map(|response| String::from_utf8_lossy(&response.body).into_owned())
        }
        "forged-hops" => {
            let hops = [("Pillion-Hops".to_owned(), "0".to_owned())];
            pubsub::publish_with("c", "t", b"again", None, &hops).map(|()| "done".to_owned())
        }
        _ => Ok(format!("no such thing: {what}")),
    }
}
