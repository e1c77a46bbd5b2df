//! The publish API.

use super::*;

#[tokio::test]
async fn a_message_keeps_its_bytes_type_metadata_and_trace() {
    let api = Api::new();
    let json = [("content-type", "application/json")];
    for (line, headers, body, asked) in [
        (
            "POST /v1.0/publish/pubsub/t",
            &json[..],
            r#"{"a": 1}"#,
            r#"publish pubsub t Some("application/json") {"a": 1}"#,
        ),
        ("PUT /v1.0/publish/pubsub/t", &[], "hi", "publish pubsub t None hi"),
        ("POST /v1.0/publish/pubsub/a/b/c", &[], "", "publish pubsub a/b/c None "),
        ("POST /v1.0/publish/pubsub/a%2Fb", &[], "", "publish pubsub a/b None "),
        ("POST //v1.0//publish/pubsub/t/", &[], "", "publish pubsub t None "),
        ("POST /v1.0/publish/pubsub/t?metadata.rawPayload=true", &[], "x", "publish pubsub t None x rawPayload:true"),
        ("POST /v1.0/publish/pubsub/t", &[("traceparent", "00-1-2-3")], "x", "publish pubsub t None x 00-1-2-3"),
    ] {
        api.check(Ask(line, headers, body), 204, "", &[asked]).await;
    }
}

#[tokio::test]
async fn failures_come_through_in_daprs_form() {
    let api = Api::new();
    let unknown = r#"{"errorCode":"ERR_PUBSUB_NOT_FOUND","message":"pubsub nope is not found","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io","metadata":{},"reason":"DAPR_PUBSUB_NOT_FOUND"}]}"#;
    api.check(Ask("POST /v1.0/publish/nope/t", &[], "x"), 404, unknown, &["publish nope t None x"]).await;
    let answer = api.ask(Ask("POST /v1.0/publish/pubsub/t", &[], &"x".repeat(1001))).await;
    assert_eq!(answer.status, 413);
    // The sidecar says what an empty topic is.
    api.check(Ask("POST /v1.0/publish/pubsub", &[], "x"), 204, "", &["publish pubsub  None x"]).await;
}

#[tokio::test]
async fn bulk_entries_are_bytes_as_their_type_says() {
    let api = Api::new();
    let body = r#"[{"entryId":"1","event":"hi","contentType":"text/plain"},
        {"entryId":"2","event":{"a": 1},"contentType":"application/json","metadata":{"m":"own"}},
        {"entryId":"3","event":"aGk=","contentType":"application/octet-stream"},
        {"entryId":"4","event":"s"}]"#;
    let asked = concat!(
        r#"bulk pubsub t [1: Some("text/plain") hi m:all, 2: Some("application/json") {"a":1} m:own, "#,
        r#"3: Some("application/octet-stream") hi m:all, 4: None s m:all] {"m": "all"}"#
    );
    for path in ["/v1.0/publish/bulk/pubsub/t", "/v1.0-alpha1/publish/bulk/pubsub/t"] {
        api.check(Ask(&format!("POST {path}?metadata.m=all"), &[], body), 204, "", &[asked]).await;
    }
    let asked = "bulk pubsub a/b [] {}";
    api.check(Ask("POST /v1.0/publish/bulk/pubsub/a/b", &[], "[]"), 204, "", &[asked]).await;
}

#[tokio::test]
async fn bulk_failures_name_their_entries() {
    let api = Api::new();
    let body = r#"[{"entryId":"ok","event":"a","contentType":"text/plain"},{"entryId":"bad","event":"b","contentType":"text/plain"}]"#;
    let answer = api.ask(Ask("POST /v1.0/publish/bulk/pubsub/t", &[], body)).await;
    let failed = r#"{"failedEntries":[{"entryId":"bad","error":"full"}],"errorCode":"ERR_PUBSUB_PUBLISH_MESSAGE"}"#;
    assert_eq!((answer.status, answer.body.as_str()), (500, failed));
    api.fake.asked();
    for (body, status, says) in [
        (
            "nonsense",
            400,
            r#"{"errorCode":"ERR_PUBSUB_EVENTS_SER","message":"error when unmarshaling the request for topic t pubsub pubsub: "#,
        ),
        (
            r#"[{"entryId":"1","event":5,"contentType":"text/plain"}]"#,
            500,
            r#"{"errorCode":"ERR_PUBSUB_CLOUD_EVENTS_SER","message":"error when marshalling cloud event envelope for topic t pubsub pubsub""#,
        ),
        (
            r#"[{"entryId":"1","event":"%","contentType":"application/octet-stream"}]"#,
            500,
            r#"{"errorCode":"ERR_PUBSUB_CLOUD_EVENTS_SER""#,
        ),
    ] {
        let answer = api.ask(Ask("POST /v1.0/publish/bulk/pubsub/t", &[], body)).await;
        assert_eq!(answer.status, status, "{body}");
        assert!(answer.body.starts_with(says), "{}", answer.body);
        assert_eq!(api.fake.asked(), [""; 0]);
    }
}
