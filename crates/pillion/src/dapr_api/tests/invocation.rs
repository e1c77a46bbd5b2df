//! Service invocation.

use super::*;
use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt;
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tokio::sync::mpsc;

/// A body that a test feeds.
struct Pieces(mpsc::Receiver<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = pillion_api::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<pillion_api::Result<Frame<Bytes>>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

#[tokio::test]
async fn an_app_is_named_in_three_ways() {
    let api = Api::new();
    let basic = [("authorization", "Basic ZGFwci1hcHAtaWQ6YXBwMg==")];
    let seen = "authorization=Basic ZGFwci1hcHAtaWQ6YXBwMg==";
    api.check(Ask("POST /v1.0/invoke/app2/method/a/b", &[], "hi"), 404, "hi", &["app2 POST /a/b []"]).await;
    api.check(Ask("POST /a/b", &[("dapr-app-id", "app2")], "hi"), 404, "hi", &["app2 POST /a/b []"]).await;
    api.check(Ask("POST /a/b", &basic, "hi"), 404, "hi", &[&format!("app2 POST /a/b [{seen}]")]).await;
    // As in daprd a header goes before the URL.
    let ask = Ask("GET /v1.0/invoke/app3/method/a", &[("dapr-app-id", "app2")], "");
    api.check(ask, 404, "", &["app2 GET /v1.0/invoke/app3/method/a []"]).await;
    // A route of Dapr's own goes before a header.
    let ask = Ask("GET /v1.0/state/store/zz", &[("dapr-app-id", "app2")], "");
    api.check(ask, 204, "", &["get zz Unspecified {}"]).await;
}

#[tokio::test]
async fn targets_and_paths_are_decoded_once() {
    let api = Api::new();
    for (line, asked) in [
        ("GET /v1.0/invoke/app2.prod/method/m", "app2.prod GET /m []"),
        ("GET /v1.0/invoke/http%3A%2F%2Fexample.com%3A80/method/m", "<http://example.com:80> GET /m []"),
        ("GET /v1.0/invoke/https://example.com/method/m", "<https://example.com> GET /m []"),
        ("GET /v1.0/invoke/app2/method/", "app2 GET / []"),
        ("GET /v1.0/invoke/app2/method/a//b/", "app2 GET /a/b []"),
        ("GET //v1.0//invoke/app2/method/a", "app2 GET /a []"),
        ("GET /v1.0/invoke/app2/method/a%20b/%C3%A4?z=1&a=%20&z=0", "app2 GET /a%20b/%C3%A4?z=1&a=%20&z=0 []"),
        ("GET /v1.0/invoke/app2/method/a%2520b", "app2 GET /a%2520b []"),
        ("GET /v1.0/invoke/app2/method/a+b;c=d", "app2 GET /a+b;c=d []"),
        ("GET /v1.0/invoke/app2/method/x/method/y", "app2 GET /x/method/y []"),
        ("PATCH /v1.0/invoke/app2/method/m?", "app2 PATCH /m? []"),
        ("PROPFIND /v1.0/invoke/app2/method/m", "app2 PROPFIND /m []"),
    ] {
        api.check(Ask(line, &[], ""), 404, "", &[asked]).await;
    }
}

#[tokio::test]
async fn what_could_be_read_twice_is_refused_before_anybody_is_called() {
    let api = Api::new();
    for line in [
        "GET /v1.0/invoke/app2/method/../secret",
        "GET /v1.0/invoke/app2/method/%2e%2e/secret",
        "GET /v1.0/invoke/app2/method/a%2f..%2fsecret",
        "GET /v1.0/invoke/app2/method/a%2fb",
        "GET /v1.0/invoke/app2/method/a%5cb",
        "GET /v1.0/invoke/app2/method/a%00",
        "GET /v1.0/invoke/app2/method/%ff",
        "GET /v1.0/invoke/app2/method/%",
        "GET /v1.0/invoke/../state/method/x",
        "GET /v1.0/invoke/%2e%2e/method/x",
        "GET /v1.0/invoke/..%2fapp/method/x",
    ] {
        let answer = api.ask(Ask(line, &[("dapr-app-id", "")], "")).await;
        assert_eq!(answer.status, 400, "{line}");
        assert!(answer.body.starts_with(r#"{"errorCode":"PILLION_REQUEST_REFUSED","#), "{}", answer.body);
        assert_eq!(api.fake.asked(), [""; 0], "{line}");
    }
}

#[tokio::test]
async fn headers_go_on_but_those_of_one_connection() {
    let api = Api::new();
    let headers = [
        ("x-a", "1"),
        ("connection", "keep-alive, x-hop"),
        ("x-a", "2"),
        ("x-hop", "gone"),
        ("te", "trailers"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("dapr-app-id", "app2"),
        ("traceparent", "00-1-2-3"),
    ];
    let asked = "app2 POST /m [x-a=1 x-a=2 traceparent=00-1-2-3]";
    let answer = api.check(Ask("POST /m", &headers, "hi"), 404, "hi", &[asked]).await;
    let kept: Vec<_> = answer.headers.get_all("x-app").iter().collect();
    assert_eq!(kept, ["1", "2"]);
    assert!(!answer.headers.contains_key("connection") && !answer.headers.contains_key("x-hop"));
}

#[tokio::test]
async fn nobody_named_and_nobody_found() {
    let api = Api::new();
    let no_app_id = r#"{"errorCode":"ERR_DIRECT_INVOKE","message":"failed getting app id either from the URL path or the header dapr-app-id"}"#;
    for line in [
        "GET /",
        "GET /nothing",
        "GET /v1.0/invoke/app2",
        "GET /v1.0/invoke/app2/method",
        "GET /v1.0/invoke//method/x",
        "PATCH /v1.0/state/store",
        "POST /v1.0/healthz",
        "GET /v1.0/invoked/app2/method/x",
        "GET /v2.0/state/store/k",
    ] {
        api.check(Ask(line, &[], ""), 404, no_app_id, &[]).await;
    }
    for value in ["Basic !!!", "Basic b3RoZXI6YXBwMg==", "Bearer x", "Basic ZGFwci1hcHAtaWQ6YTpi"] {
        api.check(Ask("GET /m", &[("authorization", value)], ""), 404, no_app_id, &[]).await;
    }
    let nope = r#"{"errorCode":"ERR_DIRECT_INVOKE","message":"failed to invoke, id: nope, err: no host found with the given ID"}"#;
    api.check(Ask("GET /v1.0/invoke/nope/method/m", &[], ""), 500, nope, &["nope GET /m []"]).await;
}

#[tokio::test]
async fn bodies_stream_both_ways_and_are_bounded() {
    let api = Api::new();
    let (sender, pieces) = mpsc::channel(1);
    let request = Request::post("/v1.0/invoke/app2/method/m").body(Body::new(Pieces(pieces))).expect("a request");
    let mut body = handle(&api.sidecar, &api.context, request).await.into_body();
    for piece in ["one", "two"] {
        sender.send(piece.into()).await.expect("somebody reads");
        let frame = body.frame().await.expect("a frame").expect("no error");
        assert_eq!(frame.into_data().expect("data"), piece);
    }
    sender.send(vec![b'x'; 1000].into()).await.expect("somebody reads");
    let error = body.frame().await.expect("a frame").expect_err("over the limit");
    assert_eq!(error.code(), pillion_api::Code::RequestTooLarge);
}
