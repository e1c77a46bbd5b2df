//! `pillion test`: cases in YAML over fakes in memory, with the binary as users have it.

mod common;

use common::{guest, run};
use std::{fs, path::Path};

const MANIFEST: &str = "version: 1
apps:
  - appID: shop
    appDirPath: shop
    wasm:
      guests: { counter: { source: dapr-counter.wasm }, orders: { source: dapr-orders.wasm }, shipping: { source: dapr-shipping.wasm } }
      routes: [{ path: /counter, guest: counter }, { path: /orders, guest: orders }]
      on: [{ pubsub: pubsub, topic: orders, guest: shipping }]
      allow: { state: [statestore], publish: [pubsub/orders] }
  - appID: all
    appDirPath: all
    wasm:
      source: dapr-cases.wasm
      on: [{ pubsub: b, topic: t }, { binding: nightly }, { job: j }, { configuration: s }]
      allow: { state: [notes, c], invoke: [c], bindings: [c], secrets: [c], configuration: [c], locks: [c], jobs: [c] }
  - appID: calls
    appDirPath: calls
    wasm:
      source: dapr-calls.wasm
      on: [{ pubsub: pubsub, topic: orders }]
      allow: { state: [statestore] }
  - appID: every
    appDirPath: every
    wasm:
      source: dapr-cases.wasm
      allow: { state: [c], publish: [c], invoke: [c], bindings: [c], secrets: [c], configuration: [c], locks: [c], crypto: [c], conversation: [c], jobs: [c], actors: [c], workflows: [c] }
  - { appID: native, appDirPath: ., command: [none] }
";

/// A folder with the run file and its guests; tests are written into it.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    for (app, names) in [
        ("shop", &["dapr-counter", "dapr-orders", "dapr-shipping"][..]),
        ("all", &["dapr-cases"]),
        ("calls", &["dapr-calls"]),
        ("every", &["dapr-cases"]),
    ] {
        fs::create_dir_all(dir.path().join(app).join("tests")).expect("a folder");
        for name in names {
            fs::copy(guest(name), dir.path().join(app).join(name).with_extension("wasm")).expect("a guest");
        }
    }
    fs::write(dir.path().join("dapr.yaml"), MANIFEST).expect("written");
    dir
}

fn write(dir: &Path, file: &str, text: &str) {
    fs::write(dir.join(file), text).expect("written");
}

/// Cases that hold.
const SHOP: &str = r#"given: { state: { statestore: { counter/old: 1, counter/other: 2 } } }
cases:
  - name: the first visit
    request: { path: /counter/new }
    expect:
      status: 200
      headers: { content-type: text/plain; charset=utf-8 }
      body: 1
      state: { statestore: { counter/new: 1, counter/other: 2, counter/none: null } }
    calls:
      - get_state: { store: statestore, key: counter/new }
      - save_state: { store: statestore, key: counter/new, json: 1 }
  - name: a visit more
    given: { state: { statestore: { counter/old: 41 } } }
    request: { path: /counter/old }
    expect: { json: 42, contains: ["4", "2"] }
  - name: a store that is away
    request: { path: /counter/old }
    given: { answers: [{ get_state: { store: statestore }, error: ERR_STATE_GET, message: on fire }] }
    expect: { status: 500, error: on fire }
    calls: [{ get_state: { key: counter/old, fails: ERR_STATE_GET } }]
  - name: another writer comes first twice
    request: { path: /counter/x }
    given: { answers: [{ save_state: {}, error: ERR_STATE_SAVE, status: 409, times: 2 }] }
    expect: { body: "1" }
    callsInAnyOrder:
      - save_state: {}
      - save_state: { fails: ERR_STATE_SAVE }
      - save_state: { fails: ERR_STATE_SAVE }
      - get_state: {}
      - get_state: {}
      - get_state: {}
  - name: an order is published
    request: { path: /orders, json: { item: tea, count: 2 } }
    expect: { status: 202, body: published }
    calls: [{ publish: { pubsub: pubsub, topic: orders, contentType: application/json, json: { count: 2.0, item: tea } } }]
  - name: a broker that is away
    request: { path: /orders, file: order.json }
    given: { answers: [{ publish: { topic: orders }, error: ERR_PUBSUB_PUBLISH_MESSAGE }] }
    expect: { status: 500, contains: as the case says }
  - name: an order comes
    topic: { pubsub: pubsub, topic: orders, json: { item: tea }, attributes: { id: "7" } }
    expect: { status: SUCCESS, state: { statestore: { order-7: { item: tea }, last-order: { item: tea } } } }
  - name: an empty order is dropped
    topic: { pubsub: pubsub, topic: orders }
    expect: { status: DROP }
    calls: []
