//! Invocation through daprd's HTTP API, streaming both ways.

use super::{
    Daprd,
    http::{DaprError, MAX_ERROR},
    status,
};
use crate::{headers, hops};
use ::http::{HeaderMap, Response, StatusCode, header};
use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::percent_decode_str;
use pillion_api::{Body, Code, Error, Invocation, Result, Target, body};

/// How daprd begins the body of an invocation that failed before the app answered.
const OWN_ERROR: &[u8] = br#"{"errorCode":"ERR_DIRECT_INVOKE""#;

impl Daprd {
    pub(super) async fn call_app(&self, invocation: Invocation) -> Result<Response<Body>> {
        let Invocation { target: Target::App(id) | Target::Endpoint(id), mut request } = invocation;
        let hops = hops::of_request(request.headers());
        if hops >= hops::MAX {
            return Err(hops::circle(&id));
        }
        headers::prepare_request(request.headers_mut());
        drop_addresses(request.headers_mut());
        hops::stamp(request.headers_mut(), hops + 1);
        check_twice(request.uri().path())?;
        let below = request.uri().path_and_query().map_or("/", |path| path.as_str());
        // Every byte of the id is encoded: none can hold `/method/` and name another app's path, and Go keeps a path as it
        // came only where its encoding is not Go's own.
        let id_in_path: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("/v1.0/invoke/{id_in_path}/method/{}", below.trim_start_matches('/'));
        self.send_to(&path, &mut request)?;
        let sent = self.http.send(request).await;
        let response = sent.map_err(|error| match error.code() {
            Code::BadGateway => status::unavailable(&format!("invoke `{id}`"), error.message()),
            _ => error,
        })?;
        own_error(response).await
    }
}

/// daprd may decode a path once more before it hands it on: what it would read then must lead no further.
fn check_twice(path: &str) -> Result<()> {
    let decoded = |path: &str| percent_decode_str(path).decode_utf8_lossy().into_owned();
    let once = decoded(path);
    let twice = decoded(&once);
    let slashes = |path: &str| path.matches(['/', '\\']).count();
    let dots = |path: &str| path.split(['/', '\\']).filter(|part| matches!(*part, "." | "..")).count();
    if dots(&twice) != dots(&once) || slashes(&twice) != slashes(&once) {
        let message = format!("the path `{once}` is another one when it is decoded twice");
        return Err(Error::new(Code::RequestRefused, message));
    }
    Ok(())
}

/// `dapr-app-id:` in base64 is so many letters, of which none is shared with what comes behind.
const ADDRESS_LETTERS: usize = 16;

/// Besides the path, daprd reads the called app from basic auth of the user `dapr-app-id`: who is called is decided and
/// checked before, and not by the caller's headers.
pub(super) fn drop_addresses(headers: &mut HeaderMap) {
    // Only the beginning is decoded: Go takes an end that this decoder refuses.
    let names_an_app = |value: &::http::HeaderValue| {
        let encoded = value.as_bytes().strip_prefix(b"Basic ").and_then(|encoded| encoded.get(..ADDRESS_LETTERS));
        let user = encoded.and_then(|encoded| BASE64_STANDARD.decode(encoded).ok());
        user.is_some_and(|user| user.eq_ignore_ascii_case(b"dapr-app-id:"))
    };
    if headers.get_all(header::AUTHORIZATION).iter().any(names_an_app) {
        headers.remove(header::AUTHORIZATION);
    }
}

/// Tells an app's answer from daprd's own: only the body does.
async fn own_error(response: Response<Body>) -> Result<Response<Body>> {
    let status = response.status();
    let may_be = matches!(
        status,
        StatusCode::INTERNAL_SERVER_ERROR | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED
    );
    let length = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length = length.and_then(|text| text.parse::<u64>().ok());
    // daprd knows the length of what it writes itself.
    if !may_be || length.is_none_or(|length| length > MAX_ERROR) {
        return Ok(response);
    }
    let (parts, answer) = response.into_parts();
    let answer = body::collect(answer, MAX_ERROR).await?;
    if status == StatusCode::UNAUTHORIZED && answer.trim_ascii() == b"invalid api token" {
        return Err(status::denied("invalid api token"));
    }
    if answer.starts_with(OWN_ERROR)
        && let Ok(error) = serde_json::from_slice::<DaprError>(&answer)
    {
        return Err(direct(status, error));
    }
    Ok(Response::from_parts(parts, body::full(answer)))
}

fn direct(status: StatusCode, error: DaprError) -> Error {
    error.error(status, Code::DirectInvoke)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leads_elsewhere_when_it_is_decoded_twice_is_refused() {
        for (path, good) in [
            ("/public/%252e%252e/admin", false),
            ("/public/%252E./admin", false),
            ("/public%252fadmin", false),
            ("/a%255cb", false),
            ("/a%2Fb/100%25", true),
            ("/public/%253F", true),
        ] {
            assert_eq!(check_twice(path).is_ok(), good, "{path}");
        }
    }

    #[test]
    fn a_callers_header_cannot_name_another_app() {
        for (value, kept) in [("dapr-app-id:admin", false), ("DAPR-App-Id:admin", false), ("user:word", true)] {
            let mut headers = HeaderMap::new();
            let value = format!("Basic {}", BASE64_STANDARD.encode(value));
            headers.insert(header::AUTHORIZATION, value.parse().expect("a value"));
            drop_addresses(&mut headers);
            assert_eq!(headers.contains_key(header::AUTHORIZATION), kept, "{value}");
        }
        // An end with bits that mean nothing: Go reads `dapr-app-id:x` all the same.
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, "Basic ZGFwci1hcHAtaWQ6eB==".parse().expect("a value"));
        drop_addresses(&mut headers);
        assert!(headers.is_empty());
    }

    async fn of(status: u16, text: &'static str) -> Result<String> {
        let response = Response::builder().status(status).header("content-length", text.len());
        let response = own_error(response.body(body::full(text)).expect("a response")).await?;
        let bytes = body::collect(response.into_body(), 1000).await?;
        Ok(String::from_utf8(bytes.to_vec()).expect("text"))
    }

    #[tokio::test]
    async fn an_apps_error_is_an_answer_and_daprds_is_an_error() {
        assert_eq!(of(500, "broken").await.expect("the app's"), "broken");
        assert_eq!(of(404, r#"{"errorCode":"ERR_MINE"}"#).await.expect("the app's"), r#"{"errorCode":"ERR_MINE"}"#);
        let text = r#"{"errorCode":"ERR_DIRECT_INVOKE","message":"failed to invoke, id: x, err: y"}"#;
        let error = of(500, text).await.expect_err("daprd's");
        assert_eq!((error.code(), error.message()), (Code::DirectInvoke, "failed to invoke, id: x, err: y"));
        assert_eq!(of(403, text).await.expect_err("daprd's").code(), Code::DirectInvokeDenied);
        assert_eq!(of(401, "invalid api token").await.expect_err("daprd's").code(), Code::SidecarDenied);
    }
}
