//! daprd's HTTP API: for what gRPC can't do as well, and what its answers mean.

use super::{
    Daprd,
    connect::BackOff,
    invoke::drop_addresses,
    status::{self, Call},
};
use crate::{headers, http_client};
use ::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pillion_api::{Body, Code, Error, Metadata, Result, body, error::Details, scope};
use serde::Deserialize;
use tokio::time::Instant;

/// An answer with an error is read up to here, in bytes; daprd's own are a few lines.
pub(super) const MAX_ERROR: u64 = 64 * 1024;
/// What of a part of a path stays as it is (RFC 3986, 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The body of daprd's errors.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DaprError {
    pub(super) error_code: String,
    #[serde(default)]
    pub(super) message: String,
    #[serde(default)]
    details: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(default, rename = "@type")]
    kind: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    resource_type: String,
    #[serde(default)]
    resource_name: String,
}

impl DaprError {
    /// The error of an answer; `failed` where the code is none of the table.
    pub(super) fn error(self, status: StatusCode, failed: Code) -> Error {
        let named = || Code::ALL.iter().copied().filter(|code| code.name() == self.error_code);
        let code = named().find(|code| code.http() == status.as_u16()).or_else(|| named().next()).unwrap_or(failed);
        let of = |name: &str| self.details.iter().find(|detail| detail.kind.ends_with(name));
        let resource = of("google.rpc.ResourceInfo")
            .map(|detail| (detail.resource_type.clone().into(), detail.resource_name.clone()));
        let info = of("google.rpc.ErrorInfo").map(|detail| Details {
            reason: detail.reason.clone().into(),
            metadata: detail.metadata.clone().unwrap_or_default(),
            resource,
        });
        let error = Error::new(code, self.message);
        info.into_iter().fold(error, Error::details)
    }
}

impl Daprd {
    /// Sends a request to a path of the HTTP API and answers as soon as the answer's head is there.
    pub(super) async fn send(&self, segments: &[&str], mut request: Request<Body>) -> Result<Response<Body>> {
        // daprd would clean such a path, and take it for another one.
        if segments.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
            return Err(Error::new(Code::BadRequest, "a name is empty, `.` or `..`: it can't be a part of a path"));
        }
        let segments: Vec<String> =
            segments.iter().map(|segment| utf8_percent_encode(segment, SEGMENT).to_string()).collect();
        self.send_to(&format!("/{}", segments.join("/")), &mut request)?;
        self.http.send(request).await
    }

    /// Makes a request one to daprd: its URL, its token, its trace.
    pub(super) fn send_to(&self, path_and_query: &str, request: &mut Request<Body>) -> Result<()> {
        let bad = |error: ::http::Error| Error::new(Code::RequestRefused, format!("the path is refused: {error}"));
        *request.uri_mut() = http_client::join(&self.config.http, path_and_query).map_err(bad)?;
        *request.version_mut() = ::http::Version::HTTP_11;
        let headers = request.headers_mut();
        headers.remove(header::HOST);
        if let Some((_, token)) = &self.token {
            headers.insert("dapr-api-token", token.clone());
        }
        if !headers.contains_key("traceparent")
            && let Some(trace) = scope::current().and_then(|scope| HeaderValue::try_from(scope.trace.to_string()).ok())
        {
            headers.insert("traceparent", trace);
        }
        Ok(())
    }

    /// Asks with a small body and reads the whole answer, within the time of a call. An error status is an `Err`; what no
    /// daprd wrote is `failed`, with the text as it came.
    pub(super) async fn ask(
        &self,
        call: &Call,
        method: Method,
        segments: &[&str],
        headers: &Metadata,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes)> {
        let asking = async {
            let response = self.ask_until_there(call, &method, segments, headers, &body).await?;
            let (status, limit) = (response.status(), self.config.max_message as u64);
            Ok((status, body::collect(response.into_body(), limit).await?))
        };
        let limit = self.config.call_timeout;
        let late = |_| Err(status::late(call.name, limit));
        let (status, answer) = tokio::time::timeout(limit, asking).await.unwrap_or_else(late)?;
        match status {
            status if status.is_success() => Ok((status, answer)),
            StatusCode::UNAUTHORIZED if answer.starts_with(b"invalid api token") => {
                Err(status::denied("invalid api token"))
            }
            status => Err(refusal(call, status, &answer)),
        }
    }

    /// Again while nobody listens: what was sent then reached nobody.
    async fn ask_until_there(
        &self,
        call: &Call,
        method: &Method,
        segments: &[&str],
        headers: &Metadata,
        body: &Bytes,
    ) -> Result<Response<Body>> {
        let began = Instant::now();
        let mut pauses = BackOff::new();
        loop {
            let mut request = Request::new(body::full(body.clone()));
            *request.method_mut() = method.clone();
            for (name, value) in headers {
                if let (Ok(name), Ok(value)) = (name.parse::<::http::HeaderName>(), HeaderValue::from_str(value)) {
                    request.headers_mut().insert(name, value);
                }
            }
            only_headers(request.headers_mut());
            let error = match self.send(segments, request).await {
                Ok(response) => return Ok(response),
                Err(error) if error.code() != Code::BadGateway => return Err(error),
                Err(error) => error,
            };
            let pause = pauses.next();
            if !http_client::not_reached(&error) || began.elapsed() + pause > self.config.patience {
                return Err(status::unavailable(call.name, error.message()));
            }
            tokio::time::sleep(pause).await;
        }
    }
}

/// Metadata that would say how the request is framed, or whom it is for, stay behind.
fn only_headers(headers: &mut HeaderMap) {
    headers::prepare_request(headers);
    drop_addresses(headers);
    for name in [header::CONTENT_LENGTH, header::HOST, header::EXPECT] {
        headers.remove(name);
    }
}

fn refusal(call: &Call, status: StatusCode, answer: &[u8]) -> Error {
    match serde_json::from_slice::<DaprError>(answer) {
        Ok(error) => error.error(status, call.failed),
        Err(_) => {
            let text = String::from_utf8_lossy(&answer[..answer.len().min(MAX_ERROR as usize)]).into_owned();
            Error::new(call.failed, if text.is_empty() { format!("the answer was {status}") } else { text })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn daprds_body_becomes_the_error_that_it_came_from() {
        let body = r#"{"errorCode":"ERR_STATE_STORE_NOT_FOUND","message":"state store nostore is not found","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io","metadata":{"appID":"app1"},"reason":"DAPR_STATE_NOT_FOUND"}]}"#;
        let error =
            serde_json::from_str::<DaprError>(body).expect("JSON").error(StatusCode::BAD_REQUEST, Code::StateGet);
        assert_eq!(error.code(), Code::StateStoreNotFound);
        assert_eq!(error.given_details().expect("details").metadata["appID"], "app1");
    }

    #[test]
    fn metadata_say_neither_how_long_nor_for_whom() {
        let mut headers = HeaderMap::new();
        for name in ["content-length", "transfer-encoding", "dapr-app-id", "dapr-api-token", "host", "x-mine"] {
            headers.insert(name, HeaderValue::from_static("7"));
        }
        only_headers(&mut headers);
        assert_eq!(headers.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["x-mine"]);
    }

    #[test]
    fn an_unknown_code_is_the_calls_own_failure() {
        let body = r#"{"errorCode":"ERR_NEW","message":"m"}"#;
        let error =
            serde_json::from_str::<DaprError>(body).expect("JSON").error(StatusCode::IM_A_TEAPOT, Code::StateGet);
        assert_eq!((error.code(), error.message()), (Code::StateGet, "m"));
    }
}
