//! Guests of `pillion:dapr` behind daprd: their calls go to it, and its events come to their handlers.

use crate::{
    harness::{Behind, Network, Setup, component, tools, until},
    redis::Redis,
};

const GUESTS: &str = "guests: { orders: { source: dapr-orders.wasm }, shipping: { source: dapr-shipping.wasm } }, allow: { publish: [pubsub/orders], state: [statestore] }";

fn resources() -> String {
    component("pubsub", "pubsub.in-memory", &[]) + &component("statestore", "state.in-memory", &[])
}

/// Orders something, and waits until the other guest has kept it.
pub fn check(behind: &mut Behind, order: &str) {
    let ordered = behind.dapr("POST", "/v1.0/invoke/shop/method/orders", &[], order.as_bytes());
    // The guest's 202, for which gRPC has no code but that of every success.
    assert!(matches!(ordered.status, 200 | 202), "{}\n{}", ordered.text(), behind.daprd.log());
    let kept = until(|| behind.dapr("GET", "/v1.0/state/statestore/last-order", &[], b"").text() == order);
    let printed = behind.pillion.as_mut().map(|pillion| pillion.printed()).unwrap_or_default();
    assert!(kept, "{printed}\n{}", behind.daprd.log());
}

#[test]
fn an_order_goes_through_daprd_from_one_guest_to_the_other() {
    for protocol in ["http", "grpc"] {
        let Some(tools) = tools("an_order_goes_through_daprd_from_one_guest_to_the_other") else { return };
        let wasm = format!(
            "{{ {GUESTS}, routes: [{{ path: /orders, guest: orders }}], on: [{{ pubsub: pubsub, topic: orders, guest: shipping }}] }}"
        );
        let mut behind = Setup::new("shop", wasm, resources()).protocol(protocol).start(tools);
        check(&mut behind, r#"{"order":1}"#);
    }
}

#[test]
fn a_declared_subscription_reaches_the_handler_at_its_path() {
    for protocol in ["http", "grpc"] {
        let Some(tools) = tools("a_declared_subscription_reaches_the_handler_at_its_path") else { return };
        let routes = "routes: [{ path: /orders, guest: orders }, { path: /ship, guest: shipping }]";
        let declared = "---\napiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata: {name: orders}\nspec: {pubsubname: pubsub, topic: orders, routes: {default: /ship}}\n";
        let setup = Setup::new("shop", format!("{{ {GUESTS}, {routes} }}"), resources() + declared);
        check(&mut setup.protocol(protocol).start(tools), r#"{"order":2}"#);
    }
}

/// What the broker and the store are is daprd's business: the guests are the same.
#[test]
fn an_order_goes_by_redis_and_sqlite_as_well() {
    let test = "an_order_goes_by_redis_and_sqlite_as_well";
    let Some(tools) = tools(test) else { return };
    let network = Network::new(tools);
    let Some(redis) = Redis::start(test, network.dir.path()) else { return };
    let file = network.dir.path().join("state.db").display().to_string();
    let stores = [
        redis.component("statestore", "state.redis", &[]),
        component("statestore", "state.sqlite", &[("connectionString", &file)]),
    ];
    let wasm = format!(
        "{{ {GUESTS}, routes: [{{ path: /orders, guest: orders }}], on: [{{ pubsub: pubsub, topic: orders, guest: shipping }}] }}"
    );
    for (n, store) in stores.into_iter().enumerate() {
        let resources = redis.component("pubsub", "pubsub.redis", &[]) + &store;
        let mut behind = Setup::new("shop", wasm.as_str(), resources).start_in(&network);
        check(&mut behind, &format!(r#"{{"order":{n}}}"#));
    }
}
