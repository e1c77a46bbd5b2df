//! SIGTERM under load: what daprd took is delivered, by this process or the next.

use crate::harness::{Behind, Setup, bus, pause, rounds, tools, until};
use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

const APP: &str = r#"{ guests: { listener: { source: event-recorder.wasm }, echo: { source: http-echo.wasm } }, routes: [{ path: /api, guest: echo }], on: [{ pubsub: bus, topic: orders, guest: listener }], allow: { files: ["./events:/events"] } }"#;

/// Ends of the process in one test; `PILLION_TEST_ROUNDS` asks for more.
pub const ROUNDS: usize = 20;
/// Between two events of the load.
const PAUSE: Duration = Duration::from_millis(5);
/// Events that daprd takes before the process ends.
const SERVES: usize = 25;

fn check(test: &str, protocol: &'static str, rounds: usize) {
    let Some(tools) = tools(test) else { return };
    end_often(Setup::new("shop", APP, bus()).protocol(protocol).start(tools), rounds);
}

/// Ends the process while events come, and starts it again.
pub fn end_often(mut behind: Behind, rounds: usize) {
    let (done, taken) = (AtomicBool::new(false), AtomicUsize::new(0));
    let url = format!("http://127.0.0.1:{}/v1.0/publish/bus/orders", behind.ports.http);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let n = taken.load(Ordering::Relaxed);
                let answer = crate::common::post(&url, format!("event {n}.").as_bytes());
                assert_eq!(answer.status, 204, "{}", answer.text());
                taken.store(n + 1, Ordering::Release);
                pause(PAUSE);
            }
        });
        for round in 0..rounds {
            let before = taken.load(Ordering::Acquire);
            assert!(until(|| taken.load(Ordering::Acquire) >= before + SERVES), "round {round}: nothing is taken");
            let (status, printed) = behind.terminate();
            assert_eq!(status.code(), Some(0), "round {round}: {printed}");
            behind.restart();
        }
        done.store(true, Ordering::Relaxed);
    });
    behind.expect_all(&(0..taken.into_inner()).collect::<Vec<_>>());
}

/// daprd keeps nothing of an app: whoever comes next asks again.
#[test]
fn a_daprd_that_was_killed_is_replaced_without_the_apps_doing() {
    for protocol in ["http", "grpc"] {
        let Some(tools) = tools("a_daprd_that_was_killed_is_replaced_without_the_apps_doing") else { return };
        let mut behind = Setup::new("shop", APP, bus()).protocol(protocol).start(tools);
        for round in 0..3 {
            let text = format!("round {round}.");
            behind.publish("orders", &text);
            behind.until(&text, 1);
            behind.stop_daprd();
            behind.start_daprd();
        }
    }
}

/// The guest notes the event as it begins, so that it is in flight when the note is there.
#[test]
fn an_event_in_flight_is_taken_before_the_end_and_never_comes_again() {
    for protocol in ["http", "grpc"] {
        let test = "an_event_in_flight_is_taken_before_the_end_and_never_comes_again";
        let Some(tools) = tools(test) else { return };
        let mut behind = Setup::new("shop", APP, bus()).protocol(protocol).start(tools);
        behind.publish("orders", "take a while");
        behind.until("take a while", 1);
        let (status, printed) = behind.terminate();
        assert_eq!(status.code(), Some(0), "{printed}");
        behind.publish("orders", "after");
        behind.restart();
        behind.until("after", 1);
        assert_eq!(behind.count("take a while"), 1, "{protocol}: {:#?}", behind.events());
    }
}

#[test]
fn no_event_is_lost_by_an_end_under_load_over_http() {
    check("no_event_is_lost_by_an_end_under_load_over_http", "http", rounds(ROUNDS));
}

#[test]
fn no_event_is_lost_by_an_end_under_load_over_grpc() {
    check("no_event_is_lost_by_an_end_under_load_over_grpc", "grpc", rounds(ROUNDS));
}
