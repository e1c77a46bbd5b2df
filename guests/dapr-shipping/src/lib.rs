//! Dapr: takes the orders of a topic and keeps each in the state store `statestore` under `order-<id of the event>`.

use pillion_sdk::state::Store;
use pillion_sdk::topic::{self, TopicEvent, TopicStatus};

struct Shipping;

topic::export!(Shipping);

impl topic::Handler for Shipping {
    fn handle(event: TopicEvent) -> Result<TopicStatus, String> {
        if event.data.is_empty() {
            return Ok(TopicStatus::Drop);
        }
        let store = Store::open("statestore");
        store.set(&format!("order-{}", event.id), event.data.as_slice()).map_err(pillion_sdk::text)?;
        store.set("last-order", event.data).map_err(pillion_sdk::text)?;
        Ok(TopicStatus::Success)
    }
}
