//! `APP_API_TOKEN`: who doesn't show it is nobody.

use crate::harness::{Behind, Setup, bus, tools, until};

const APP: &str = r#"{ guests: { listener: { source: event-recorder.wasm }, echo: { source: http-echo.wasm } }, routes: [{ path: /, guest: echo }], on: [{ pubsub: bus, topic: orders, guest: listener }], allow: { files: ["./events:/events"] } }"#;
const EVENT: (&str, &str) = ("content-type", "application/cloudevents+json");

fn start(test: &str, protocol: &'static str, tokens: [Option<&'static str>; 2]) -> Option<Behind> {
    let setup = Setup { tokens, ..Setup::new("vault", APP, bus()) };
    Some(setup.protocol(protocol).start(tools(test)?))
}

#[test]
fn daprd_with_the_token_delivers_and_a_client_without_it_fakes_nothing() {
    for protocol in ["http", "h2c"] {
        let test = "daprd_with_the_token_delivers_and_a_client_without_it_fakes_nothing";
        let Some(mut behind) = start(test, protocol, [Some("s3cret"); 2]) else { return };
        behind.publish("orders", "real");
        for token in [None, Some(("dapr-api-token", "wrong"))] {
            let headers: Vec<_> = [EVENT].into_iter().chain(token).collect();
            let faked = behind.app("POST", "/dapr/on/listener", &headers, b"{\"data\":\"faked\"}");
            assert_eq!(faked.status, 401, "{}", faked.text());
            assert_eq!(behind.app("GET", "/", &headers, b"").status, 401);
        }
        assert_eq!(behind.app("GET", "/healthz", &[], b"").status, 200);
        behind.until("real", 1);
        let invoked = behind.dapr("POST", "/v1.0/invoke/vault/method/any", &[], b"ping");
        assert_eq!(invoked.status, 200, "{}", invoked.text());
        assert!(invoked.text().contains("ping") && !invoked.text().contains("s3cret"), "{}", invoked.text());
        assert_eq!(behind.count("faked"), 0);
    }
}

/// This daprd shows the token over gRPC with invocations alone (from 1.16.2 on with events, too), so that an event without
/// it is refused whoever sends it.
#[test]
fn over_grpc_an_invocation_shows_the_token_and_an_event_without_it_is_refused() {
    let test = "over_grpc_an_invocation_shows_the_token_and_an_event_without_it_is_refused";
    let Some(behind) = start(test, "grpc", [Some("s3cret"); 2]) else { return };
    let invoked = behind.dapr("POST", "/v1.0/invoke/vault/method/any", &[], b"ping");
    assert_eq!(invoked.status, 200, "{}", invoked.text());
    assert!(invoked.text().contains("ping") && !invoked.text().contains("s3cret"), "{}", invoked.text());
    behind.publish("orders", "without");
    let refused = until(|| behind.daprd.log().contains("the request doesn't carry this app's token"));
    assert!(refused, "{}", behind.daprd.log());
    assert!(behind.events().is_empty(), "{:?}", behind.events());
}

#[test]
fn daprd_with_a_wrong_token_reaches_no_guest() {
    let test = "daprd_with_a_wrong_token_reaches_no_guest";
    let Some(behind) = start(test, "http", [Some("s3cret"), Some("wrong")]) else { return };
    let invoked = behind.dapr("POST", "/v1.0/invoke/vault/method/any", &[], b"ping");
    assert_eq!(invoked.status, 401, "{}", invoked.text());
    assert!(invoked.text().contains("PILLION_APP_TOKEN_INVALID"), "{}", invoked.text());
    assert!(behind.events().is_empty());
}
