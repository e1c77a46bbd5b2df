//! Timers, reminders and idle actors.

use super::{ask, call, each, logs, until_said};
use crate::harness::until;

#[test]
fn a_timer_comes_back_with_its_data() {
    each("a_timer_comes_back_with_its_data", |plane| {
        let mut behind = plane.start_app("", "");
        ask(&mut behind, "a", "start-timer", "tock 100ms 100ms");
        let event = r#"timer tock tick {"of":"timer"}"#;
        let came = until(|| call(&behind, "a", "events", "").text().matches(event).count() >= 2);
        assert!(came, "{}", logs(&mut behind));
    });
}

/// Its count is in the store, so that it goes on where it was.
#[test]
fn a_reminder_outlives_the_process() {
    each("a_reminder_outlives_the_process", |plane| {
        let mut behind = plane.start_app("", "");
        assert_eq!(ask(&mut behind, "a", "add", "7"), "7");
        ask(&mut behind, "a", "remind", "pay 3s 1s");
        // Ends as `kill -9` does.
        drop(behind.pillion.take());
        behind.restart();
        until_said(&mut behind, "reminder pay of a");
        assert!(until(|| call(&behind, "a", "forget", "pay").status == 200), "{}", logs(&mut behind));
        let count: u32 = ask(&mut behind, "a", "get", "").parse().expect("a number");
        assert!(count >= 107 && count % 100 == 7, "{count}");
        assert!(ask(&mut behind, "a", "events", "").contains(r#"reminder pay {"of":"reminder"}"#));
    });
}

#[test]
fn an_actor_that_nobody_calls_is_deactivated() {
    each("an_actor_that_nobody_calls_is_deactivated", |plane| {
        let mut behind = plane.start_app(", idleTimeout: 1s", "");
        assert_eq!(ask(&mut behind, "a", "add", "1"), "1");
        until_said(&mut behind, "deactivated a after 1 turns");
        assert_eq!(ask(&mut behind, "a", "get", ""), "1");
    });
}
