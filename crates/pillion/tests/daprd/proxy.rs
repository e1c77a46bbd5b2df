//! gRPC services of guests, called through daprds that know nothing of them.

use crate::{
    greeter::{Greeter, check_every_form},
    harness::{Behind, Network, Setup, tools, until},
};
use tonic::Code;

const GREETER: &str =
    "{ guests: { greeter: { source: http-grpc.wasm } }, routes: [{ path: /pillion.test.Greeter, guest: greeter }] }";
const OTHER: &str = "{ guests: { echo: { source: http-echo.wasm } }, routes: [{ path: /, guest: echo }] }";
const TO_GREETER: (&str, &str) = ("dapr-app-id", "greeter");

/// The app with the service, and another one that calls it by its own daprd.
fn pair(test: &str) -> Option<[Behind; 2]> {
    let network = Network::new(tools(test)?);
    let greeter = Setup::new("greeter", GREETER, "").protocol("grpc").start_in(&network);
    Some([greeter, Setup::new("other", OTHER, "").start_in(&network)])
}

#[test]
fn another_app_calls_a_guests_service_through_both_daprds() {
    let Some([greeter, other]) = pair("another_app_calls_a_guests_service_through_both_daprds") else { return };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    // The name of an app is known a little after its start.
    let known = until(|| {
        let said = runtime.block_on(async { Greeter::at(other.ports.grpc, &[TO_GREETER]).unary("Say", "you").await });
        said.is_ok()
    });
    assert!(known, "{}\n{}", other.daprd.log(), greeter.daprd.log());
    runtime.block_on(async {
        let through_both = Greeter::at(other.ports.grpc, &[TO_GREETER]);
        check_every_form(&through_both).await;
        let said = through_both.unary("Say", "you").await.expect("an answer");
        assert_eq!(said.metadata().get("x-called-by").map(|value| value.as_bytes()), Some(&b"other"[..]));
        check_every_form(&Greeter::at(greeter.ports.grpc, &[TO_GREETER])).await;
        let unnamed = Greeter::at(other.ports.grpc, &[]).unary("Say", "you").await.expect_err("no app is named");
        assert_ne!(unnamed.code(), Code::Ok);
    });
}
