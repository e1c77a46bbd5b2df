//! What components import that were built for other hosts: each call's answer, by a table of scripts.

mod common;

use common::double::Double;
use common::{built, no_dapr, runtime, spec};
use http::Request;
use pillion_api::policy::Allow;
use pillion_api::spans::{Kind, Span, Spans, Status};
use pillion_api::{AppChannel, Code, Error, body};
use pillion_runtime::{App, AppSpec, GuestSpec, Limits, Runtime};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn list(entries: &[&str]) -> Vec<String> {
    entries.iter().map(ToString::to_string).collect()
}

/// Everything that the tests use, and one store that nobody may.
fn allowed() -> Allow {
    Allow {
        state: list(&["one", "two"]),
        configuration: list(&["settings"]),
        secrets: list(&["vault"]),
        publish: list(&["bus/open"]),
        ..Allow::default()
    }
}

fn sidecar(allow: Allow) -> Double {
    Double {
        allow,
        components: vec![
            ("one", "state.in-memory"),
            ("two", "state.sqlite"),
            ("denied", "state.in-memory"),
            ("settings", "configuration.redis"),
            ("vault", "secretstores.local.file"),
            ("bus", "pubsub.in-memory"),
        ],
        configuration: [(("settings", "colour"), "red"), (("settings", "both"), "configured")].into(),
        secrets: [(("vault", "token"), "s3cret"), (("vault", "both"), "secret")].into(),
        ..Double::default()
    }
}

struct Cases {
    _runtime: Runtime,
    app: App,
    sidecar: Arc<Double>,
}

impl Cases {
    fn new(sidecar: Double) -> Self {
        Self::with(sidecar, Limits::default())
    }

    fn with(sidecar: Double, limits: Limits) -> Self {
        let runtime = runtime();
        let guest = runtime.load("cases", built("wasi-cases"), None).expect("a guest");
        let env = BTreeMap::from([
            ("home".to_owned(), "here".to_owned()),
            ("colour".to_owned(), "of the environment".to_owned()),
            ("SPIN_VARIABLE_SIZE".to_owned(), "9".to_owned()),
        ]);
        let spec = AppSpec { guests: vec![GuestSpec { limits, env, ..GuestSpec::new("cases", guest) }], ..spec() };
        let sidecar = Arc::new(sidecar);
        let app = runtime.app(spec, sidecar.clone(), no_dapr()).expect("an app");
        Self { _runtime: runtime, app, sidecar }
    }

    async fn run(&self, script: &str) -> Result<String, Error> {
        let request = Request::post("/").body(body::full(script.to_owned())).expect("a request");
        let response = self.app.invoke(request).await?;
        let answer = body::collect(response.into_body(), 1 << 20).await?;
        Ok(String::from_utf8(answer.to_vec()).expect("text"))
    }

    /// Each line with what it answers.
    async fn check(&self, table: &[(&str, &str)]) {
        let script: Vec<&str> = table.iter().map(|(line, _)| *line).collect();
        let answer = self.run(&script.join("\n")).await.expect("an answer");
        let answers: Vec<&str> = answer.lines().collect();
        assert_eq!(answers.len(), table.len(), "{answer}");
        for ((line, expected), found) in table.iter().zip(answers) {
            assert_eq!(found, *expected, "{line}");
        }
    }
}

#[tokio::test]
async fn the_first_draft_of_keyvalue_is_state() {
    let cases = Cases::new(sidecar(allowed()));
    let table = [
        ("draft open one", "()"),
        ("draft get a", "None"),
        ("draft exists a", "false"),
        ("draft set a 1", "()"),
        ("draft get a", "Some(\"1\")"),
        ("draft exists a", "true"),
        ("draft set empty ", "()"),
        ("draft get empty", "Some(\"\")"),
        ("draft increment a 41", "42"),
        ("draft increment fresh 7", "7"),
        ("draft get fresh", "Some(\"7\")"),
        ("draft set-many x y", "()"),
        ("draft get-many x none y", "[Some((\"x\", \"many\")), None, Some((\"y\", \"many\"))]"),
        ("draft delete-many x y none", "()"),
        ("draft exists x", "false"),
        ("draft delete a", "()"),
        ("draft delete a", "()"),
        ("draft get a", "None"),
    ];
    cases.check(&table).await;
    // Other interfaces see the same state, and other components don't.
    cases.check(&[("draft open one", "()"), ("draft set shared v", "()")]).await;
    cases.check(&[("spin open one", "()"), ("spin get shared", "Some(\"v\")")]).await;
    cases.check(&[("draft2 open two", "()"), ("draft2 get shared", "None")]).await;
}

