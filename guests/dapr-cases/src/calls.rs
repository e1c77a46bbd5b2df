//! Every function of every building block, on the component `c`.

use crate::streams;
use pillion_sdk::actors::{self, Reminder, Timer};
use pillion_sdk::bindings::service::pillion::dapr::types::{Actor, Request};
use pillion_sdk::conversation::{self, Input, Message, Said};
use pillion_sdk::crypto::{self, EncryptOptions};
use pillion_sdk::jobs::{self, ConstantPolicy, FailurePolicy, Job};
use pillion_sdk::state::{self, Entry, Operation, ReadOptions, Removal, WriteOptions};
use pillion_sdk::{Result, configuration, invocation, lock, output, pubsub, secrets, sidecar_metadata, workflow};
use std::io::Write;

pub fn call(name: &str) -> Result<String> {
    match name.split_once('.').unwrap_or((name, "")) {
        ("state", function) => of_state(function),
        ("pubsub", function) => of_pubsub(function),
        ("secrets", function) => of_secrets(function),
        ("configuration", function) => of_configuration(function),
        ("crypto", function) => of_crypto(function),
        ("jobs", function) => of_jobs(function),
        ("actors", function) => of_actors(function),
        ("workflow", function) => of_workflow(function),
        (_, _) => of_the_rest(name),
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

fn done(result: Result<()>) -> Result<String> {
    result.map(|()| "done".to_owned())
}

fn unknown(name: &str) -> Result<String> {
    Ok(format!("no such call: {name}"))
}

fn pair() -> (String, String) {
    ("a".to_owned(), "b".to_owned())
}

fn of_state(function: &str) -> Result<String> {
    let options = || WriteOptions { etag: Some("1".into()), metadata: vec![pair()], ..WriteOptions::default() };
    match function {
        "get" => state::get("c", "k", &ReadOptions::default()).map(|item| match item {
            Some(item) => format!("{} {} {:?}", text(item.value), item.etag, item.expires),
            None => "none".to_owned(),
        }),
        "get-bulk" => state::get_bulk("c", &["k".into(), "l".into()], &[]).map(|items| {
            let one = |item: state::BulkItem| {
                format!("{}:{:?}", item.key, item.item.map(|item| item.map(|item| text(item.value))))
            };
            items.into_iter().map(one).collect::<Vec<_>>().join(" ")
        }),
        "set" => done(state::set("c", &[Entry { options: options(), ..Entry::new("k", "v") }.for_seconds(7)])),
        "delete" => done(state::delete("c", "k", &options())),
        "transact" => {
            let removal = Removal { key: "l".into(), options: WriteOptions::default() };
            let operations = [Operation::Upsert(Entry::new("k", "v")), Operation::Delete(removal)];
            done(state::transact("c", &operations, &[]))
        }
        "query" => state::query("c", "{}", &[]).map(|found| {
            format!("{} {}", found.items.iter().map(|item| item.key.as_str()).collect::<String>(), found.token)
        }),
        _ => unknown(function),
    }
}

fn of_pubsub(function: &str) -> Result<String> {
    match function {
        "publish" => done(pubsub::publish_with("c", "t", b"data", Some("text/plain"), &[pair()])),
        "publish-bulk" => {
            let entry = |id: &str| pubsub::Entry {
                entry_id: id.into(),
                data: b"data".to_vec(),
                content_type: None,
                metadata: Vec::new(),
            };
            pubsub::publish_bulk("c", "t", &[entry("1"), entry("2")], &[])
                .map(|failed| failed.into_iter().map(|entry| format!("{} {}", entry.entry_id, entry.error)).collect())
        }
        _ => unknown(function),
    }
}

fn of_secrets(function: &str) -> Result<String> {
    match function {
        "get" => secrets::get("c", "k", &[])
            .map(|secret| format!("{:?} {:?} {:?}", secret.names(), secret.reveal("k"), secret.reveal("x"))),
        "get-bulk" => secrets::get_bulk("c", &[]).map(|all| {
            all.into_iter()
                .map(|(name, secret)| format!("{name}={:?}", secret.reveal(&name)))
                .collect::<Vec<_>>()
                .join(" ")
        }),
        _ => unknown(function),
    }
}

fn of_configuration(function: &str) -> Result<String> {
    let keys = ["k".to_owned()];
    match function {
        "get" => configuration::get("c", &keys, &[]).map(|items| {
            items.into_iter().map(|(key, item)| format!("{key}={} {}", item.value, item.version)).collect()
        }),
        "subscribe" => configuration::subscribe("c", &keys, &[]),
        "unsubscribe" => {
            configuration::subscribe("c", &keys, &[]).and_then(|id| done(configuration::unsubscribe("c", &id)))
        }
        _ => unknown(function),
    }
}

fn of_crypto(function: &str) -> Result<String> {
    let options = EncryptOptions {
        key_name: "k".into(),
        key_wrap_algorithm: "A256KW".into(),
        data_encryption_cipher: None,
        omit_decryption_key_name: false,
        decryption_key_name: None,
    };
    match function {
        "encrypt" => crypto::encrypt("c", b"plain", &options).map(text),
        "encrypt-streaming" => {
            crypto::encrypt_streaming("c", &options).and_then(|document| through(&document, b"plain"))
        }
        "decrypt-streaming" => {
            crypto::decrypt_streaming("c", Some("k")).and_then(|document| through(&document, b"encrypted"))
        }
        "decrypt" => crypto::decrypt("c", b"encrypted", Some("k")).map(text),
        _ => unknown(function),
    }
}

/// What comes out of a document that streams.
fn through(document: &crypto::Document, data: &[u8]) -> Result<String> {
    let written = document.input().map(|mut stream| stream.write_all(data));
    document.finish()?;
    document.subscribe().block();
    let output = document.output()?;
    Ok(if matches!(written, Some(Ok(()))) { streams::whole(output) } else { format!("{written:?}") })
}

fn of_jobs(function: &str) -> Result<String> {
    match function {
        "schedule" => {
            let policy = FailurePolicy::Constant(ConstantPolicy { interval: 1500, max_retries: Some(2) });
            let job = Job {
                name: "c".into(),
                schedule: Some("@every 1s".into()),
                repeats: Some(3),
                due_time: None,
                ttl: None,
                data: b"{}".to_vec(),
                failure_policy: Some(policy),
            };
            done(jobs::schedule(&job, true))
        }
        "get" => jobs::get("c").map(|job| format!("{} {:?}", job.name, job.schedule)),
        "delete" => done(jobs::delete("c")),
        _ => unknown(function),
    }
}

fn of_actors(function: &str) -> Result<String> {
    let actor = Actor { actor_type: "c".into(), actor_id: "1".into() };
    let empty = String::new;
    match function {
        "invoke" => actors::invoke(&actor, "method", b"data", &[]).map(text),
        "get-state" => actors::get_state(&actor, "k").map(|value| format!("{:?}", value.map(text))),
        "transact-state" => done(actors::transact_state(&actor, &[actors::Operation::Delete("k".into())])),
        "register-reminder" => {
            let reminder =
                Reminder { name: "r".into(), due_time: "1s".into(), period: empty(), ttl: empty(), data: Vec::new() };
            done(actors::register_reminder(&actor, &reminder))
        }
        "unregister-reminder" => done(actors::unregister_reminder(&actor, "r")),
        "get-reminder" => {
            actors::get_reminder(&actor, "r").map(|found| format!("{:?}", found.map(|found| found.due_time)))
        }
        "register-timer" => {
            let (due_time, callback) = ("1s".into(), "tick".into());
            done(actors::register_timer(
                &actor,
                &Timer { name: "t".into(), due_time, period: empty(), ttl: empty(), callback, data: Vec::new() },
            ))
        }
        "unregister-timer" => done(actors::unregister_timer(&actor, "t")),
        _ => unknown(function),
    }
}

fn of_workflow(function: &str) -> Result<String> {
    match function {
        "start" => workflow::start("c", Some("id"), b"{}"),
        "get" => {
            workflow::get("c").map(|instance| format!("{} {} {:?}", instance.name, instance.status, instance.created))
        }
        "terminate" => done(workflow::terminate("c")),
        "pause" => done(workflow::pause("c")),
        "resume" => done(workflow::resume("c")),
        "purge" => done(workflow::purge("c")),
        "raise-event" => done(workflow::raise_event("c", "paid", b"1")),
        _ => unknown(function),
    }
}

fn of_the_rest(name: &str) -> Result<String> {
    match name {
        "bindings.invoke" => output::invoke("c", "create", b"data", &[pair()])
            .map(|answer| format!("{} {:?}", text(answer.data), answer.metadata)),
        "invocation.invoke" => {
            let headers = vec![("x-own".into(), b"1".to_vec()), ("dapr-caller-app-id".into(), b"forged".to_vec())];
            let request =
                Request { method: "PUT".into(), path: "/a b?q=1".replace(' ', "%20"), headers, body: b"data".to_vec() };
            invocation::invoke("c", &request).map(|response| format!("{} {}", response.status, text(response.body)))
        }
        "invocation.invoke-streaming" => {
            let call = streams::begin("c", "/a%20b?q=1", true)?;
            let written = call.body().map(|mut stream| stream.write_all(b"da").and_then(|()| stream.write_all(b"ta")));
            call.finish()?;
            call.subscribe().block();
            let response = call.response()?;
            let answer = streams::whole(response.body);
            // A denied call closes what nobody reads.
            Ok(if matches!(written, Some(Ok(()))) {
                format!("{} {answer}", response.status)
            } else {
                format!("{written:?}")
            })
        }
        "invocation.failure" => Ok(streams::whole(streams::begin("c", "/broken", false)?.response()?.body)),
        "lock.try-lock" => lock::try_lock("c", "r", "me", 5).map(|taken| taken.to_string()),
        "lock.unlock" => lock::unlock("c", "r", "me").map(|status| format!("{status:?}")),
        "conversation.converse" => {
            let said = Said { name: None, content: vec!["hello".into()] };
            let request = conversation::Request {
                context_id: None,
                inputs: vec![Input { messages: vec![Message::User(said)], scrub_pii: false }],
                parameters: Vec::new(),
                metadata: Vec::new(),
                scrub_pii: false,
                temperature: Some(0.5),
                tools: Vec::new(),
                tool_choice: None,
            };
            conversation::converse("c", &request)
                .map(|answer| answer.outputs.into_iter().flatten().map(|choice| choice.content).collect())
        }
        "sidecar-metadata.get" => sidecar_metadata::get().map(|own| format!("{} {}", own.app_id, own.components.len())),
        _ => unknown(name),
    }
}
