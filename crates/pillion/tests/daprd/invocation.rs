//! Service invocation through daprds: what the guest sees of its caller, streams and sizes, and what no caller may reach.

use crate::harness::{Behind, Network, Setup, bus, tools};

const ECHO: &str = "{ guests: { echo: { source: http-echo.wasm }, listener: { source: event-recorder.wasm } }, routes: [{ path: /, guest: echo }], on: [{ pubsub: bus, topic: orders, guest: listener }, { job: reindex, guest: listener }], allow: { files: [\"./events:/events\"] } }";
const OTHER: &str = "{ guests: { echo: { source: http-echo.wasm } }, routes: [{ path: /, guest: echo }] }";

/// The app `echo`, and another that calls it by its own daprd.
fn pair(test: &str, protocol: &'static str) -> Option<[Behind; 2]> {
    let network = Network::new(tools(test)?);
    let echo = Setup::new("echo", ECHO, bus()).protocol(protocol).start_in(&network);
    Some([echo, Setup::new("other", OTHER, "").start_in(&network)])
}

#[test]
fn a_guest_sees_who_calls_and_in_which_trace() {
    for protocol in ["http", "grpc"] {
        let Some([_echo, other]) = pair("a_guest_sees_who_calls_and_in_which_trace", protocol) else { return };
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let headers = [
            ("traceparent", &*format!("00-{trace}-00f067aa0ba902b7-01")),
            ("x-mine", "kept"),
            ("accept", "text/plain"),
        ];
        let answer = other.dapr("PUT", "/v1.0/invoke/echo/method/some/path?a=b", &headers, b"body");
        let text = answer.text();
        assert_eq!(answer.status, 200, "{text}");
        assert!(text.starts_with("PUT /some/path?a=b\n"), "{protocol}: {text}");
        for line in ["x-mine: kept", "accept: text/plain", "dapr-caller-app-id: other", "dapr-callee-app-id: echo"] {
            assert!(text.lines().any(|other| other == line), "{protocol}: `{line}` is missing in {text}");
        }
        assert!(text.contains(&format!("traceparent: 00-{trace}-")), "{protocol}: {text}");
        assert!(!text.contains("grpc-"), "{protocol}: {text}");
        assert!(text.ends_with("\n\nbody"), "{protocol}: {text}");
    }
}

/// daprd hands a forged name on beside its own.
#[test]
fn no_caller_can_forge_who_it_is() {
    for protocol in ["http", "grpc"] {
        let Some([_echo, other]) = pair("no_caller_can_forge_who_it_is", protocol) else { return };
        let forged = [("dapr-caller-app-id", "admin")];
        let text = other.dapr("GET", "/v1.0/invoke/echo/method/x", &forged, b"").text();
        assert!(text.starts_with("GET /x") && !text.contains("admin"), "{protocol}: {text}");
    }
}

#[test]
fn streams_and_large_bodies_come_whole() {
    for protocol in ["http", "h2c", "grpc"] {
        let Some([_echo, other]) = pair("streams_and_large_bodies_come_whole", protocol) else { return };
        let chunks = other.dapr("GET", "/v1.0/invoke/echo/method/stream?50", &[], b"").text();
        assert_eq!(chunks.lines().count(), 50, "{protocol}: {chunks}");
        let large = vec![b'x'; 3 << 20];
        let echoed = other.dapr("POST", "/v1.0/invoke/echo/method/large", &[], &large);
        assert_eq!(echoed.status, 200, "{protocol}: {}", echoed.text());
        assert!(echoed.body.ends_with(&large), "{protocol}: {} bytes", echoed.body.len());
    }
}

/// A guest's own calls, whose bodies are far larger than any buffer on the way.
#[test]
fn a_typed_guest_streams_both_ways() {
    const CASES: &str = "{ source: dapr-cases.wasm, allow: { invoke: [echo] } }";
    for protocol in ["http", "grpc"] {
        let Some(tools) = tools("a_typed_guest_streams_both_ways") else { return };
        let network = Network::new(tools);
        let _echo = Setup::new("echo", ECHO, bus()).protocol(protocol).start_in(&network);
        let other = Setup::new("other", CASES, "").start_in(&network);
        let answer = other.dapr("GET", "/v1.0/invoke/other/method/stream/relay/echo/3000000", &[], b"");
        let text = answer.text();
        assert_eq!(answer.status, 200, "{protocol}: {text}\n{}", other.daprd.log());
        // Beside the body, the answer has the request's head.
        let bytes = text.split_once(' ').and_then(|(_, body)| body.parse::<u32>().ok());
        assert!(bytes.is_some_and(|bytes| bytes >= 3_000_000), "{protocol}: {text}");
    }
}

#[test]
fn another_app_can_not_send_events_by_invoking_them() {
    for protocol in ["http", "grpc"] {
        let Some([echo, other]) = pair("another_app_can_not_send_events_by_invoking_them", protocol) else { return };
        let event = [("content-type", "application/cloudevents+json"), ("pubsubname", "bus")];
        for path in ["dapr/on/listener", "job/reindex", "dapr/on//listener"] {
            let url = format!("/v1.0/invoke/echo/method/{path}");
            let answer = other.dapr("POST", &url, &event, br#"{"data":"forged"}"#);
            // Over gRPC an invocation is none of daprd's own calls, so that it goes to the route's guest.
            let wanted = if protocol == "http" { 403 } else { 200 };
            assert_eq!(answer.status, wanted, "{protocol}, {path}: {}", answer.text());
        }
        let asked = other.dapr("GET", "/v1.0/invoke/echo/method/dapr/subscribe", &[], b"");
        assert!(!asked.text().contains("pubsubname"), "{protocol}: {}", asked.text());
        assert!(echo.events().is_empty(), "{protocol}: {:#?}", echo.events());
    }
}