#[tokio::test]
async fn the_second_draft_compares_and_swaps_by_etag() {
    let cases = Cases::new(sidecar(allowed()));
    let table = [
        ("draft2 open two", "()"),
        ("draft2 increment n -5", "-5"),
        ("draft2 get-many n none", "[(\"n\", Some(\"-5\")), (\"none\", None)]"),
        ("draft2 cas fresh", "()"),
        ("draft2 current", "None"),
        ("draft2 swap first", "()"),
        ("draft2 get fresh", "Some(\"first\")"),
        ("draft2 cas fresh", "()"),
        ("draft2 set fresh meanwhile", "()"),
        ("draft2 current", "Some(\"first\")"),
        ("draft2 swap lost", "failed, now Ok(Some(\"meanwhile\"))"),
        ("draft2 swap third", "()"),
        ("draft2 get fresh", "Some(\"third\")"),
        ("draft2 cas new", "()"),
        ("draft2 set new theirs", "()"),
        ("draft2 swap mine", "failed, now Ok(Some(\"theirs\"))"),
    ];
    cases.check(&table).await;
}

#[tokio::test]
async fn a_counter_tries_again_as_long_as_it_may() {
    let cases = Cases::new(sidecar(allowed()));
    cases.sidecar.disturb.store(5, Ordering::SeqCst);
    cases.check(&[("draft open one", "()"), ("draft increment n 1", "1")]).await;
    assert_eq!(cases.sidecar.disturb.load(Ordering::SeqCst), 0);
    cases.sidecar.disturb.store(1000, Ordering::SeqCst);
    let expected = "Error::Other(\"`n` was changed 100 times meanwhile\")";
    cases.check(&[("draft open one", "()"), ("draft increment n 1", expected)]).await;
    assert_eq!(cases.sidecar.disturb.load(Ordering::SeqCst), 900);
}

#[tokio::test]
async fn what_is_no_number_is_not_counted() {
    let cases = Cases::new(sidecar(allowed()));
    let table = [
        ("draft open one", "()"),
        ("draft set a text", "()"),
        ("draft increment a 1", "Error::Other(\"`a` holds no whole number\")"),
        ("draft increment n 18446744073709551615", "18446744073709551615"),
        ("draft increment n 1", "Error::Other(\"`n` would leave its range\")"),
        ("draft2 open one", "()"),
        ("draft2 increment n 1", "Error::Other(\"`n` would leave its range\")"),
        ("draft get n", "Some(\"18446744073709551615\")"),
    ];
    cases.check(&table).await;
}

#[tokio::test]
async fn keys_are_listed_where_the_store_can_be_queried() {
    let cases = Cases::new(Double { queries: true, ..sidecar(allowed()) });
    let table = [
        ("draft open one", "()"),
        ("draft set-many a b c", "()"),
        ("draft keys", "KeyResponse { keys: [\"a\", \"b\"], cursor: Some(2) }"),
        ("draft2 open one", "()"),
        ("draft2 keys", "KeyResponse { keys: [\"a\", \"b\"], cursor: Some(\"2\") }"),
        ("spin open one", "()"),
        ("spin keys", "[\"a\", \"b\", \"c\"]"),
    ];
    cases.check(&table).await;
    let cases = Cases::new(sidecar(allowed()));
    let refusal = "Error::Other(\"state store `one` can't list its keys: not in this test\")";
    cases.check(&[("draft open one", "()"), ("draft keys", refusal)]).await;
    cases.check(&[("spin open one", "()"), ("spin keys", refusal)]).await;
}

