//! Two apps whose daprds know each other by the certificates of a sentry.

use crate::{
    common,
    harness::{Behind, Network, Setup, tools, until},
    plane::sentry,
};
use std::sync::Arc;

const ECHO: &str = "{ guests: { echo: { source: http-echo.wasm } }, routes: [{ path: /, guest: echo }] }";
const CALLER: &str =
    "{ guests: { call: { source: http-call.wasm } }, routes: [{ path: /, guest: call }], allow: { invoke: [echo] } }";

fn start(network: &Arc<Network>, app_id: &'static str, app: &str, secured: Option<(&str, &str)>) -> Behind {
    let mut setup = Setup::new(app_id, app, "");
    if let Some((address, root)) = secured {
        setup = setup
            .flag("--enable-mtls")
            .flag(format!("--sentry-address={address}"))
            .flag("--control-plane-namespace=default")
            .flag("--control-plane-trust-domain=localhost")
            .variable("DAPR_TRUST_ANCHORS", root)
            .variable("NAMESPACE", "default");
    }
    setup.start_in(network)
}

#[test]
fn guests_call_each_other_over_mtls() {
    let Some(tools) = tools("guests_call_each_other_over_mtls") else { return };
    let network = Network::new(tools.clone());
    let (_sentry, address, root) = sentry(&tools, network.dir.path());
    let secured = Some((address.as_str(), root.as_str()));
    let (caller, echo) = (start(&network, "caller", CALLER, secured), start(&network, "echo", ECHO, secured));
    let url = format!("http://localhost:{}/v1.0/invoke/echo/method/hello", caller.ports.http);
    let called =
        || common::ask("POST", &format!("http://127.0.0.1:{}/", caller.ports.app), &[("x-url", &url)], b"over mTLS");
    assert!(until(|| called().text().contains("over mTLS")), "{}\n{}", called().text(), caller.daprd.log());
    // Who has no certificate of this authority is not answered: the way between the daprds is the secured one.
    let stranger = start(&network, "stranger", CALLER, None);
    let refused = stranger.dapr("POST", "/v1.0/invoke/echo/method/hello", &[], b"in the clear");
    assert_ne!(refused.status, 200, "{}", refused.text());
    assert!(!echo.daprd.log().contains("panic"), "{}", echo.daprd.log());
}