"#;

const ALL: &str = r#"cases:
  - name: an event of a binding
    binding: { name: nightly, body: x, metadata: { subject: s } }
    expect: { body: x, to: [elsewhere] }
    calls: [{ save_state: { store: notes, key: event } }]
  - name: a binding that fails
    binding: { name: nightly, body: fail }
    expect: { error: PILLION_GUEST_ERROR }
  - name: a job
    job: { name: j, json: {} }
    calls: [{ save_state: { store: notes, contains: "{}" } }]
  - name: new configuration
    configuration: { store: s, items: { k: v } }
    expect: { state: { notes: { event: s 1 k=v } } }
  - name: a request that fails by itself
    request: { path: /fail/on-purpose }
    expect: { error: on-purpose }
  - name: a failure is expected by its status alone
    request: { path: /fail/on-purpose }
    expect: { status: 500 }
  - name: what is not allowed
    request: { path: /call/pubsub.publish }
    expect: { contains: "add `c` to `allow: { publish: [...] }` of app `all`" }
    calls: [{ denied: { list: publish, name: c/t } }]
  - name: another app answers
    request: { path: /call/invocation.invoke }
    given: { answers: [{ invoke: { app: c }, status: 202, headers: { x-own: "1" }, body: hello }] }
    expect: { contains: hello }
    calls: [{ invoke: { app: c } }]
  - name: another app that the case forgot
    request: { path: /call/invocation.invoke }
    expect: { contains: the case has no answer for }
  - name: a secret
    request: { path: /call/secrets.get }
    given: { secrets: { c: { k: hidden } } }
    expect: { contains: hidden }
  - name: configuration is read
    request: { path: /call/configuration.get }
    given: { configuration: { c: { k: v } } }
    expect: { contains: v }
  - name: a binding answers
    request: { path: /call/bindings.invoke }
    given: { answers: [{ invoke_binding: { binding: c }, body: stored, metadata: { m: n } }] }
    expect: { contains: stored }
"#;

/// What the benchmark of calls takes its guest for.
const CALLS: &str = r#"cases:
  - name: a key is read as often as is asked
    request: { method: POST, path: /gets/3 }
    given: { state: { statestore: { k: seven b } } }
    expect: { body: "21" }
    calls: [{ get_state: { key: k } }, { get_state: { key: k } }, { get_state: { key: k } }]
  - name: a message is taken
    topic: { pubsub: pubsub, topic: orders, json: {} }
    calls: []
"#;

