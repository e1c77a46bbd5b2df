//! Input bindings: what `on:` names, and what an http guest says to the probe.

use crate::harness::{Setup, component, tools};

fn cron(name: &str) -> String {
    component(name, "bindings.cron", &[("schedule", "@every 1s")])
}

#[test]
fn an_event_of_a_binding_reaches_a_guest_of_on_and_no_other() {
    let app = r#"{ guests: { worker: { source: event-recorder.wasm } }, routes: [{ path: /, guest: worker }], on: [{ binding: tick, guest: worker }], allow: { files: ["./events:/events"] } }"#;
    for protocol in ["http", "grpc"] {
        let Some(tools) = tools("an_event_of_a_binding_reaches_a_guest_of_on_and_no_other") else { return };
        let mut behind = Setup::new("clock", app, cron("tick") + &cron("other")).protocol(protocol).start(tools);
        behind.until("POST /tick", 2);
        // A command is not asked whether it wants what `on:` doesn't name, and so gets neither probe nor event.
        assert_eq!(behind.count("OPTIONS") + behind.count("/other"), 0, "{:#?}", behind.events());
    }
}

#[test]
fn an_http_guest_answers_the_probe_itself() {
    let app = r#"{ source: http-subscriber.wasm, env: { BINDINGS: /tick }, allow: { files: ["./events:/events"] } }"#;
    let Some(tools) = tools("an_http_guest_answers_the_probe_itself") else { return };
    let mut behind = Setup::new("clock", app, cron("tick") + &cron("other")).start(tools);
    behind.until("POST /tick", 2);
    assert_eq!(behind.count("/other"), 0, "{:#?}", behind.events());
}
