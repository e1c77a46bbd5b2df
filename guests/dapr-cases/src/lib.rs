//! Dapr: a guest with every handler that calls every building block, one by one, as the path says; and one that misbehaves.

mod calls;
mod events;
mod hostile;
mod streams;

use pillion_sdk::http::{self, Request, Response};

struct Cases;

http::export!(Cases);

impl http::Handler for Cases {
    fn handle(request: Request) -> Result<Response, String> {
        let path = request.route().trim_start_matches('/').to_owned();
        match path.split_once('/') {
            Some(("call", call)) => Ok(said(calls::call(call))),
            Some(("stream", what)) => Ok(said(streams::run(what))),
            Some(("hostile", what)) => Ok(said(hostile::run(what))),
            Some(("fail", why)) => Err(why.to_owned()),
            Some(("status", status)) => Ok(http::text(status.parse().unwrap_or(0), "as asked")),
            _ => Ok(http::json(200, request.body)),
        }
    }
}

/// An answer as text; an error as its parts, so that a test sees each.
fn said(result: pillion_sdk::Result<String>) -> Response {
    http::text(
        200,
        result.unwrap_or_else(|error| {
            let pillion_sdk::Error { code, message, hint, status, retryable } = error;
            format!("error {code} {status} retryable={retryable} {message} hint={}", hint.unwrap_or_default())
        }),
    )
}
