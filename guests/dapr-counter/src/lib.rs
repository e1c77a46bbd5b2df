//! Dapr: counts requests by their path in the state store `statestore`, and loses none when two come at once.

use pillion_sdk::http::{self, Request, Response};
use pillion_sdk::state::{Entry, Store};

/// Another writer can come first so often before the caller is asked to come again.
const TRIES: usize = 20;
/// What the state API answers whose key another writer changed.
const CONFLICT: u16 = 409;

struct Counter;

http::export!(Counter);

impl http::Handler for Counter {
    fn handle(request: Request) -> Result<Response, String> {
        let store = Store::open("statestore");
        let key = request.route().trim_start_matches('/');
        for _ in 0..TRIES {
            let item = store.get(key).map_err(pillion_sdk::text)?;
            let count = item.as_ref().map_or(Ok(0), |item| read(&item.value))? + 1;
            match store.write(Entry::new(key, count.to_string()).unchanged_since(item.as_ref())) {
                Ok(()) => return Ok(http::text(200, count.to_string())),
                Err(error) if error.status == CONFLICT => {}
                Err(error) => return Err(pillion_sdk::text(error)),
            }
        }
        Ok(http::text(503, "too many writers"))
    }
}

fn read(value: &[u8]) -> Result<u64, String> {
    let text = std::str::from_utf8(value).map_err(|_| "the count is no text")?;
    text.parse().map_err(|_| format!("the count is `{text}`"))
}
