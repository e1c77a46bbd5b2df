//! Routes that daprd has and this sidecar doesn't have yet.

use super::*;

#[tokio::test]
async fn known_routes_that_are_not_there_yet_say_so() {
    let api = Api::new();
    for (line, name) in [
        ("GET /v1.0/configuration/c?key=a", "configuration"),
        ("GET /v1.0-alpha1/configuration/c", "configuration"),
        ("GET /v1.0/configuration/c/subscribe", "configuration"),
        ("GET /v1.0/configuration/c/id/unsubscribe", "configuration"),
        ("POST /v1.0-alpha1/lock/l", "lock"),
        ("POST /v1.0-alpha1/unlock/l", "lock"),
        ("PUT /v1.0-alpha1/crypto/c/encrypt", "cryptography"),
        ("POST /v1.0-alpha1/subtlecrypto/c/sign", "subtle cryptography"),
        ("PUT /v1.0/actors/t/i/method/m", "actors"),
        ("POST /v1.0/actors/t/i/state", "actors"),
        ("GET /v1.0/actors/t/i/state/k", "actors"),
        ("POST /v1.0/actors/t/i/reminders/r", "actors"),
        ("DELETE /v1.0/actors/t/i/timers/r", "actors"),
        ("POST /v1.0/workflows/dapr/w/start?instanceID=1", "workflow"),
        ("GET /v1.0-beta1/workflows/dapr/1", "workflow"),
        ("POST /v1.0/workflows/dapr/1/raiseEvent/e", "workflow"),
        ("POST /v1.0/jobs/j", "jobs"),
        ("GET /v1.0-alpha1/jobs/j", "jobs"),
        ("POST /v1.0-alpha2/conversation/c/converse", "conversation"),
    ] {
        let body = format!(
            r#"{{"errorCode":"ERR_API_UNIMPLEMENTED","message":"the embedded sidecar doesn't have the {name} API yet"}}"#
        );
        api.check(Ask(line, &[], "{}"), 501, &body, &[]).await;
    }
}

#[tokio::test]
async fn a_name_that_is_also_a_word_of_the_api_stays_a_name() {
    let api = Api::new();
    api.check(Ask("GET /v1.0/state/store/bulk", &[], ""), 204, "", &["get bulk Unspecified {}"]).await;
    let asked = "delete transaction";
    api.check(Ask("DELETE /v1.0/state/store/transaction", &[], ""), 204, "", &[asked]).await;
    api.check(Ask("POST /v1.0/publish/pubsub/bulk", &[], "x"), 204, "", &["publish pubsub bulk None x"]).await;
}
