//! Output bindings over HTTP.

use super::*;

#[tokio::test]
async fn data_stays_json_and_metadata_go_both_ways() {
    let api = Api::new();
    for (body, asked, answered) in [
        (r#"{"operation": "create", "data": "text"}"#, r#"binding b create "text" {}"#, r#""text""#),
        (r#"{"operation": "create", "data": { "n" : 1 }}"#, r#"binding b create {"n":1} {}"#, r#"{"n":1}"#),
        (r#"{"operation": "get"}"#, "binding b get null {}", "null"),
        (r#"{"operation": "get", "metadata": {"key": "k"}, "more": 1}"#, r#"binding b get null {"key": "k"}"#, "null"),
        ("{}", "binding b  null {}", "null"),
    ] {
        let answer = api.check(Ask("POST /v1.0/bindings/b", &[], body), 200, answered, &[asked]).await;
        assert_eq!(answer.headers["metadata.status"], "200");
        assert_eq!(answer.headers["content-type"], "application/json");
    }
}

#[tokio::test]
async fn the_callers_trace_goes_with_it() {
    let api = Api::new();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let asked = format!(r#"binding b get null {{"traceparent": "{parent}"}}"#);
    let ask = Ask("PUT /v1.0/bindings/b", &[("traceparent", parent)], r#"{"operation": "get"}"#);
    api.check(ask, 200, "null", &[&asked]).await;
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let api = Api::new();
    for body in ["", "{", "[]", r#"{"operation": 1}"#, r#"{"metadata": {"a": 1}}"#] {
        let answer = api.ask(Ask("POST /v1.0/bindings/b", &[], body)).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.body.contains("ERR_MALFORMED_REQUEST"), "{body}: {}", answer.body);
        assert!(api.fake.asked().is_empty());
    }
}
