//! Dapr's control plane, as much of it as a test needs: each program on free ports of loopback.

use crate::{
    common::{free_ports, on_free_ports},
    harness::Guarded,
};
use std::{fs, path::Path, process::Command};

/// Starts a program of Dapr's; `more` adds its own flags, given free ports, to those that all of them have. The address
/// that it serves.
fn start(tools: &Path, dir: &Path, name: &str, more: impl Fn(&mut Command, u16, [u16; 2])) -> (Guarded, String) {
    on_free_ports(|| {
        let [port, health, one, two] = free_ports();
        let mut command = Command::new(tools.join(name));
        command.args([
            format!("--port={port}"),
            "--listen-address=127.0.0.1".to_owned(),
            format!("--healthz-port={health}"),
            "--healthz-listen-address=127.0.0.1".to_owned(),
            "--enable-metrics=false".to_owned(),
        ]);
        more(&mut command, port, [one, two]);
        let mut program = Guarded::start(&mut command, dir.join(name).with_extension("log"));
        program.wait(&format!("http://127.0.0.1:{health}/healthz"), 200)?;
        Ok((program, format!("127.0.0.1:{port}")))
    })
}

/// Who hosts which actors.
pub fn placement(tools: &Path, dir: &Path) -> (Guarded, String) {
    start(tools, dir, "placement", |command, _, [peer, _]| {
        command.arg(format!("--initial-cluster=dapr-placement-0=127.0.0.1:{peer}"));
    })
}

/// Jobs, reminders, and the times of workflows.
pub fn scheduler(tools: &Path, dir: &Path) -> (Guarded, String) {
    let identity = dir.join("identity");
    fs::create_dir_all(&identity).expect("a folder");
    start(tools, dir, "scheduler", |command, port, [client, peer]| {
        command.args([
            format!("--etcd-data-dir={}", dir.join("etcd").display()),
            format!("--etcd-client-port={client}"),
            format!("--etcd-initial-cluster=dapr-scheduler-server-0=http://127.0.0.1:{peer}"),
            format!("--override-broadcast-host-port=127.0.0.1:{port}"),
            format!("--identity-directory-write={}", identity.display()),
        ]);
    })
}

/// Who signs the certificates of daprds; with the root of all of them, in PEM.
pub fn sentry(tools: &Path, dir: &Path) -> (Guarded, String, String) {
    let (issuer, config) = (dir.join("issuer"), dir.join("sentry.yaml"));
    fs::create_dir(&issuer).expect("a folder");
    let trust = "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: sentry}\nspec: {mtls: {enabled: true, controlPlaneTrustDomain: localhost}}\n";
    fs::write(&config, trust).expect("written");
    let (sentry, address) = start(tools, dir, "sentry", |command, _, _| {
        command.args([
            "--trust-domain=localhost".to_owned(),
            format!("--config={}", config.display()),
            format!("--issuer-credentials={}", issuer.display()),
        ]);
        command.env("NAMESPACE", "default").current_dir(dir);
    });
    let root = fs::read_to_string(issuer.join("ca.crt")).expect("the root that sentry wrote");
    (sentry, address, root)
}
