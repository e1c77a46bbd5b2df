//! The secrets API.

use super::*;

#[tokio::test]
async fn secrets_are_maps_of_values() {
    let api = Api::new();
    let body = "{\"redis\":\"s3cr3t\"}\n";
    api.check(Ask("GET /v1.0/secrets/vault/redis", &[], ""), 200, body, &["secret vault redis {}"]).await;
    let asked = r#"secret vault redis {"version_id": "2"}"#;
    api.check(Ask("GET /v1.0/secrets/vault/redis?metadata.version_id=2", &[], ""), 200, body, &[asked]).await;
    let body = "{\"a\":{\"a\":\"v\"},\"b\":{\"b\":\"v\"}}\n";
    api.check(Ask("GET /v1.0/secrets/vault/bulk", &[], ""), 200, body, &["secrets vault {}"]).await;
}

#[tokio::test]
async fn an_unknown_store_is_401() {
    let api = Api::new();
    let body = r#"{"errorCode":"ERR_SECRET_STORE_NOT_FOUND","message":"failed finding secret store with key nope"}"#;
    api.check(Ask("GET /v1.0/secrets/nope/redis", &[], ""), 401, body, &["secret nope redis {}"]).await;
}
