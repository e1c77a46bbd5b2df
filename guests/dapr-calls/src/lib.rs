//! Dapr: reads a key as often as its path says, and takes messages without a word: what a call of the host and an event cost.

use pillion_sdk::http::{self, Request, Response};
use pillion_sdk::state::Store;
use pillion_sdk::topic::{self, TopicEvent, TopicStatus};

struct Calls;

http::export!(Calls);
topic::export!(Calls);

impl http::Handler for Calls {
    fn handle(request: Request) -> Result<Response, String> {
        let count: u32 = request.route().trim_start_matches("/gets/").parse().map_err(|_| "/gets/COUNT")?;
        let store = Store::open("statestore");
        let mut bytes = 0;
        for _ in 0..count {
            bytes += store.get("k").map_err(pillion_sdk::text)?.map_or(0, |item| item.value.len());
        }
        Ok(http::text(200, bytes.to_string()))
    }
}

impl topic::Handler for Calls {
    fn handle(event: TopicEvent) -> Result<TopicStatus, String> {
        Ok(if event.data.is_empty() { TopicStatus::Drop } else { TopicStatus::Success })
    }
}