#[tokio::test]
async fn a_store_without_a_name_is_the_only_one() {
    let several = "Error::Other(\"no state store is named `default`, and there are several: `one`, `two`, `denied`\")";
    let cases = Cases::new(sidecar(allowed()));
    cases.check(&[("spin open default", several), ("draft open ", several), ("draft open default", several)]).await;
    cases.check(&[("spin open none", "Error::NoSuchStore"), ("draft2 open none", "Error::NoSuchStore")]).await;
    // A component of another kind is no store.
    cases.check(&[("spin open settings", "Error::NoSuchStore")]).await;
    let one = || Double { components: vec![("one", "state.in-memory")], ..sidecar(allowed()) };
    let cases = Cases::new(one());
    cases.check(&[("spin open default", "()"), ("spin set k v", "()")]).await;
    cases.check(&[("draft open one", "()"), ("draft get k", "Some(\"v\")")]).await;
    let none = Cases::new(Double { components: Vec::new(), ..one() });
    none.check(&[("spin open default", "Error::NoSuchStore")]).await;
}

#[tokio::test]
async fn a_store_that_is_not_allowed_is_denied() {
    let cases = Cases::new(sidecar(allowed()));
    let denied = "Error::AccessDenied";
    let table = [
        ("draft open denied", "()"),
        ("draft get k", denied),
        ("draft set k v", denied),
        ("draft delete k", denied),
        ("draft exists k", denied),
        ("draft increment k 1", denied),
        ("draft get-many k", denied),
        ("draft set-many k", denied),
        ("draft delete-many k", denied),
        ("draft2 open denied", "()"),
        ("draft2 cas k", denied),
        ("draft2 get k", denied),
        ("spin open denied", "()"),
        ("spin get k", denied),
        ("spin set k v", denied),
        ("spin exists k", denied),
        ("spin delete k", denied),
    ];
    cases.check(&table).await;
    assert!(cases.sidecar.rows.lock().expect("no panic").is_empty());
    let queries = Cases::new(Double { queries: true, ..sidecar(allowed()) });
    queries.check(&[("spin open denied", "()"), ("spin keys", denied)]).await;
}

#[tokio::test]
async fn configuration_comes_before_the_environment() {
    let cases = Cases::new(sidecar(allowed()));
    let all =
        "[(\"SPIN_VARIABLE_SIZE\", \"9\"), (\"both\", \"configured\"), (\"colour\", \"red\"), (\"home\", \"here\")]";
    for interface in ["config", "old-config"] {
        let lines = ["get colour", "get home", "get none", "all"].map(|line| format!("{interface} {line}"));
        let expected = ["Some(\"red\")", "Some(\"here\")", "None", all];
        let table: Vec<_> = lines.iter().map(String::as_str).zip(expected).collect();
        cases.check(&table).await;
    }
    let denied = Cases::new(sidecar(Allow::default()));
    let why = "Error::Upstream(\"app `app` may not use `settings/none`: `allow.configuration` doesn't name it\")";
    let all = "[(\"SPIN_VARIABLE_SIZE\", \"9\"), (\"colour\", \"of the environment\"), (\"home\", \"here\")]";
    let table = [("config get none", why), ("config get home", "Some(\"here\")"), ("config all", all)];
    denied.check(&table).await;
}

#[tokio::test]
async fn a_variable_is_configured_or_secret_or_of_the_environment() {
    let cases = Cases::new(sidecar(allowed()));
    let invalid = "only lower case letters, digits and single underscores between them";
    let table = [
        ("spin variable colour", "\"red\"".to_owned()),
        ("spin variable both", "\"configured\"".to_owned()),
        ("spin variable token", "\"s3cret\"".to_owned()),
        ("spin variable size", "\"9\"".to_owned()),
        ("spin variable home", "\"here\"".to_owned()),
        ("spin variable none", "Error::Undefined(\"no configuration, secret or environment has `none`\")".to_owned()),
        ("spin variable No", format!("Error::InvalidName(\"`No`: {invalid}\")")),
    ];
    cases.check(&table.iter().map(|(line, expected)| (*line, expected.as_str())).collect::<Vec<_>>()).await;
    let denied = Cases::new(sidecar(Allow { configuration: list(&["settings"]), ..Allow::default() }));
    let why = "Error::Provider(\"app `app` may not use `vault/token`: `allow.secrets` doesn't name it\")";
    denied.check(&[("spin variable token", why), ("spin variable both", "\"configured\"")]).await;
}

