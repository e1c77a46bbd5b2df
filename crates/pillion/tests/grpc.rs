//! gRPC services of guests on an app's port: every form of call, and failures as statuses.

#![allow(unreachable_pub, dead_code)]

mod common;
#[path = "common/greeter.rs"]
mod greeter;

use common::{Running, free_ports, on_free_ports};
use greeter::{Greeter, check_every_form};
use std::fs;
use tonic::Code;

fn start() -> (Running, u16, tempfile::TempDir) {
    on_free_ports(|| {
        let dir = tempfile::tempdir().expect("a folder");
        let [port] = free_ports();
        fs::copy(common::guest("http-grpc"), dir.path().join("greeter.wasm")).expect("a guest");
        let manifest = format!(
            "version: 1\napps:\n  - appID: greeter\n    appDirPath: .\n    appPort: {port}\n    wasm: {{ guests: {{ greeter: {{ source: greeter.wasm }} }}, routes: [{{ path: /pillion.test.Greeter, guest: greeter }}] }}\n"
        );
        fs::write(dir.path().join("dapr.yaml"), manifest).expect("written");
        let running = Running::start(&["up", "--metrics-port", "0"], dir.path())?;
        Ok((running, port, dir))
    })
}

#[tokio::test]
async fn a_guest_answers_every_form_of_a_grpc_call() {
    let (_running, port, _dir) = start();
    check_every_form(&Greeter::at(port, &[])).await;
}

#[tokio::test]
async fn what_fails_has_a_status_that_a_client_knows() {
    let (_running, port, _dir) = start();
    let greeter = Greeter::at(port, &[]);
    let trapped = greeter.unary("Trap", "").await.expect_err("a trap");
    assert!(matches!(trapped.code(), Code::Internal | Code::Unknown), "{trapped:?}");
    let elsewhere = greeter.unary("/pillion.test.Other/Say", "").await.expect_err("no service");
    assert_eq!(elsewhere.code(), Code::Unimplemented, "{elsewhere:?}");
}
