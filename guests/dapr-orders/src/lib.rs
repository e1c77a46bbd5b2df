//! Dapr: takes orders over HTTP and publishes each to the topic `orders` of `pubsub`.

use pillion_sdk::http::{self, Request, Response};
use pillion_sdk::pubsub;

struct Orders;

http::export!(Orders);

impl http::Handler for Orders {
    fn handle(request: Request) -> Result<Response, String> {
        if request.method != "POST" {
            return Ok(http::text(405, "POST an order"));
        }
        match pubsub::publish_json("pubsub", "orders", request.body) {
            Ok(()) => Ok(http::text(202, "published")),
            Err(error) => Ok(http::text(error.status, pillion_sdk::text(error))),
        }
    }
}
