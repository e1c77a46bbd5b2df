//! Calls whose bodies stream: as fast as the other side, as long as the guest wants, within its limits.

use super::{Double, Limits, app, cases, everything, get, runtime, text};
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(20);
/// Small enough to be reached at once.
const BODY: u64 = 100_000;

fn small() -> Limits {
    Limits { outgoing_body: BODY, timeout: PATIENCE, ..Limits::default() }
}

/// What the guest says of it.
async fn check(path: &str, limits: Limits, says: &str) -> Arc<Double> {
    let (runtime, double) = (runtime(), Arc::<Double>::default());
    let app = cases(&runtime, double.clone(), everything(), limits, Vec::new());
    assert_eq!(text(&app, &format!("/stream/{path}")).await, says, "{path}");
    double
}

/// A call of the double was dropped.
async fn gone(double: impl AsRef<Double>) {
    let double = double.as_ref();
    let permit = tokio::time::timeout(PATIENCE, double.gone.acquire()).await;
    permit.expect("the call is dropped").expect("open").forget();
}

#[tokio::test]
async fn both_bodies_stream_at_the_same_time() {
    check("pieces/c/100", Limits::default(), "100 and \"\"").await;
    check("relay/c/3000000", Limits::default(), "3000000 3000000").await;
}

#[tokio::test]
async fn nobody_writes_more_than_the_other_side_reads() {
    // One piece waits, and no more is taken.
    check("unread", Limits::default(), "65536").await;
}

#[tokio::test]
async fn each_body_has_its_limit() {
    let over = "PILLION_GUEST_LIMIT: guest `cases` went over its limit of  bytes in a body \
                (hint: ask for less at once, or raise `limits.outgoingBody` of the guest)";
    let double = check("endless", small(), &format!(" bytes, then {over}")).await;
    gone(&double).await;
    // What was written is no whole body to anybody.
    let over = over.replace("of  bytes", "of 100000 bytes");
    let broken = "0 bytes, then ERR_BODY_READ: what the guest writes broke off before its end";
    check("too-much", small(), &format!("{over}; then Err(\"ERR_BAD_REQUEST\"); {broken}")).await;
}

#[tokio::test]
async fn a_dropped_handle_cancels() {
    gone(check("cancel", Limits::default(), "dropped").await).await;
    gone(check("cancel-answer", Limits::default(), "Ok(())").await).await;
    let broken = "4 bytes, then ERR_BODY_READ: what the guest writes broke off before its end";
    check("unfinished", Limits::default(), broken).await;
}

#[tokio::test]
async fn the_guests_deadline_is_that_of_its_calls() {
    let (runtime, double) = (runtime(), Arc::<Double>::default());
    let limits = Limits { timeout: Duration::from_millis(300), ..Limits::default() };
    let app = cases(&runtime, double.clone(), everything(), limits, Vec::new());
    let (status, answer) = get(&app, "/stream/wait").await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(status == StatusCode::GATEWAY_TIMEOUT && answer.contains("PILLION_GUEST_TIMEOUT"), "{status} {answer}");
    gone(&double).await;
}

#[tokio::test]
async fn so_many_streams_are_open_and_no_more() {
    let (runtime, double) = (runtime(), Arc::<Double>::default());
    let app = app(&runtime, &double);
    let answer = text(&app, "/stream/many").await;
    let says = "error PILLION_GUEST_LIMIT 500 retryable=false guest `cases` has 100 calls open whose bodies stream";
    assert!(answer.starts_with(says), "{answer}");
    // All of them end with their guest.
    for _ in 0..100 {
        gone(&double).await;
    }
}

#[tokio::test]
async fn what_there_is_once_there_is_once() {
    let says = "true false Err(\"ERR_BAD_REQUEST\") \"\" Err(\"ERR_BAD_REQUEST\")";
    check("twice", Limits::default(), says).await;
}
