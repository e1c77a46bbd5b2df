//! What stands before the API: after the token, before the route.

use super::*;
use async_trait::async_trait;
use http::{HeaderValue, Response, Uri};
use pillion_api::{Code, Error, Middleware, Result, middleware::Next};

/// Sends a request elsewhere by its header `to`, and fails where it is `fail`.
struct Turn;

#[async_trait]
impl Middleware for Turn {
    async fn handle(&self, mut request: Request<Body>, next: Next) -> Result<Response<Body>> {
        let to = request.headers_mut().remove("to");
        match to.as_ref().and_then(|to| to.to_str().ok()) {
            Some("fail") => return Err(Error::new(Code::GuestTrap, "guest `turn` trapped")),
            Some(to) => *request.uri_mut() = to.parse::<Uri>().expect("a URI"),
            None => {}
        }
        let mut response = next(request).await?;
        response.headers_mut().insert("turned", HeaderValue::from_static("1"));
        Ok(response)
    }
}

#[tokio::test]
async fn a_request_is_read_as_the_last_handler_leaves_it() {
    let api = Api::made(None, Pipeline::new(vec![Arc::new(Turn)]));
    for (line, headers, status, asked) in [
        ("GET /v1.0/state/store/k1", &[][..], 200, &["get k1 Unspecified {}"][..]),
        ("GET /elsewhere", &[("to", "/v1.0/state/store/k1")], 200, &["get k1 Unspecified {}"]),
        ("GET /v1.0/state/store/k1", &[("to", "/v1.0/state/store/../k1")], 400, &[]),
        ("GET /v1.0/healthz/outbound", &[], 500, &[]),
    ] {
        let answer = api.ask(Ask(line, headers, "")).await;
        assert_eq!(answer.status, status, "{line}: {}", answer.body);
        assert_eq!(answer.headers["turned"], "1", "{line}");
        let seen: Vec<String> = api.fake.asked();
        assert_eq!(seen.len(), asked.len(), "{line}: {seen:?}");
        assert!(seen.iter().zip(asked).all(|(seen, asked)| seen.starts_with(&asked[..6])), "{line}: {seen:?}");
    }
}

#[tokio::test]
async fn a_handler_that_fails_answers_as_the_api_does() {
    let api = Api::made(None, Pipeline::new(vec![Arc::new(Turn)]));
    let answer = api.ask(Ask("GET /v1.0/state/store/k1", &[("to", "fail")], "")).await;
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains("guest `turn` trapped"), "{}", answer.body);
    assert!(api.fake.asked().is_empty());
}

#[tokio::test]
async fn who_has_no_token_meets_no_handler() {
    let api = Api::made(ApiToken::new("s3cr3t"), Pipeline::new(vec![Arc::new(Turn)]));
    let answer = api.ask(Ask("GET /v1.0/state/store/k1", &[], "")).await;
    assert_eq!(answer.status, 401);
    assert!(!answer.headers.contains_key("turned"));
}
