//! Methods, state, turns and their failures.

use super::{ask, call, each, logs, until_said};
use crate::common::post;
use std::{
    thread,
    time::{Duration, Instant},
};

#[test]
fn an_actor_keeps_its_memory_and_its_state() {
    each("an_actor_keeps_its_memory_and_its_state", |plane| {
        let mut setup = plane.setup(", idleTimeout: 30m", "");
        setup.tokens = [Some("secret"); 2];
        let mut behind = plane.start_setup(setup);
        assert_eq!(ask(&mut behind, "a", "add", "1"), "1");
        assert_eq!(ask(&mut behind, "a", "add", "2"), "3");
        assert_eq!(ask(&mut behind, "a", "turns", ""), "3");
        assert_eq!(ask(&mut behind, "b", "turns", ""), "1");
        let state = behind.dapr("GET", "/v1.0/actors/Counter/a/state/count", &[], b"");
        assert_eq!((state.status, state.text().as_str()), (200, "3"));
        let unknown = behind.dapr("POST", "/v1.0/actors/Nobody/a/method/get", &[], b"");
        assert_eq!(unknown.status, 500, "{}", unknown.text());
    });
}

/// By the stream there is nothing at the port.
#[test]
fn nobody_but_the_apps_own_daprd_gives_turns() {
    each("nobody_but_the_apps_own_daprd_gives_turns", |plane| {
        let mut setup = plane.setup(", idleTimeout: 30m", "");
        setup.tokens = [Some("secret"); 2];
        let mut behind = plane.start_setup(setup);
        let token = ("dapr-api-token", "secret");
        let path = "/actors/Counter/a/method/get";
        let config = behind.app("GET", "/dapr/config", &[token], b"").text();
        if plane.is_streamed() {
            assert_eq!(config, r#"{"entities":[]}"#);
            let refused = behind.app("PUT", path, &[token], b"");
            assert!(refused.text().contains("no invocation-handler"), "{}", refused.text());
            return;
        }
        assert!(
            config.contains(r#""entities":["Counter"]"#) && config.contains(r#""actorIdleTimeout":"1800s""#),
            "{config}"
        );
        assert_eq!(ask(&mut behind, "a", "turns", ""), "1");
        assert_eq!(behind.app("PUT", path, &[], b"").status, 401);
        assert_eq!(behind.app("PUT", path, &[token, ("dapr-caller-app-id", "other")], b"").status, 403);
        assert_eq!(behind.app("DELETE", "/actors/Counter/a", &[token, ("forwarded", "for=x")], b"").status, 403);
        assert_eq!(ask(&mut behind, "a", "turns", ""), "2");
        let unknown = behind.app("PUT", "/actors/Nobody/a/method/get", &[token], b"");
        assert_eq!(unknown.status, 404, "{}", unknown.text());
        assert!(unknown.text().contains("hosts no actors of the type `Nobody`"), "{}", unknown.text());
    });
}

#[test]
fn increments_at_the_same_time_lose_nothing() {
    each("increments_at_the_same_time_lose_nothing", |plane| {
        let mut behind = plane.start_app("", "");
        let port = behind.ports.http;
        let at = |id: &str, method: &str| format!("http://127.0.0.1:{port}/v1.0/actors/Counter/{id}/method/{method}");
        thread::scope(|scope| {
            let adding = || (0..5).for_each(|_| assert_eq!(post(&at("one", "add"), b"1").status, 200));
            (0..8).for_each(|_| drop(scope.spawn(adding)));
        });
        assert_eq!(ask(&mut behind, "one", "get", ""), "40");
        // Eight turns of one and a half seconds would be twelve, one after the other.
        let began = Instant::now();
        thread::scope(|scope| {
            let sleeping = |id: i32| assert_eq!(post(&at(&format!("s{id}"), "sleep"), b"1500").status, 200);
            (0..8).for_each(|id| drop(scope.spawn(move || sleeping(id))));
        });
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    });
}

#[test]
fn an_actor_that_failed_goes_on_and_one_that_trapped_begins_anew() {
    each("an_actor_that_failed_goes_on_and_one_that_trapped_begins_anew", |plane| {
        let mut behind = plane.start_app("", "");
        assert_eq!(ask(&mut behind, "a", "add", "5"), "5");
        for (method, code) in [("fail", "PILLION_GUEST_ERROR"), ("trap", "PILLION_GUEST_TRAP")] {
            let failed = call(&behind, "a", method, "");
            assert_eq!(failed.status, 500, "{method}: {}", failed.text());
            assert!(
                failed.text().contains(code) && failed.text().contains("on purpose") == (method == "fail"),
                "{}",
                failed.text()
            );
        }
        assert_eq!(ask(&mut behind, "a", "get", ""), "5");
        assert_eq!(ask(&mut behind, "a", "turns", ""), "2");
        let refused = call(&behind, "refuses", "get", "");
        assert!(refused.status == 500 && refused.text().contains("refused on purpose"), "{}", refused.text());
    });
}

/// Where it would wait for itself, the deadline of the guest would be the error.
#[test]
fn a_chain_of_actors_that_comes_back_has_a_definite_end() {
    each("a_chain_of_actors_that_comes_back_has_a_definite_end", |plane| {
        for of_type in ["", ", reentrancy: { enabled: true, maxStackDepth: 8 }"] {
            let mut behind = plane.start_app(of_type, "");
            assert_eq!(ask(&mut behind, "a", "call", "Counter/b get"), "0");
            for line in ["Counter/a get", "Counter/b call Counter/a get", "Counter/b call Counter/c call Counter/b get"]
            {
                let circle = call(&behind, "a", "call", line);
                assert_eq!(circle.status, 500, "{line}: {}", circle.text());
                assert!(
                    circle.text().contains("PILLION_ACTOR_REENTERED"),
                    "{of_type}{line}: {}\n{}",
                    circle.text(),
                    logs(&mut behind)
                );
            }
            assert_eq!(ask(&mut behind, "a", "get", ""), "0");
        }
    });
}

#[test]
fn who_was_idle_longest_leaves_where_no_more_may_be_active() {
    each("who_was_idle_longest_leaves_where_no_more_may_be_active", |plane| {
        let mut behind = plane.start_app("", ", maxActiveActors: 2");
        for id in ["a", "b", "c"] {
            ask(&mut behind, id, "add", "1");
        }
        until_said(&mut behind, "deactivated a after 1 turns");
        assert_eq!(ask(&mut behind, "a", "get", ""), "1");
    });
}