#[tokio::test]
async fn what_is_sent_is_published() {
    let cases = Cases::new(sidecar(allowed()));
    let no_reply =
        "\"Dapr's pub/sub has no replies: call the other app by service invocation, `http://<app-id>.dapr/`\"";
    let denied = "app `app` may not use `bus/closed`: `allow.publish` doesn't name it";
    let table = [
        ("message send bus open text", "()".to_owned()),
        ("message send default open {} application/json", "()".to_owned()),
        ("message publish open by-subject", "()".to_owned()),
        ("message publish bus/open by-both", "()".to_owned()),
        ("message send none open text", "Error::Connection(\"there is no pub/sub component `none`\")".to_owned()),
        ("message send bus closed text", format!("Error::PermissionDenied({denied:?})")),
        ("message publish closed text", format!("{denied:?}")),
        ("message request open text", no_reply.to_owned()),
    ];
    cases.check(&table.iter().map(|(line, expected)| (*line, expected.as_str())).collect::<Vec<_>>()).await;
    let published = cases.sidecar.published.lock().expect("no panic");
    let seen: Vec<_> = published
        .iter()
        .map(|(pubsub, topic, event)| {
            let ttl = event.metadata.get("ttlInSeconds").map(String::as_str);
            assert!(event.traceparent.is_some() && !event.metadata.contains_key("dropped"));
            (pubsub.as_str(), topic.as_str(), &event.data[..], event.content_type.as_deref(), ttl)
        })
        .collect();
    let expected = [
        ("bus", "open", &b"text"[..], Some("text/plain"), Some("9")),
        ("bus", "open", b"{}", Some("application/json"), Some("9")),
        ("bus", "open", b"by-subject", Some("text/plain"), None),
        ("bus", "open", b"by-both", Some("text/plain"), None),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_secret_is_revealed_to_whom_it_is_allowed() {
    let cases = Cases::new(sidecar(allowed()));
    cases.check(&[("secret get token", "s3cret"), ("secret get none", "SecretsError::NotFound")]).await;
    let denied = Cases::new(sidecar(Allow::default()));
    let why = "SecretsError::Upstream(\"app `app` may not use `vault/token`: `allow.secrets` doesn't name it\")";
    denied.check(&[("secret get token", why)]).await;
}

#[tokio::test]
async fn a_component_infers_by_a_models_name() {
    let runtime = runtime();
    let fixtures = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../nn/tests/fixtures");
    let model = std::fs::read(fixtures.join("relu_f32.tflite")).expect("a model");
    let model = runtime.models().load(&model).expect("a model");
    let shape: Vec<String> = model.inputs()[0].shape.iter().map(ToString::to_string).collect();
    let count: usize = model.inputs()[0].shape.iter().product();
    let numbers = |number: &str| vec![number; count].join(",");
    let guest = runtime.load("cases", built("wasi-cases"), None).expect("a guest");
    let models = BTreeMap::from([("relu".to_owned(), model)]);
    let spec = AppSpec { guests: vec![GuestSpec { models, ..GuestSpec::new("cases", guest) }], ..spec() };
    let sidecar = Arc::new(sidecar(allowed()));
    let app = runtime.app(spec, sidecar.clone(), no_dapr()).expect("an app");
    let cases = Cases { _runtime: runtime, app, sidecar };
    let dims = shape.join(",");
    let (up, down) =
        (format!("nn run relu {dims} {}", numbers("2.5")), format!("nn run relu {dims} {}", numbers("-1")));
    let shown = shape.join(", ");
    let table = [
        (up, format!("[{shown}] TensorType::Fp32 {}", numbers("2.5"))),
        (down, format!("[{shown}] TensorType::Fp32 {}", numbers("0"))),
        (
            "nn run none 1 1".to_owned(),
            "ErrorCode::NotFound: asked for the model `none`; `models:` of the app declares `relu`".to_owned(),
        ),
        (
            "nn load onnx".to_owned(),
            "ErrorCode::InvalidEncoding: only models of TensorFlow Lite can be loaded".to_owned(),
        ),
    ];
    cases.check(&table.iter().map(|(line, expected)| (line.as_str(), expected.as_str())).collect::<Vec<_>>()).await;
    let wrong = cases.run("nn run relu 1,1 1\nnn load auto").await.expect("an answer");
    let lines: Vec<&str> = wrong.lines().collect();
    assert!(lines[0].starts_with("ErrorCode::InvalidArgument: input `0` takes "), "{wrong}");
    assert!(lines[1].starts_with("ErrorCode::InvalidEncoding: the model can't be used: not a model"), "{wrong}");
}

fn files(allow: Allow) -> Double {
    Double { components: vec![("files", "bindings.localstorage"), ("mail", "bindings.smtp")], ..sidecar(allow) }
}

fn may_keep_files() -> Allow {
    Allow { bindings: list(&["files"]), ..Allow::default() }
}

#[tokio::test]
async fn a_container_is_a_binding_that_keeps_objects() {
    let cases = Cases::new(files(may_keep_files()));
    let table = [
        ("blob exists files", "true"),
        ("blob exists mail", "false"),
        ("blob exists none", "false"),
        ("blob open default", "()"),
        ("blob name", "\"files\""),
        ("blob create files", "()"),
        ("blob list", "[\"0 skipped\"]"),
        ("blob write a/b abcd", "()"),
        // What could be base64 stays what it is, and so does what stands in quotes.
        ("blob read a/b 0 end", "\"abcd\""),
        ("blob write quoted \"x\"", "()"),
        ("blob read quoted 0 end", "\"\\\"x\\\"\""),
        ("blob read a/b 1 2", "\"bc\""),
        ("blob size a/b", "4"),
        ("blob stream a/b", "\"4: abcd\""),
        ("blob has a/b", "true"),
        ("blob has none", "false"),
        ("blob drop lost x", "()"),
        ("blob has lost", "false"),
        ("blob copy files/a/b files/c", "()"),
        ("blob move files/c files/d", "()"),
        ("blob move files/d files/d", "()"),
        ("blob list", "[\"1 skipped\", \"d\", \"quoted\"]"),
        ("blob read none 0 end", "\"error invoking output binding files: file not found: /srv/files/none\""),
        ("blob write  x", "\"an object has a name\""),
        ("blob delete d", "()"),
        ("blob delete d", "()"),
        ("blob delete quoted none", "()"),
        ("blob list", "[\"1 skipped\"]"),
        ("blob clear", "()"),
        ("blob has a/b", "false"),
        ("blob delete-container files", "\"the container `files` is a Component, which no guest deletes\""),
        ("blob open mail", "\"there is no object store `mail`\""),
        ("blob create new", "\"there is no object store `new`\""),
    ];
    cases.check(&table).await;
}

#[tokio::test]
async fn objects_are_for_whom_their_binding_is_allowed() {
    let cases = Cases::new(files(Allow { bindings: list(&["files/get"]), ..Allow::default() }));
    let denied = |what: &str| format!("\"app `app` may not use `files/{what}`: `allow.bindings` doesn't name it\"");
    let (create, delete, all) = (denied("create"), denied("delete"), denied("list"));
    let table = [
        ("blob open files", "()"),
        ("blob write a x", create.as_str()),
        ("blob has a", "false"),
        ("blob delete a", &delete),
        ("blob list", &all),
        ("blob clear", &all),
        ("blob copy files/a files/b", "\"error invoking output binding files: file not found: /srv/files/a\""),
    ];
    cases.check(&table).await;
    assert!(cases.sidecar.objects.lock().expect("no panic").is_empty());
}

#[tokio::test]
async fn an_object_counts_against_what_the_host_may_hold() {
    let limits = Limits { host_buffers: 100_000, ..Limits::default() };
    let cases = Cases::with(files(may_keep_files()), limits);
    cases.check(&[("blob open files", "()"), ("blob write a #60000", "()"), ("blob size a", "60000")]).await;
    cases.sidecar.objects.lock().expect("no panic").insert("big".into(), vec![0; 100_001].into());
    for script in ["blob open files\nblob write b #200000", "blob open files\nblob size big"] {
        let error = cases.run(script).await.expect_err(script);
        assert_eq!(error.reached().map(|limit| &*limit.key), Some("limits.hostBuffers"), "{script}: {error:?}");
    }
    assert!(!cases.sidecar.objects.lock().expect("no panic").contains_key("b"));
}

#[tokio::test]
async fn a_language_model_is_a_conversation_component() {
    let models = |names: &[&'static str], allow: &[&str]| {
        let components = names.iter().map(|name| (*name, "conversation.echo")).collect();
        Cases::new(Double { components, ..sidecar(Allow { conversation: list(allow), ..Allow::default() }) })
    };
    let heard = |temperature: &str| {
        let said = "[User(Said { name: None, content: [\\\"hello\\\"] })]";
        format!("\"llama heard {said} at {temperature}\"")
    };
    let (plain, warm) = (heard("None"), heard("Some(0.5)"));
    let no_embeddings =
        "Error::RuntimeError(\"Dapr's conversation API makes no embeddings: ask a service that does by wasi:http\")";
    let table = [
        ("llm infer llama hello", plain.as_str()),
        ("llm warm llama hello", &warm),
        ("llm embed llama hello", no_embeddings),
        ("llm infer other hello", "Error::ModelNotSupported"),
    ];
    models(&["llama", "second"], &["llama"]).check(&table).await;
    // The only one stands for every model.
    models(&["llama"], &["llama"]).check(&[("llm infer other hello", plain.as_str())]).await;
    let denied = "Error::RuntimeError(\"app `app` may not use `llama`: `allow.conversation` doesn't name it\")";
    models(&["llama"], &[]).check(&[("llm infer llama hello", denied)]).await;
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Keeps the spans of guests.
#[derive(Default)]
struct Kept(std::sync::Mutex<Vec<(String, Span)>>);

impl Spans for Kept {
    fn ended(&self, app: &str, guest: &str, span: Span) {
        self.0.lock().expect("no panic").push((format!("{app}/{guest}"), span));
    }
}

impl Cases {
    async fn traced(&self, script: &str, flags: &str) -> String {
        let parent = format!("00-{TRACE}-00f067aa0ba902b7-{flags}");
        let request = Request::post("/").header("traceparent", parent).body(body::full(script.to_owned()));
        let response = self.app.invoke(request.expect("a request")).await.expect("an answer");
        let answer = body::collect(response.into_body(), 1 << 20).await.expect("an answer");
        String::from_utf8(answer.to_vec()).expect("text")
    }
}

#[tokio::test]
async fn spans_of_a_guest_join_the_trace_of_its_call() {
    let cases = Cases::new(sidecar(Allow::default()));
    let kept = Arc::new(Kept::default());
    cases._runtime.export_spans(kept.clone());
    assert_eq!(cases.traced("otel outer", "01").await, format!("{TRACE} 00f067aa0ba902b7 true\n"));
    assert_eq!(cases.traced("otel outer", "00").await, format!("{TRACE} 00f067aa0ba902b7 false\n"));
    cases.traced("otel span work 00000000000000aa 70", "01").await;
    let (whose, span) = kept.0.lock().expect("no panic").pop().expect("a span");
    assert_eq!(whose, "app/cases");
    assert_eq!((format!("{:032x}", span.context.trace_id).as_str(), span.context.span_id), (TRACE, 0xaa));
    assert_eq!((span.parent, span.name.as_str(), span.kind), (0x00f0_67aa_0ba9_02b7, "work", Kind::Client));
    assert_eq!((span.attributes.len(), span.events.len(), span.links.len(), span.dropped), (64, 1, 1, [7, 0, 0]));
    assert_eq!(span.attributes[0], ("a0".into(), "\"v\"".into()));
    assert_eq!((span.status, span.library.as_str()), (Status::Error("no good".into()), "cases"));
    assert_eq!(span.end, std::time::SystemTime::UNIX_EPOCH, "no clock has that time");
    // Neither what another trace's span would be, nor what nobody records, nor what is no span, nor too many.
    cases.traced("otel foreign work 00000000000000aa", "01").await;
    cases.traced("otel span work aa 0\notel span work 0000000000000000 0", "01").await;
    cases.traced("otel span work 00000000000000aa 0", "00").await;
    assert!(kept.0.lock().expect("no panic").is_empty());
    cases.traced("otel spans 200", "01").await;
    assert_eq!(kept.0.lock().expect("no panic").len(), 128);
}

#[tokio::test]
async fn no_metrics_are_taken() {
    let refused =
        "Err(\"metrics of guests are not exported: the host counts calls, durations and failures by itself\")";
    let cases = Cases::new(sidecar(Allow::default()));
    cases.check(&[("otel metrics", refused), ("otel span work 00000000000000aa 0", "ended")]).await;
}

/// The guest with another version in its imports, of the same length.
fn renamed(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = built("wasi-cases");
    let mut found = 0;
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from.as_bytes()) {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "{from}");
    bytes
}

#[tokio::test]
async fn an_unknown_version_links_by_its_shape_or_not_at_all() {
    let runtime = runtime();
    for (from, to) in [
        ("wasi:config/store@0.2.0-rc.1", "wasi:config/store@0.2.0-rc.9"),
        ("wasi:keyvalue/atomics@0.2.0-draft2", "wasi:keyvalue/atomics@0.2.0-draft9"),
        ("wasi:keyvalue/batch@0.2.0-draft2", "wasi:keyvalue/batch@0.2.0-draft7"),
        ("fermyon:spin/variables@2.0.0", "fermyon:spin/variables@2.1.0"),
        ("wasi:logging/logging@0.1.0-draft", "wasi:logging/logging@0.1.0-draf7"),
    ] {
        runtime.load("renamed", renamed(from, to), None).unwrap_or_else(|error| panic!("{to}: {error:?}"));
    }
    // Known by its name, but of another shape: the function is another one.
    let wrong = r#"(component
        (import "wasi:config/store@9.0.0" (instance (export "get" (func (param "key" u32) (result string)))))
        (core module $m (func (export "run") (result i32) i32.const 0))
        (core instance $i (instantiate $m))
        (func $run (result (result)) (canon lift (core func $i "run")))
        (instance $exported (export "run" (func $run)))
        (export "wasi:cli/run@0.2.0" (instance $exported)))"#;
    let error = common::refused(&runtime, wrong);
    assert!(error.message().contains("`wasi:config/store@9.0.0`"), "{error:?}");
    assert!(error.help().is_some_and(|hint| hint.contains("`0.2.0-rc.1`")), "{error:?}");
}

#[tokio::test]
async fn hostile_sizes_end_the_guest_or_are_refused() {
    let limits = Limits { host_buffers: 100_000, hostcall_fuel: 1 << 20, response: 1000, ..Limits::default() };
    let cases = Cases::with(sidecar(allowed()), limits);
    cases
        .check(&[
            ("draft open one", "()"),
            ("draft set big #100000", "()"),
            ("draft get big", "Some(\"100000 bytes\")"),
        ])
        .await;
    let refused = "Error::Other(\"1001 keys at once: at most 1000\")";
    cases.check(&[("draft open one", "()"), ("draft many-keys 1001", refused), ("draft many-keys 1000", "1000")]).await;
    for (script, code, key) in [
        ("draft open one\ndraft set bigger #100001\ndraft get bigger", Code::GuestLimit, "limits.hostBuffers"),
        ("draft open one\ndraft get-many big big", Code::GuestLimit, "limits.hostBuffers"),
        ("draft2 open one\ndraft2 cas big", Code::GuestLimit, "limits.hostBuffers"),
        ("draft open one\ndraft set big #2000000", Code::GuestLimit, "limits.hostcallFuel"),
    ] {
        let error = cases.run(script).await.expect_err(script);
        assert_eq!((error.code(), error.reached().map(|limit| &*limit.key)), (code, Some(key)), "{script}: {error}");
    }
    let few = Cases::with(sidecar(allowed()), Limits { host_calls: 2, ..Limits::default() });
    let error = few.run("draft open one\ndraft get a\ndraft get a").await.expect_err("too many host calls");
    assert_eq!(error.reached().map(|limit| &*limit.key), Some("limits.hostCalls"), "{error:?}");
    let few = Cases::with(sidecar(allowed()), Limits { resources: 20, ..Limits::default() });
    let error = few.run("draft flood 30").await.expect_err("too many handles");
    assert_eq!(error.reached().map(|limit| &*limit.key), Some("limits.resources"), "{error:?}");
}

#[tokio::test]
async fn the_mapping_is_told() {
    let runtime = runtime();
    let guest = runtime.load("cases", built("wasi-cases"), None).expect("a guest");
    let inspection = guest.inspection();
    let line = "wasi:keyvalue/store@0.2.0-draft → state components, by the name that the guest opens";
    assert!(inspection.mapping.iter().any(|mapped| mapped == line), "{:#?}", inspection.mapping);
    for block in ["state", "configuration", "pub/sub", "inference", "secrets"] {
        assert_eq!(inspection.building_blocks.iter().filter(|known| *known == block).count(), 1, "{block}");
    }
    assert!(inspection.allow.iter().any(|line| line == "publish: [<pubsub>/<topic>]"), "{:?}", inspection.allow);
}