#[test]
fn cases_that_hold_pass() {
    let dir = folder();
    write(dir.path(), "shop/tests/shop.test.yaml", SHOP);
    write(dir.path(), "shop/tests/order.json", r#"{"item": "from a file"}"#);
    write(dir.path(), "all/all.test.yml", ALL);
    write(dir.path(), "calls/calls.test.yaml", CALLS);
    write(dir.path(), "all/tests/not-a-test.yaml", "other: things");
    let done = run(&["test"], dir.path());
    assert!(done.status.success(), "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("shop/tests/shop.test.yaml\n  ok   the first visit ("), "{}", done.stdout);
    assert!(done.stdout.contains("22 cases: 22 passed, 0 failed, in "), "{}", done.stdout);

    // From a folder below, one file, one case of it.
    let below = run(&["test", "--filter", "job"], &dir.path().join("all"));
    assert!(below.stdout.contains("1 case: 1 passed"), "{}{}", below.stdout, below.stderr);
    let one = run(&["test", "shop/tests/shop.test.yaml", "--output", "json"], dir.path());
    let report: serde_json::Value = serde_json::from_str(&one.stdout).expect("JSON");
    assert_eq!((&report["passed"], &report["failed"]), (&8.into(), &0.into()), "{report}");
    assert_eq!(report["cases"][1]["name"], "a visit more");
    assert_eq!(report["cases"][1]["line"], 13);
}

/// Each case is wrong in one way, and the report says where and how.
const WRONG: &[(&str, &[&str])] = &[
    ("request: { path: /counter/x }\n    expect: { status: 201 }", &["6:23: status", "expected: 201", "got:      200"]),
    ("request: { path: /counter/x }\n    expect: { body: \"2\" }", &["6:21: body", "expected: 2", "got:      1"]),
    ("request: { path: /counter/x }\n    expect: { headers: { x-a: b } }", &["headers.x-a", "got:      nothing"]),
    ("request: { path: /nothing }", &["4:5: answer", "PILLION_ROUTE_NOT_FOUND"]),
    ("request: { method: PUT, path: /orders }", &["status", "expected: a success", "got:      405 POST an order"]),
    (
        "request: { path: /counter/x }\n    expect: { error: trouble }",
        &["expected: something with trouble", "got:      200"],
    ),
    (
        "request: { path: /counter/x }\n    expect: { state: { statestore: { counter/x: null } } }",
        &["state.statestore.counter/x", "expected: nothing", "got:      1"],
    ),
    (
        "request: { path: /orders, json: { item: tea } }\n    calls: [{ publish: { topic: orders, json: { item: milk } } }]",
        &["6:47: call 1 publish.item", "expected: \"milk\"", "got:      \"tea\""],
    ),
    (
        "request: { path: /orders, json: 1 }\n    calls: [{ publish: { topic: other } }]",
        &["call 1 publish.topic", "expected: other", "got:      orders"],
    ),
    (
        "request: { path: /orders, json: 1 }\n    calls: []",
        &["calls", "expected: no more calls", "got:      publish pubsub: pubsub, topic: orders"],
    ),
    (
        "request: { path: /counter/x }\n    calls: [{ save_state: {} }, { get_state: {} }, { get_state: {} }]",
        &["expected: save_state", "got:      get_state", "call 3", "got:      no such call"],
    ),
    (
        "request: { path: /counter/x }\n    callsInAnyOrder: [{ save_state: { key: y } }, { get_state: {} }]",
        &["call 1 save_state.key", "expected: y", "got:      counter/x"],
    ),
    (
        "request: { path: /orders, json: 1 }\n    calls: [{ publish: { fails: ERR_X } }]",
        &["call 1 publish.fails", "expected: ERR_X", "got:      nothing"],
    ),
    ("topic: { pubsub: pubsub, topic: orders }", &["status", "expected: SUCCESS", "got:      DROP"]),
    ("topic: { pubsub: pubsub, topic: other }", &["doesn't subscribe to `other` of `pubsub`", "under `on:`"]),
    ("job: { name: j }", &["4:5: answer", "no failure"]),
];

#[test]
fn cases_that_do_not_hold_say_where_and_how() {
    let dir = folder();
    let case = |(place, (text, _)): (usize, &(&str, &[&str]))| {
        let file = format!("shop/tests/{place:02}.test.yaml");
        write(dir.path(), &file, &format!("app: shop\ncases:\n\n  - name: wrong\n    {text}\n"));
    };
    WRONG.iter().enumerate().for_each(case);
    let done = run(&["test"], dir.path());
    assert_eq!(done.status.code(), Some(1), "{}", done.stderr);
    let counted = format!("{0} cases: 0 passed, {0} failed", WRONG.len());
    assert!(done.stdout.contains(&counted), "{}", done.stdout);
    for (place, (text, wanted)) in WRONG.iter().enumerate() {
        let file = format!("shop/tests/{place:02}.test.yaml\n");
        let told = done.stdout.split(&file).nth(1).and_then(|rest| rest.split(".test.yaml\n").next()).expect(&file);
        for wanted in *wanted {
            assert!(told.contains(wanted), "{text}\nhas no `{wanted}`:\n{told}");
        }
    }
    // What was denied is a help to understand the rest.
    write(
        dir.path(),
        "all/denied.test.yaml",
        "cases: [{ name: n, request: { path: /call/pubsub.publish }, expect: { body: x } }]",
    );
    let denied = run(&["test", "all/denied.test.yaml"], dir.path());
    assert!(denied.stdout.contains("note: denied: `allow.publish` doesn't name `c/t`"), "{}", denied.stdout);
}

/// What is wrong with a file is said before anything runs.
const REFUSED: &[(&str, &str)] = &[
    ("cases: [{ name: n, request: { path: /, jsn: 1 } }]", "unknown key `jsn`\nhint: did you mean `json`?"),
    ("cases: [{ name: n, reqest: { path: / } }]", "unknown key `reqest`\nhint: did you mean `request`?"),
    ("cases: [{ name: n }]", "nothing comes in\nhint: add one of request, topic"),
    ("cases: [{ name: n, request: { path: / }, job: { name: j } }]", "`job` is a second input"),
    ("cases: [{ request: { path: / } }]", "a case: `name` is missing"),
    ("cases: [{ name: n, request: { path: x } }]", "a path begins with `/`"),
    ("cases: [{ name: n, request: { path: /, json: 1, body: x } }]", "only one of `json`, `body` and `file`"),
    ("cases: [{ name: n, request: { path: /, file: none } }]", "none` can't be read"),
    ("cases: [{ name: n, request: { path: /, headers: { 'a b': c } } }]", "`a b` can't be a header"),
    ("cases: [{ name: n, request: { path: / }, expect: { status: OK } }]", "none of SUCCESS, RETRY and DROP"),
    (
        "cases: [{ name: n, request: { path: / }, calls: [{ publsh: {} }] }]",
        "unknown key `publsh`\nhint: did you mean `publish`?",
    ),
    ("cases: [{ name: n, request: { path: / }, calls: [{ publish: { topc: x } }] }]", "did you mean `topic`?"),
    ("cases: [{ name: n, request: { path: / }, calls: [{ publish: {}, invoke: {} }] }]", "this is a second"),
    ("cases: [{ name: n, request: { path: / }, calls: [], callsInAnyOrder: [] }]", "`calls` says the same already"),
    ("given: { answers: [{ publish: {}, error: ERR_PUBSUB }] }\ncases: []", "there is no error `ERR_PUBSUB`"),
    (
        "given: { answers: [{ publish: {}, error: ERR_STATE_SAVE, status: 404 }] }\ncases: []",
        "`ERR_STATE_SAVE` of status 404",
    ),
    ("cases: [{ name: n, request: { path: / } }, { name: n, request: { path: / } }]", "there is another case `n`"),
    ("cases: [{ name: n, app: shp, request: { path: / } }]", "no app `shp` of guests\nhint: did you mean `shop`?"),
    ("cases: [{ name: n, app: native, request: { path: / } }]", "no app `native` of guests"),
    ("[1]", "the file must be a mapping"),
    ("", "the file has no cases"),
];

#[test]
fn a_file_that_can_not_be_meant_is_refused_wholly() {
    let dir = folder();
    for (text, wanted) in REFUSED {
        write(dir.path(), "shop/tests/refused.test.yaml", text);
        let refused = run(&["test"], dir.path());
        assert_eq!(refused.status.code(), Some(1));
        assert!(refused.stderr.contains(wanted) && refused.stdout.is_empty(), "{text}: {}", refused.stderr);
        assert!(refused.stderr.contains("refused.test.yaml"), "{}", refused.stderr);
    }
    write(dir.path(), "shop/tests/refused.test.yaml", "cases: [{ name: n, request: { path: /counter/x } }]");
    let none = run(&["test", "--filter", "other"], dir.path());
    assert!(none.stderr.contains("no case's name has `other` in it"), "{}", none.stderr);
    // In the folder of the run file it could be of any app.
    write(dir.path(), "lost.test.yaml", "cases: [{ name: n, request: { path: / } }]");
    let lost = run(&["test", "lost.test.yaml"], dir.path());
    assert!(lost.stderr.contains("hint: add `app:` with one of shop, all, calls, every"), "{}", lost.stderr);
    // The only app is meant wherever its folder is.
    let only = tempfile::tempdir().expect("a folder");
    fs::create_dir(only.path().join("app")).expect("a folder");
    fs::copy(guest("dapr-hello"), only.path().join("app/hello.wasm")).expect("a guest");
    write(
        only.path(),
        "dapr.yaml",
        "version: 1\napps: [{ appID: a, appDirPath: app, wasm: { source: hello.wasm } }]\n",
    );
    write(
        only.path(),
        "a.test.yaml",
        "cases: [{ name: n, request: { path: /, body: you }, expect: { body: hello you } }]",
    );
    let done = run(&["test", only.path().to_str().expect("text")], dir.path());
    assert!(done.status.success(), "{}{}", done.stdout, done.stderr);
    let empty = tempfile::tempdir().expect("a folder");
    let nowhere = run(&["test"], empty.path());
    assert!(nowhere.stderr.contains("`pillion test PATH`"), "{}", nowhere.stderr);
    fs::copy(dir.path().join("dapr.yaml"), empty.path().join("dapr.yaml")).expect("copied");
    let none = run(&["test"], empty.path());
    assert!(!none.status.success(), "{}", none.stdout);
}

#[test]
fn the_case_of_the_guide_holds() {
    let dir = folder();
    let page = fs::read_to_string(common::root().join("docs/guide/testing.md")).expect("the guide");
    let case = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a case");
    write(dir.path(), "shop/tests/guide.test.yaml", case);
    let done = run(&["test"], dir.path());
    assert!(done.stdout.contains("3 cases: 3 passed"), "{}{}", done.stdout, done.stderr);
}

/// What a guest calls, what the case answers beside the call, and a part of what the guest makes of it.
const EVERY: &[(&str, &str, &str, &str)] = &[
    ("state.get", "get_state: { store: c, key: k }", "", "none"),
    ("state.get-bulk", "get_bulk_state: { store: c, keys: [k, l] }", "", "k:Ok(None)"),
    (
        "state.set",
        "save_state: { store: c, key: k, etag: 1, body: v, metadata: { ttlInSeconds: 7 }, fails: ERR_STATE_SAVE }",
        "",
        "409",
    ),
    ("state.delete", "delete_state: { store: c, key: k, etag: 1, fails: ERR_STATE_DELETE }", "", "409"),
    ("state.transact", "execute_state_transaction: { store: c, keys: [k, l], contains: upsert }", "", "done"),
    ("state.query", "query_state: { store: c, json: {}, fails: ERR_STATE_STORE_NOT_SUPPORTED }", "", "error"),
    (
        "pubsub.publish",
        "publish: { pubsub: c, topic: t, body: data, contentType: text/plain, metadata: { a: b } }",
        "",
        "done",
    ),
    ("bindings.invoke", "invoke_binding: { binding: c, operation: create, body: data }", "body: kept", "kept"),
    ("secrets.get", "get_secret: { store: c, key: k, fails: ERR_SECRET_STORE_NOT_FOUND }", "", "has no secrets of"),
    ("secrets.get-bulk", "get_bulk_secrets: { store: c, fails: ERR_SECRET_STORE_NOT_FOUND }", "", "has no secrets of"),
    (
        "configuration.get",
        "get_configuration: { store: c, keys: k, fails: ERR_CONFIGURATION_STORE_NOT_FOUND }",
        "",
        "has no configuration",
    ),
    (
        "configuration.subscribe",
        "subscribe_configuration: { store: c, fails: ERR_CONFIGURATION_STORE_NOT_FOUND }",
        "",
        "has no configuration",
    ),
    (
        "invocation.invoke",
        "invoke: { app: c, method: PUT, path: /a%20b?q=1, body: data }",
        "status: 418, body: teapot",
        "418 teapot",
    ),
    ("lock.try-lock", "try_lock: { store: c, resource: r, owner: me }", "", "true"),
    ("lock.unlock", "unlock: { store: c, resource: r, owner: me }", "", "DoesNotExist"),
    ("crypto.encrypt", "encrypt: { component: c, key: k, body: plain }", "", "plain"),
    ("crypto.decrypt", "decrypt: { component: c, key: k, body: encrypted }", "body: open", "open"),
    ("conversation.converse", "converse: { component: c, body: hello }", "body: hi there", "hi there"),
    ("jobs.schedule", "schedule_job: { name: c, schedule: '@every 1s' }", "", "done"),
    ("jobs.get", "get_job: { name: c }", "json: {}", "c None"),
    ("jobs.delete", "delete_job: { name: c }", "", "done"),
    ("actors.invoke", "invoke_actor: { type: c, id: 1, method: method, body: data }", "body: acted", "acted"),
    ("actors.get-state", "get_actor_state: { type: c, id: 1, key: k }", "body: kept", "kept"),
    ("actors.transact-state", "execute_actor_state_transaction: { type: c, id: 1, contains: delete }", "", "done"),
    ("actors.register-reminder", "register_actor_reminder: { type: c, id: 1, name: r }", "", "done"),
    ("actors.unregister-reminder", "unregister_actor_reminder: { name: r }", "", "done"),
    ("actors.get-reminder", "get_actor_reminder: { name: r }", "", "None"),
    ("actors.register-timer", "register_actor_timer: { name: t }", "", "done"),
    ("actors.unregister-timer", "unregister_actor_timer: { name: t }", "", "done"),
    ("workflow.start", "start_workflow: { name: c, id: id, json: {} }", "", "id"),
    ("workflow.get", "get_workflow: { id: c }", "body: RUNNING", "RUNNING"),
    ("workflow.terminate", "steer_workflow: { id: c, action: terminate }", "", "done"),
    ("workflow.purge", "steer_workflow: { id: c, action: purge }", "", "done"),
    ("workflow.raise-event", "raise_workflow_event: { id: c, event: paid, body: 1 }", "", "done"),
    ("sidecar-metadata.get", "get_metadata: {}", "", "every 2"),
];

#[test]
fn every_call_can_be_answered_and_expected() {
    let dir = folder();
    let mut text = "cases:\n".to_owned();
    for (call, expected, answer, says) in EVERY {
        // The call that is expected names the one that is answered.
        let answers = if answer.is_empty() { String::new() } else { format!("{{ {expected}, {answer} }}") };
        text.push_str(&format!(
            "  - name: {call}\n    request: {{ path: /call/{call} }}\n    given: {{ answers: [{answers}] }}\n    expect: {{ contains: '{says}' }}\n    calls: [{{ {expected} }}]\n"
        ));
    }
    write(dir.path(), "every/every.test.yaml", &text);
    let done = run(&["test"], dir.path());
    let counted = format!("{0} cases: {0} passed", EVERY.len());
    assert!(done.stdout.contains(&counted), "{}{}", done.stdout, done.stderr);
}
