//! Dapr: greets whom a request's body names.

use pillion_sdk::http::{self, Request, Response};

struct Hello;

http::export!(Hello);

impl http::Handler for Hello {
    fn handle(request: Request) -> Result<Response, String> {
        let name = String::from_utf8_lossy(&request.body);
        Ok(http::text(200, format!("hello {}", if name.is_empty() { "world" } else { &name })))
    }
}
