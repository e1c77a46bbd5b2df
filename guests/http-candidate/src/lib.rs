//! Http of the release candidate 2026-03-15 of WASI 0.3: `/call` asks the URL in header `x-url`, `/sql` runs its body's lines; other
//! paths answer with their name after a wait, and then the request's body as it comes.

mod sql;

use wasip3_candidate::exports::http::handler::Guest;
use wasip3_candidate::http::client;
use wasip3_candidate::http::types::{ErrorCode, Fields, Request, Response, Scheme};
use wasip3_candidate::wit_bindgen::StreamReader;
use wasip3_candidate::{clocks, wit_future, wit_stream};

struct Candidate;

wasip3_candidate::http::service::export!(Candidate);

impl Guest for Candidate {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        if path == "/call" {
            return call(&request).await;
        }
        clocks::monotonic_clock::wait_for(1).await;
        let (body, _) = Request::consume_body(request, wit_future::new(|| Ok(())).1);
        if path == "/sql" {
            return Ok(respond(sql::run(&body.collect().await).await, None));
        }
        Ok(respond(format!("{path}\n"), Some(body)))
    }
}

/// Answers with a text, and what comes after it.
fn respond(text: String, then: Option<StreamReader<u8>>) -> Response {
    let (mut writer, reader) = wit_stream::new();
    wasip3_candidate::spawn(async move {
        writer.write_all(text.into_bytes()).await;
        if let Some(then) = then {
            writer.write_all(then.collect().await).await;
        }
    });
    Response::new(Fields::new(), Some(reader), wit_future::new(|| Ok(None)).1).0
}

async fn call(request: &Request) -> Result<Response, ErrorCode> {
    let values = request.get_headers().get("x-url");
    let url = String::from_utf8(values.first().cloned().unwrap_or_default()).unwrap_or_default();
    let (authority, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).unwrap_or_default();
    let asked = Request::new(Fields::new(), None, wit_future::new(|| Ok(None)).1, None).0;
    asked.set_scheme(Some(&Scheme::Http)).expect("a scheme");
    asked.set_authority(Some(authority)).expect("an authority");
    asked.set_path_with_query(Some(&format!("/{path}"))).expect("a path");
    let status = match client::send(asked).await {
        Ok(response) => response.get_status_code().to_string(),
        Err(code) => format!("{code:?}"),
    };
    Ok(respond(format!("{status}\n"), None))
}
