//! Health, metadata, shutdown and the API token.

use super::*;
use std::sync::atomic::Ordering;

const INVALID: &str = "invalid api token\n";

#[tokio::test]
async fn health_follows_readiness() {
    let api = Api::new();
    let not_ready = r#"{"errorCode":"ERR_HEALTH_NOT_READY","message":"dapr is not ready"}"#;
    let outbound = r#"{"errorCode":"ERR_OUTBOUND_HEALTH_NOT_READY","message":"dapr outbound is not ready"}"#;
    api.check(Ask("GET /v1.0/healthz", &[], ""), 500, not_ready, &[]).await;
    api.check(Ask("GET /v1.0/healthz/outbound", &[], ""), 500, outbound, &[]).await;
    api.context.readiness.outbound.store(true, Ordering::Release);
    api.check(Ask("GET /v1.0/healthz/outbound", &[], ""), 204, "", &[]).await;
    api.check(Ask("GET /v1.0/healthz", &[], ""), 500, not_ready, &[]).await;
    api.context.readiness.healthy.store(true, Ordering::Release);
    api.check(Ask("GET /v1.0/healthz", &[], ""), 204, "", &[]).await;
    api.check(Ask("GET /v1.0/healthz?appid=app1", &[], ""), 204, "", &[]).await;
    let other = r#"{"errorCode":"ERR_HEALTH_APPID_NOT_MATCH","message":"dapr app-id does not match"}"#;
    api.check(Ask("GET /v1.0/healthz?appid=other", &[], ""), 500, other, &[]).await;
}

#[tokio::test]
async fn metadata_is_read_and_written() {
    let api = Api::new();
    let answer = api.ask(Ask("GET /v1.0/metadata", &[], "")).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.starts_with(r#"{"id":"app1","runtimeVersion":"1","#), "{}", answer.body);
    api.check(Ask("PUT /v1.0/metadata/cliPID", &[], "42"), 204, "", &["set cliPID=42"]).await;
}

#[tokio::test]
async fn shutdown_answers_and_then_begins() {
    let api = Api::new();
    api.check(Ask("POST /v1.0/shutdown", &[], ""), 204, "", &[]).await;
    api.check(Ask("POST /v1.0/shutdown", &[("dapr-force-shutdown", "true")], ""), 204, "", &[]).await;
    assert_eq!(*api.ends.lock().expect("no panic"), [ShutdownKind::Graceful, ShutdownKind::Forced]);
}

#[tokio::test]
async fn every_route_but_health_wants_the_token() {
    let api = Api::with_token("right");
    for (line, token, status) in [
        ("GET /v1.0/state/store/zz", None, 401),
        ("GET /v1.0/state/store/zz", Some(""), 401),
        ("GET /v1.0/state/store/zz", Some("wrong"), 401),
        ("GET /v1.0/state/store/zz", Some("righ"), 401),
        ("GET /v1.0/state/store/zz", Some("rightt"), 401),
        ("GET /v1.0/state/store/zz", Some("right"), 204),
        ("GET /v1.0/healthz", None, 500),
        ("GET /v1.0/healthz/", None, 500),
        ("GET //v1.0/healthz", None, 500),
        ("GET /v1.0/healthz/outbound", None, 500),
        ("POST /v1.0/healthz", None, 401),
        ("GET /v1.0/healthz/x", None, 401),
        ("GET /v1.0/healthz%2Foutbound", None, 401),
        ("GET /v1.0/healthz/../state/store/zz", None, 401),
        ("GET /v1.0/healthz/%2e%2e/state/store/zz", None, 401),
        ("GET /v1.0/invoke/x/method/v1.0/healthz", None, 401),
        ("GET /v1.0/state/store/zz?path=/v1.0/healthz", None, 401),
        ("GET /v1.0/metadata", None, 401),
        ("GET /nothing", None, 401),
        ("POST /v1.0/shutdown", None, 401),
    ] {
        let header = token.map(|token| ("dapr-api-token", token));
        let answer = api.ask(Ask(line, header.as_slice(), "")).await;
        assert_eq!(answer.status, status, "{line} {token:?}");
        assert_eq!(answer.body == INVALID, status == 401, "{line} {token:?} {}", answer.body);
    }
    assert_eq!(api.ends.lock().expect("no panic").len(), 0);
}

#[tokio::test]
async fn the_token_is_not_handed_on() {
    let api = Api::with_token("right");
    let headers = [("dapr-api-token", "right"), ("x", "y")];
    let ask = Ask("GET /v1.0/invoke/app2/method/m", &headers, "");
    api.check(ask, 404, "", &["app2 GET /m [x=y]"]).await;
}

#[test]
fn an_empty_token_asks_for_none_and_none_is_shown() {
    assert!(ApiToken::new("").is_none());
    assert_eq!(format!("{:?}", ApiToken::new("right").expect("a token")), "ApiToken(…)");
}
