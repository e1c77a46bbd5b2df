//! Many at once: who waits, who is sent away, and whether neighbours notice.

mod common;

use common::{app, guest, post, runtime};
use http::StatusCode;
use pillion_api::Code;
use pillion_runtime::{Limits, Options, Runtime};
use std::time::{Duration, Instant};

const SPIN: &str = r#"(module (func (export "_start") (loop $l (br $l))))"#;
const NOTHING: &str = r#"(module (func (export "_start")))"#;

#[tokio::test(flavor = "multi_thread")]
async fn who_waited_too_long_gets_503_and_later_all_is_well() {
    let runtime = runtime();
    let limits = Limits {
        concurrency: 2,
        queue_wait: Duration::from_millis(100),
        timeout: Duration::from_millis(500),
        ..Limits::default()
    };
    let app = app(&runtime, guest(&runtime, SPIN), limits);
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let app = app.clone();
            tokio::spawn(async move { post(&app, "").await.expect_err("it spins") })
        })
        .collect();
    let mut codes = Vec::new();
    for call in calls {
        let error = call.await.expect("no panic");
        if error.code() == Code::Overloaded {
            assert!(error.problem_response().headers().contains_key("retry-after"));
        }
        codes.push(error.code());
    }
    assert_eq!(codes.iter().filter(|code| **code == Code::GuestTimeout).count(), 2, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == Code::Overloaded).count(), 8, "{codes:?}");
    assert_eq!(post(&app, "").await.expect_err("it spins").code(), Code::GuestTimeout);
    assert_eq!(app.stats()[0].in_flight, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_guest_is_answered_within_100_ms_beside_spinning_ones() {
    let runtime = runtime();
    let spinning =
        app(&runtime, guest(&runtime, SPIN), Limits { timeout: Duration::from_secs(3), ..Limits::default() });
    let good = app(&runtime, guest(&runtime, NOTHING), Limits::default());
    let spinners: Vec<_> = (0..16)
        .map(|_| {
            let spinning = spinning.clone();
            tokio::spawn(async move { post(&spinning, "").await.map(|_| ()) })
        })
        .collect();
    while spinning.stats()[0].in_flight < 16 {
        tokio::task::yield_now().await;
    }
    let mut times = Vec::new();
    for _ in 0..20 {
        let asked = Instant::now();
        assert_eq!(post(&good, "").await.expect("an answer").0, StatusCode::OK);
        times.push(asked.elapsed());
    }
    times.sort();
    assert!(times[17] < Duration::from_millis(100), "{times:?}");
    for spinner in spinners {
        assert!(spinner.await.expect("no panic").is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn busy_guests_that_hold_every_place_keep_no_rare_one_out() {
    let runtime = Runtime::new(Options { process_concurrency: 4, ..Options::default() }).expect("a runtime");
    let wait = Duration::from_millis(200);
    let limits = Limits { timeout: Duration::from_secs(3), queue_wait: wait, ..Limits::default() };
    let busy = app(&runtime, guest(&runtime, SPIN), limits.clone());
    let rare = app(&runtime, guest(&runtime, NOTHING), limits);
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let busy = busy.clone();
            tokio::spawn(async move { post(&busy, "").await.expect_err("it spins").code() })
        })
        .collect();
    while busy.stats()[0].in_flight < 8 {
        tokio::task::yield_now().await;
    }
    assert_eq!(post(&rare, "").await.expect("a place").0, StatusCode::OK);
    for call in calls {
        let code = call.await.expect("no panic");
        assert!(matches!(code, Code::GuestTimeout | Code::Overloaded), "{code:?}");
    }
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_guest_with_it() {
    let runtime = runtime();
    let app = app(&runtime, guest(&runtime, SPIN), Limits { timeout: Duration::from_secs(60), ..Limits::default() });
    let impatient = tokio::time::timeout(Duration::from_millis(50), post(&app, ""));
    assert!(impatient.await.is_err());
    let gone = async {
        while runtime.memory().0 > 0 || app.stats()[0].in_flight > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(1), gone).await.expect("gone within a second");
}

#[tokio::test]
async fn the_memory_budget_of_the_process_answers_503() {
    let runtime =
        Runtime::new(Options { memory_budget: 1 << 20, max_instances: 4, ..Options::default() }).expect("a runtime");
    let large = r#"(module (memory (export "memory") 32) (func (export "_start")))"#;
    let refused = app(&runtime, guest(&runtime, large), Limits::default());
    assert_eq!(post(&refused, "").await.expect_err("over").code(), Code::Overloaded);
    let fits = app(&runtime, guest(&runtime, NOTHING), Limits::default());
    assert_eq!(post(&fits, vec![0; (1 << 20) + 1]).await.expect_err("over").code(), Code::Overloaded);
    assert_eq!(runtime.memory().0, 0);
    assert_eq!(post(&fits, "").await.expect("an answer").0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_than_instances_end_in_definite_answers() {
    let runtime = Runtime::new(Options { max_instances: 2, ..Options::default() }).expect("a runtime");
    let wat = r#"(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))"#;
    let app = app(&runtime, guest(&runtime, wat), Limits { timeout: Duration::from_millis(200), ..Limits::default() });
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let app = app.clone();
            tokio::spawn(async move { post(&app, "").await.expect_err("it spins").code() })
        })
        .collect();
    for call in calls {
        let code = call.await.expect("no panic");
        assert!(matches!(code, Code::GuestTimeout | Code::Overloaded), "{code:?}");
    }
}
