//! App health: the channel answers the probe, so that no guest has to.

use crate::harness::{Setup, bus, tools, until};

const APP: &str = r#"{ guests: { listener: { source: event-recorder.wasm } }, routes: [{ path: /api, guest: listener }], on: [{ pubsub: bus, topic: orders, guest: listener }], allow: { files: ["./events:/events"] } }"#;

#[test]
fn an_app_that_daprd_probes_gets_its_events() {
    for protocol in ["http", "grpc"] {
        let Some(tools) = tools("an_app_that_daprd_probes_gets_its_events") else { return };
        let setup = Setup::new("well", APP, bus()).protocol(protocol).flag("--enable-app-health-check=true");
        let behind = setup.flag("--app-health-probe-interval=1").flag("--app-health-threshold=1").start(tools);
        // Until the first probe daprd subscribes to nothing, and its broker keeps nothing for later.
        let came = until(|| {
            behind.publish("orders", "well");
            behind.count("well") > 0
        });
        assert!(came, "{}", behind.daprd.log());
        let invoked = behind.dapr("POST", "/v1.0/invoke/well/method/api", &[], b"say nothing");
        assert_eq!(invoked.status, 200, "{}", invoked.text());
    }
}
