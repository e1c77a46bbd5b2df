//! What the sidecar says of itself.

use crate::harness::{World, component, subscription};
use pillion_api::Sidecar;

#[tokio::test]
async fn the_metadata_have_daprs_shape() {
    let world = World::new();
    let yaml = component("store", "state.in-memory", &[]) + &component("bus", "pubsub.in-memory", &[]);
    let (sidecar, _) = world.start("shop", &yaml, vec![subscription("orders", "/orders")]).await;
    sidecar.set_metadata("mine".to_owned(), "1".to_owned()).await.expect("set");
    let metadata = serde_json::to_value(sidecar.metadata().await.expect("metadata")).expect("JSON");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        metadata,
        serde_json::json!({
            "id": "shop",
            "runtimeVersion": version,
            "enabledFeatures": [],
            "components": [
                {"name": "store", "type": "state.in-memory", "version": "v1", "capabilities": ["ETAG", "TRANSACTIONAL", "TTL"]},
                {"name": "bus", "type": "pubsub.in-memory", "version": "v1", "capabilities": ["SUBSCRIBE_WILDCARDS"]},
            ],
            "extended": {"daprRuntimeVersion": version, "mine": "1"},
            "subscriptions": [{
                "pubsubname": "bus", "topic": "orders", "rules": [{"path": "/orders"}], "deadLetterTopic": "", "type": "PROGRAMMATIC",
            }],
            "appConnectionProperties": {"protocol": "http", "channelAddress": "127.0.0.1"},
            "actorRuntime": {"runtimeStatus": "DISABLED", "hostReady": false, "placement": ""},
        })
    );
}

#[tokio::test]
async fn only_components_in_scope_are_seen() {
    let world = World::new();
    let yaml = component("store", "state.in-memory", &[]).replace("---\n", "scopes: [a]\n---\n");
    for (app_id, seen) in [("a", 1), ("b", 0)] {
        let sidecar = world.open(app_id, &yaml).await;
        assert_eq!(sidecar.metadata().await.expect("metadata").components.len(), seen);
    }
}

#[tokio::test]
async fn what_an_app_adds_is_bounded() {
    let world = World::new();
    let sidecar = world.open("shop", "").await;
    sidecar.set_metadata("k".to_owned(), "x".repeat(100_000)).await.expect_err("too long");
    for n in 0..1000 {
        sidecar.set_metadata(n.to_string(), "v".to_owned()).await.expect("room");
    }
    sidecar.set_metadata("one more".to_owned(), "v".to_owned()).await.expect_err("too many");
    sidecar.set_metadata("0".to_owned(), "w".to_owned()).await.expect("replaced");
}
