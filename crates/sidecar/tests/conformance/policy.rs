//! Nothing is allowed that is not named.

use crate::harness::{World, component};
use http::Request;
use pillion_api::{
    Code, Invocation, Metadata, Result, Sidecar, Target, body,
    policy::Allow,
    pubsub::Publish,
    state::{BulkGet, Get, Operation, Set, Transaction},
};
use pillion_sidecar::Policy;

fn allow(text: &str) -> Allow {
    serde_json::from_str(text).expect("a grant")
}

async fn policy(world: &World, grant: &str) -> Policy {
    world.write("secrets.json", r#"{"a": "1", "b": "2"}"#);
    let yaml = component("store", "state.in-memory", &[])
        + &component("bus", "pubsub.in-memory", &[])
        + &component("secrets", "secretstores.local.file", &[("secretsFile", "secrets.json")]);
    let (sidecar, _) = world.start("shop", &yaml, Vec::new()).await;
    Policy::new(sidecar, allow(grant), "shop")
}

fn denied<T: std::fmt::Debug>(result: Result<T>) -> bool {
    match result {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.code(), Code::NotAllowed);
            let hint = error.help().expect("a hint");
            assert!(hint.contains("of app `shop` in the manifest") || hint.contains("allow.hosts"), "{hint}");
            true
        }
    }
}

fn invocation(id: &str, path: &str) -> Invocation {
    let target = if id.contains("://") { Target::Endpoint(id.to_owned()) } else { Target::App(id.to_owned()) };
    Invocation { target, request: Request::builder().uri(path).body(body::empty()).expect("a request") }
}

#[tokio::test]
async fn every_call_is_denied_without_a_grant() {
    let world = World::new();
    let policy = policy(&world, "{}").await;
    let key = || "k".to_owned();
    assert!(denied(policy.invoke(invocation("shop", "/")).await.map(drop)));
    assert!(denied(policy.invoke(invocation("http://example.com", "/")).await.map(drop)));
    assert!(denied(policy.get_state("store", Get { key: key(), ..Get::default() }).await));
    assert!(denied(policy.get_bulk_state("store", BulkGet { keys: vec![key()], ..BulkGet::default() }).await));
    assert!(denied(policy.save_state("store", vec![Set { key: key(), ..Set::default() }]).await));
    assert!(denied(
        policy.delete_state("store", pillion_api::state::Delete { key: key(), ..Default::default() }).await
    ));
    let operations = vec![Operation::Upsert(Set { key: key(), ..Set::default() })];
    assert!(denied(
        policy.execute_state_transaction("store", Transaction { operations, ..Transaction::default() }).await
    ));
    assert!(denied(policy.publish("bus", "t", Publish::default()).await));
    assert!(denied(policy.publish_bulk("bus", "t", Vec::new(), Metadata::new()).await));
    assert!(denied(policy.get_secret("secrets", "a", Metadata::new()).await));
    assert!(denied(policy.get_bulk_secrets("secrets", Metadata::new()).await));
    policy.metadata().await.expect("no grant needed");
}

#[tokio::test]
async fn a_grant_is_as_wide_as_it_says() {
    let world = World::new();
    let grant = r#"{"state": ["store/a*"], "publish": ["bus/t"], "invoke": ["shop/open/*"], "secrets": ["secrets/a"]}"#;
    let policy = policy(&world, grant).await;
    let get = |key: &str| Get { key: key.to_owned(), ..Get::default() };
    assert!(!denied(policy.get_state("store", get("a1")).await));
    assert!(denied(policy.get_state("store", get("b")).await));
    let keys =
        |keys: &[&str]| BulkGet { keys: keys.iter().map(|key| (*key).to_owned()).collect(), ..BulkGet::default() };
    assert!(!denied(policy.get_bulk_state("store", keys(&["a1", "a2"])).await));
    assert!(denied(policy.get_bulk_state("store", keys(&["a1", "b"])).await));
    assert!(!denied(policy.publish("bus", "t", Publish::default()).await));
    assert!(denied(policy.publish("bus", "u", Publish::default()).await));
    assert!(!denied(policy.invoke(invocation("shop", "/open/x")).await.map(drop)));
    assert!(!denied(policy.invoke(invocation("shop", "/%6Fpen/x")).await.map(drop)));
    assert!(denied(policy.invoke(invocation("shop", "/admin")).await.map(drop)));
    assert!(denied(policy.get_secret("secrets", "b", Metadata::new()).await));
    let secrets = policy.get_bulk_secrets("secrets", Metadata::new()).await.expect("some");
    assert_eq!(secrets.keys().collect::<Vec<_>>(), ["a"]);
}

#[tokio::test]
async fn a_path_that_two_readers_could_take_differently_is_refused() {
    let world = World::new();
    let policy = policy(&world, r#"{"invoke": ["shop"]}"#).await;
    for path in ["/open/../admin", "/open/%2e%2e/admin", "/a%2fb"] {
        let error = policy.invoke(invocation("shop", path)).await.map(drop).expect_err(path);
        assert_eq!(error.code(), Code::RequestRefused, "{path}");
    }
}
