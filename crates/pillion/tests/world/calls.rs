//! A row for each function of each interface: what the guest gets, what the sidecar sees, and what it is denied.

use super::{Double, Limits, app, cases, runtime, text};
use pillion_api::policy::Allow;
use std::sync::Arc;

/// The call, what it answers, what the sidecar is asked, and the list of `allow` that grants it.
const CALLS: &[(&str, &str, &[&str], &str)] = &[
    ("state.get", "v 7 None", &["get_state c k"], "state"),
    ("state.get-bulk", r#"k:Ok(Some("v")) l:Ok(Some("v"))"#, &[r#"get_bulk_state c ["k", "l"]"#], "state"),
    ("state.set", "done", &[r#"save_state c k=v Some("1") a=b ttlInSeconds=7"#], "state"),
    ("state.delete", "done", &[r#"delete_state c k Some("1") a=b"#], "state"),
    ("state.transact", "done", &[r#"execute_state_transaction c ["k", "l"]"#], "state"),
    ("state.query", "k next", &["query_state c {}"], "state"),
    ("pubsub.publish", "done", &[r#"publish c/t data Some("text/plain") a=b"#], "publish"),
    ("pubsub.publish-bulk", "2 full", &["publish_bulk c/t 2"], "publish"),
    ("bindings.invoke", r#"answer [("a", "b")]"#, &["invoke_binding c create data a=b"], "bindings"),
    ("secrets.get", r#"["k"] Some("hidden") None"#, &["get_secret c k"], "secrets"),
    ("secrets.get-bulk", r#"k=Some("hidden") l=Some("hidden")"#, &["get_bulk_secrets c"], "secrets"),
    ("configuration.get", "k=v 1", &[r#"get_configuration c ["k"]"#], "configuration"),
    ("configuration.subscribe", "id", &[r#"subscribe_configuration c ["k"]"#], "configuration"),
    // The subscription of the row before is the guest's, whatever instance asks.
    ("configuration.unsubscribe", "done", &["unsubscribe_configuration c id"], "configuration"),
    (
        "invocation.invoke",
        "202 answer",
        &[r#"invoke c PUT /a%20b?q=1 own=Some("1") caller=Some("app") data"#],
        "invoke",
    ),
    (
        "invocation.invoke-streaming",
        "202 answer",
        &[r#"invoke c PUT /a%20b?q=1 own=Some("1") caller=Some("app") data"#],
        "invoke",
    ),
    (
        "invocation.failure",
        "4 bytes, then ERR_DIRECT_INVOKE: the wire was cut",
        &[r#"invoke c PUT /broken own=Some("1") caller=Some("app") "#],
        "invoke",
    ),
    ("lock.try-lock", "true", &["try_lock c r me 5"], "locks"),
    ("lock.unlock", "UnlockStatus::BelongsToOthers", &["unlock c r me"], "locks"),
    ("crypto.encrypt", "encrypted", &["encrypt c k A256KW plain"], "crypto"),
    ("crypto.decrypt", "plain", &[r#"decrypt c Some("k") encrypted"#], "crypto"),
    ("crypto.encrypt-streaming", "encrypted", &["encrypt c k A256KW plain"], "crypto"),
    ("crypto.decrypt-streaming", "plain", &[r#"decrypt c Some("k") encrypted"#], "crypto"),
    ("conversation.converse", "hi", &["converse c 1 Some(0.5)"], "conversation"),
    (
        "jobs.schedule",
        "done",
        &[r#"schedule_job c Some("@every 1s") Some(Constant { interval: 1.5s, max_retries: Some(2) }) true"#],
        "jobs",
    ),
    ("jobs.get", "c None", &["get_job c"], "jobs"),
    ("jobs.delete", "done", &["delete_job c"], "jobs"),
    ("actors.invoke", "answer", &["invoke_actor c/1 method data"], "actors"),
    ("actors.get-state", r#"Some("v")"#, &["get_actor_state c/1 k"], "actors"),
    ("actors.transact-state", "done", &["execute_actor_state_transaction c/1 1"], "actors"),
    ("actors.register-reminder", "done", &["register_actor_reminder c/1 r"], "actors"),
    ("actors.unregister-reminder", "done", &["unregister_actor_reminder c/1 r"], "actors"),
    ("actors.get-reminder", r#"Some("1s")"#, &["get_actor_reminder c/1 r"], "actors"),
    ("actors.register-timer", "done", &["register_actor_timer c/1 t tick"], "actors"),
    ("actors.unregister-timer", "done", &["unregister_actor_timer c/1 t"], "actors"),
    ("workflow.start", "id", &[r#"start_workflow c Some("id") {}"#], "workflows"),
    ("workflow.get", "w RUNNING Some(5)", &["get_workflow c"], "workflows"),
    ("workflow.terminate", "done", &["steer_workflow c Terminate"], "workflows"),
    ("workflow.pause", "done", &["steer_workflow c Pause"], "workflows"),
    ("workflow.resume", "done", &["steer_workflow c Resume"], "workflows"),
    ("workflow.purge", "done", &["steer_workflow c Purge"], "workflows"),
    ("workflow.raise-event", "done", &["raise_workflow_event c paid 1"], "workflows"),
    ("sidecar-metadata.get", "app 0", &["metadata"], ""),
];

#[tokio::test]
async fn every_call_reaches_the_sidecar_and_its_answer_the_guest() {
    let (runtime, double) = (runtime(), Arc::<Double>::default());
    let app = app(&runtime, &double);
    for (call, answer, seen, _) in CALLS {
        assert_eq!(text(&app, &format!("/call/{call}")).await, *answer, "{call}");
        assert_eq!(double.take(), *seen, "{call}");
    }
}

#[tokio::test]
async fn every_call_without_a_grant_is_an_error_that_names_the_line_to_add() {
    let (runtime, double) = (runtime(), Arc::<Double>::default());
    let app = cases(&runtime, double.clone(), Allow::default(), Limits::default(), Vec::new());
    for (call, _, _, list) in CALLS.iter().filter(|(_, _, _, list)| !list.is_empty()) {
        let answer = text(&app, &format!("/call/{call}")).await;
        let begins = "error PILLION_NOT_ALLOWED 403 retryable=false app `app` may not use `c";
        assert!(answer.starts_with(begins), "{call}: {answer}");
        let hint = format!("hint=add `c` to `allow: {{ {list}: [...] }}` of app `app` in the manifest");
        assert!(answer.ends_with(&hint), "{call}: {answer}");
        assert!(double.take().is_empty(), "{call} reached the sidecar");
    }
}

#[test]
fn no_function_is_without_a_row() {
    let mut missing = Vec::new();
    for entry in std::fs::read_dir(super::root().join("wit/dapr")).expect("the package") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(path).expect("text");
        let Some(interface) = text.lines().find_map(|line| line.strip_prefix("interface ")) else { continue };
        let interface = interface.trim_end_matches(" {");
        if interface.ends_with("-handler") || interface == "types" {
            continue;
        }
        // Functions stand two spaces in; those of a handle deeper.
        let functions = text.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        for (name, _) in functions.filter_map(|line| line.split_once(": func(")) {
            let call = format!("{interface}.{}", name.trim());
            if !CALLS.iter().any(|row| row.0 == call) {
                missing.push(call);
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}
