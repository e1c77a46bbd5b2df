//! The state API.

use super::*;

const NOT_FOUND: &str = r#"{"errorCode":"ERR_STATE_STORE_NOT_FOUND","message":"state store nostore is not found","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io","metadata":{"appID":"app1"},"reason":"DAPR_STATE_NOT_FOUND"}]}"#;

#[tokio::test]
async fn reads_answer_the_raw_value_with_its_etag() {
    let api = Api::new();
    let get = |key: &str| format!("get {key} Unspecified {{}}");
    let answer = api.check(Ask("GET /v1.0/state/store/k1", &[], ""), 200, r#"{"a":1}"#, &[&get("k1")]).await;
    assert_eq!(answer.headers["etag"], "e1");
    assert_eq!(answer.headers["content-type"], "application/json");
    let answer = api.check(Ask("GET /v1.0/state/store/zz", &[], ""), 204, "", &[&get("zz")]).await;
    assert!(!answer.headers.contains_key("etag") && !answer.headers.contains_key("content-type"));
    let answer = api.check(Ask("GET /v1.0/state/store/ttl", &[], ""), 200, "2", &[&get("ttl")]).await;
    assert_eq!(answer.headers["metadata.ttlExpireTime"], "2026-01-01T00:00:00Z");
    api.check(Ask("GET /v1.0/state/store/a%2Fb", &[], ""), 200, r#"{"a":1}"#, &[&get("a/b")]).await;
    api.check(Ask("GET /v1.0/state/store/a+b%2Bc", &[], ""), 204, "", &[&get("a b+c")]).await;
    let asked = r#"get k1 Strong {"x": "y z"}"#;
    let ask = Ask("GET /v1.0/state/store/k1?consistency=strong&metadata.x=y+z&metadata.x=2", &[], "");
    api.check(ask, 200, r#"{"a":1}"#, &[asked]).await;
    let answer = api.check(Ask("GET /v1.0/state/nostore/k1", &[], ""), 400, NOT_FOUND, &[]).await;
    assert_eq!(answer.headers["content-type"], "application/json");
}

#[tokio::test]
async fn saves_keep_values_as_compact_json_and_the_querys_metadata_wins() {
    let api = Api::new();
    for (target, body, asked) in [
        ("", r#"[{"key":"a","value": { "b" : [1, 2.0, "x  y\" "] } }]"#, r#"save a={"b":[1,2.0,"x  y\" "]}"#),
        ("", r#"[{"key":"a","value":"quoted"},{"key":"b"}]"#, r#"save a="quoted", b=null"#),
        ("", r#"[{"key":"a","value":12345678901234567890}]"#, "save a=12345678901234567890"),
        ("", "[]", "save "),
        ("", "null", "save "),
        ("", r#"[{"key":"a","value":1}] trailing"#, "save a=1"),
        ("", r#"[{"key":"a","value":1,"unknown":{}}]"#, "save a=1"),
        (
            "?metadata.ttlInSeconds=5&metadata.n=q",
            r#"[{"key":"a","value":1,"metadata":{"ttlInSeconds":"9","m":"b"}}]"#,
            "save a=1 m:b n:q ttlInSeconds:5",
        ),
        (
            "",
            r#"[{"key":"a","value":1,"etag":"7","options":{"concurrency":"first-write","consistency":"strong"}}]"#,
            "save a=1 etag:7 FirstWrite/Strong",
        ),
    ] {
        api.check(Ask(&format!("POST /v1.0/state/store{target}"), &[], body), 204, "", &[asked]).await;
        api.check(Ask(&format!("PUT /v1.0/state/store{target}"), &[], body), 204, "", &[asked]).await;
    }
}

#[tokio::test]
async fn malformed_saves_are_refused_before_the_store_sees_them() {
    let api = Api::new();
    let deep = format!(r#"[{{"key":"a","value":{}}}]"#, "[".repeat(400));
    for (body, says) in [
        ("", "EOF"),
        ("[{", "EOF while parsing"),
        (r#"[{"value":1}]"#, r#"\"key\" is a required field"#),
        (r#"[{"key":"","value":1}]"#, r#"\"key\" is a required field"#),
        (r#"[{"key":"a","metadata":{"ttlInSeconds":5}}]"#, "invalid type: integer `5`, expected a string"),
        (r#"[{"key":1}]"#, "expected a string"),
        (r#"[{"key":"a","etag":5}]"#, "expected a string"),
        (&deep, "exceeded max depth"),
    ] {
        let answer = api.ask(Ask("POST /v1.0/state/store", &[], body)).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.body.starts_with(r#"{"errorCode":"ERR_MALFORMED_REQUEST","message":""#), "{}", answer.body);
        assert!(answer.body.contains(says), "{}", answer.body);
        assert_eq!(api.fake.asked(), [""; 0], "{body}");
    }
}

#[tokio::test]
async fn failures_of_the_store_come_through_in_daprs_form() {
    let api = Api::new();
    let mismatch = r#"{"errorCode":"ERR_STATE_SAVE","message":"failed saving state in state store store: possible etag mismatch. error from state store: x"}"#;
    let body = r#"[{"key":"a","value":1,"etag":"bad"}]"#;
    api.check(Ask("POST /v1.0/state/store", &[], body), 409, mismatch, &["save a=1 etag:bad"]).await;
    api.check(Ask("POST /v1.0/state/nostore", &[], "[]"), 400, NOT_FOUND, &[]).await;
    let unknown = r#"{"errorCode":"ERR_STATE_SAVE","message":"failed saving state in state store store: unrecognized concurrency model 'x'"}"#;
    let body = r#"[{"key":"a","value":1,"options":{"concurrency":"x"}}]"#;
    api.check(Ask("POST /v1.0/state/store", &[], body), 500, unknown, &[]).await;
    let large = format!(r#"[{{"key":"a","value":"{}"}}]"#, "x".repeat(1000));
    let answer = api.ask(Ask("POST /v1.0/state/store", &[], &large)).await;
    assert_eq!(answer.status, 413, "{}", answer.body);
    assert!(answer.body.starts_with(r#"{"errorCode":"PILLION_REQUEST_TOO_LARGE","#), "{}", answer.body);
}

#[tokio::test]
async fn deletes_take_etag_and_options_from_header_and_query() {
    let api = Api::new();
    api.check(Ask("DELETE /v1.0/state/store/k1", &[], ""), 204, "", &["delete k1"]).await;
    let ask = Ask("DELETE /v1.0/state/store/k1?concurrency=first-write&metadata.p=1", &[("If-Match", "7")], "");
    api.check(ask, 204, "", &["delete k1 etag:7 p:1 FirstWrite/Unspecified"]).await;
    let unknown = r#"{"errorCode":"ERR_STATE_DELETE","message":"failed deleting state with key k1: unrecognized consistency model 'x'"}"#;
    api.check(Ask("DELETE /v1.0/state/store/k1?consistency=x", &[], ""), 500, unknown, &[]).await;
}

#[tokio::test]
async fn bulk_reads_answer_in_order_with_missing_keys_bare() {
    let api = Api::new();
    let body = r#"{"keys":["k1","zz"],"parallelism":2,"metadata":{"a":"b","c":"d"}}"#;
    let found = "[{\"key\":\"k1\",\"data\":{\"a\":1},\"etag\":\"e1\"},{\"key\":\"zz\"}]\n";
    let asked = r#"bulk ["k1", "zz"] 2 {"a": "q", "c": "d"}"#;
    let answer = api.check(Ask("POST /v1.0/state/store/bulk?metadata.a=q", &[], body), 200, found, &[asked]).await;
    assert_eq!(answer.headers["content-type"], "application/json");
    let found =
        "[{\"key\":\"ttl\",\"data\":2,\"etag\":\"e1\",\"metadata\":{\"ttlExpireTime\":\"2026-01-01T00:00:00Z\"}}]\n";
    api.check(Ask("PUT /v1.0/state/store/bulk", &[], r#"{"keys":["ttl"]}"#), 200, found, &[r#"bulk ["ttl"] 0 {}"#])
        .await;
    api.check(Ask("POST /v1.0/state/store/bulk", &[], "{}"), 200, "[]\n", &["bulk [] 0 {}"]).await;
    let answer = api.ask(Ask("POST /v1.0/state/store/bulk", &[], r#"{"keys":["raw"]}"#)).await;
    assert!(answer.body.starts_with(r#"[{"key":"raw","error":"the value is not JSON"#), "{}", answer.body);
    let answer = api.ask(Ask("POST /v1.0/state/store/bulk", &[], r#"{"keys":"k1"}"#)).await;
    let says = r#"{"errorCode":"ERR_MALFORMED_REQUEST","message":"failed deserializing HTTP body: "#;
    assert!(answer.status == 400 && answer.body.starts_with(says), "{}", answer.body);
}

#[tokio::test]
async fn transactions_keep_their_order_and_know_two_operations() {
    let api = Api::new();
    let body = r#"{"operations":[{"operation":"upsert","request":{"key":"a","value":{"x": 1},"metadata":{"ttlInSeconds":"3"}}},{"operation":"delete","request":{"key":"b","etag":"7"}}],"metadata":{"m":"b"}}"#;
    let asked = r#"transaction [upsert a={"x":1} ttlInSeconds:3, delete b etag:7] {"m": "b"}"#;
    api.check(Ask("POST /v1.0/state/store/transaction", &[], body), 204, "", &[asked]).await;
    let asked = r#"transaction [upsert a={"x":1} m:q ttlInSeconds:3, delete b etag:7 m:q] {"m": "q"}"#;
    api.check(Ask("PUT /v1.0/state/store/transaction?metadata.m=q", &[], body), 204, "", &[asked]).await;
    api.check(Ask("POST /v1.0/state/store/transaction", &[], "{}"), 204, "", &["transaction [] {}"]).await;
    let unknown = r#"{"errorCode":"ERR_NOT_SUPPORTED_STATE_OPERATION","message":"operation type read not supported"}"#;
    let body = r#"{"operations":[{"operation":"read","request":{"key":"a"}}]}"#;
    api.check(Ask("POST /v1.0/state/store/transaction", &[], body), 400, unknown, &[]).await;
    let body = r#"{"operations":[{"operation":"upsert","request":{"key":"a","metadata":{"ttlInSeconds":3}}}]}"#;
    let answer = api.ask(Ask("POST /v1.0/state/store/transaction", &[], body)).await;
    assert!(answer.status == 400 && answer.body.contains("ERR_MALFORMED_REQUEST"), "{}", answer.body);
}

#[tokio::test]
async fn queries_are_answered_as_for_a_store_without_them() {
    let api = Api::new();
    let answer = api.ask(Ask("POST /v1.0-alpha1/state/store/query", &[], "{}")).await;
    assert_eq!(answer.status, 500);
    let says =
        r#"{"errorCode":"ERR_STATE_STORE_NOT_SUPPORTED","message":"state store does not support querying","details":["#;
    assert!(answer.body.starts_with(says), "{}", answer.body);
    assert!(answer.body.contains(r#""reason":"DAPR_STATE_QUERYING_NOT_SUPPORTED""#), "{}", answer.body);
}
