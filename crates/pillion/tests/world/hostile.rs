//! Guests that ask for too much: each gets a definite answer, and the host stays as it was.

use super::{Double, Limits, cases, everything, get, runtime, text};
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;

/// Small enough that no test takes long, large enough for what the guest itself needs.
fn limits() -> Limits {
    Limits { timeout: Duration::from_secs(20), memory: 256 << 20, resources: 100, ..Limits::default() }
}

/// What the guest does, and what says that it was stopped: the guest's own answer, or a problem body.
const HOSTILE: &[(&str, &str)] = &[
    ("many-keys", "error ERR_BAD_REQUEST 400 retryable=false a call of 20000 items is over the limit of 10000"),
    ("huge-value", "limits.hostcallFuel"),
    ("huge-key", "limits.hostcallFuel"),
    ("many-secrets", "limits.resources"),
    ("many-calls", "error PILLION_GUEST_LIMIT 500 retryable=false guest `cases` made more than 1000 host calls"),
];

#[tokio::test]
async fn whoever_asks_for_too_much_learns_the_limit() {
    let (runtime, double) = (runtime(), Arc::<Double>::default());
    let app = cases(&runtime, double.clone(), everything(), limits(), Vec::new());
    for (what, says) in HOSTILE {
        let (_, answer) = get(&app, &format!("/hostile/{what}")).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.contains(says), "{what}: {answer}");
        double.take();
        // The next call finds nothing of it.
        assert_eq!(text(&app, "/call/state.get").await, "v 7 None", "after {what}");
    }
}

#[tokio::test]
async fn secrets_that_are_kept_open_have_a_budget_of_bytes() {
    let (runtime, double) = (runtime(), Arc::<Double>::default());
    let limits = Limits { host_buffers: 100, resources: 1000, ..limits() };
    let app = cases(&runtime, double, everything(), limits, Vec::new());
    let answer = text(&app, "/hostile/many-secrets").await;
    assert!(answer.contains("error PILLION_GUEST_LIMIT") && answer.contains("limits.hostBuffers"), "{answer}");
}

#[tokio::test]
async fn a_guest_cannot_say_that_its_message_is_a_first_one() {
    let (runtime, double) = (runtime(), Arc::<Double>::default());
    let app = cases(&runtime, double.clone(), everything(), limits(), Vec::new());
    assert_eq!(text(&app, "/hostile/forged-hops").await, "done");
    assert_eq!(double.take(), ["publish c/t again None"]);
    let (status, _) = get(&app, "/status/200").await;
    assert_eq!(status, StatusCode::OK);
}
