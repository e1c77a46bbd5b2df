//! Two apps whose daprds know each other by the certificates of a sentry.

use crate::{
    common::{self, free_ports},
    harness::{Behind, Guarded, Network, Setup, tools, until},
};
use std::{fs, path::Path, process::Command, sync::Arc};

const ECHO: &str = "{ guests: { echo: { source: http-echo.wasm } }, routes: [{ path: /, guest: echo }] }";
const CALLER: &str =
    "{ guests: { call: { source: http-call.wasm } }, routes: [{ path: /, guest: call }], allow: { invoke: [echo] } }";

/// Dapr's authority of certificates, with its address and its root.
fn sentry(tools: &Path, dir: &Path) -> (Guarded, String, String) {
    let issuer = dir.join("issuer");
    fs::create_dir(&issuer).expect("a folder");
    let config = dir.join("sentry.yaml");
    let trust = "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: sentry}\nspec: {mtls: {enabled: true, controlPlaneTrustDomain: localhost}}\n";
    fs::write(&config, trust).expect("written");
    for _ in 0..5 {
        let [port, health] = free_ports();
        let mut command = Command::new(tools.join("sentry"));
        command.args([
            format!("--port={port}"),
            "--listen-address=127.0.0.1".to_owned(),
            format!("--healthz-port={health}"),
            "--healthz-listen-address=127.0.0.1".to_owned(),
            "--enable-metrics=false".to_owned(),
            "--trust-domain=localhost".to_owned(),
            format!("--config={}", config.display()),
            format!("--issuer-credentials={}", issuer.display()),
        ]);
        command.env("NAMESPACE", "default").current_dir(dir);
        let mut sentry = Guarded::start(&mut command, dir.join("sentry.log"));
        match sentry.wait(&format!("http://127.0.0.1:{health}/healthz"), 200) {
            Ok(()) => {
                let root = fs::read_to_string(issuer.join("ca.crt")).expect("the root that sentry wrote");
                return (sentry, format!("127.0.0.1:{port}"), root);
            }
            Err(log) if log.contains("in use") => {}
            Err(log) => panic!("sentry does not start:\n{log}"),
        }
    }
    panic!("no free ports");
}

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
