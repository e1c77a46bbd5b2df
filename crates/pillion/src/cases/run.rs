//! Runs a case: a fresh app over fresh fakes, one input, and what came of it held against what was expected.

use super::{
    MAX_ANSWER,
    call::Call,
    compare::{Difference, shown},
    expect::{Calls, Expect, Status, word},
    fake::Fake,
    input::{self, Input, Topic},
    read::Case,
};
use crate::{
    environment::AppEnvironment,
    launch::{PlannedApp, databases, wasm},
};
use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use http::{HeaderMap, Request};
use pillion_api::{
    AppChannel, Error, Pipeline, Sidecar, body,
    pubsub::{Destination, TopicStatus},
    sql::Databases,
};
use pillion_runtime::{App, Runtime};
use pillion_sidecar::{Embedded, EmbeddedConfig, Policy, Resources, Run, run::RunConfig};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

/// The Dapr port that guests are told where the run file names none; what they send there stays in process.
const DAPR_HTTP_PORT: u16 = 3500;
/// Between two looks whether a guest has ended that goes on after its answer.
const LOOK: Duration = Duration::from_millis(1);

/// What came of a case.
pub(crate) struct Outcome {
    pub(crate) differences: Vec<Difference>,
    /// What helps to understand them.
    pub(crate) notes: Vec<String>,
    pub(crate) took: Duration,
}

/// What an app answered.
struct Said {
    status: Option<Status>,
    headers: HeaderMap,
    body: Bytes,
    to: Vec<String>,
    error: Option<Error>,
}

impl Default for Said {
    fn default() -> Self {
        Self { status: None, headers: HeaderMap::new(), body: Bytes::new(), to: Vec::new(), error: None }
    }
}

/// Runs a case of an app.
///
/// # Errors
/// The app can't be made.
pub(crate) async fn run(runtime: &Runtime, planned: &PlannedApp, case: &Case) -> Result<Outcome> {
    let fake = Arc::new(fake(planned, case).await?);
    let (databases, _folder) = databases::open_empty(&planned.app).await?;
    let app = app(runtime, planned, &fake, databases)?;
    let began = Instant::now();
    let said = ask(&app, &case.input).await?;
    settle(&app).await;
    let took = began.elapsed();
    let mut differences = Vec::new();
    compare_answer(&case.expect, &said, &mut differences);
    compare_state(&case.expect, &fake, &mut differences).await;
    if let Some(calls) = &case.calls {
        compare_calls(calls, &fake.calls(), &mut differences);
    }
    let mut notes = fake.denials();
    let why = said.error.iter().map(failure);
    notes.extend(why.filter(|why| !differences.iter().any(|difference| difference.got == *why)));
    Ok(Outcome { differences, notes, took })
}

/// Every store and broker that `allow` or the case names is there, in memory.
async fn fake(planned: &PlannedApp, case: &Case) -> Result<Fake> {
    let allow = planned.app.wasm().map(|wasm| wasm.allow.clone()).unwrap_or_default();
    let component = |entry: &'_ String| entry.split('/').next().unwrap_or_default().to_owned();
    let plain = |name: &String| !name.contains('*');
    let stores = allow.state.iter().map(component).filter(plain).chain(case.given.state.keys().cloned());
    let stores: BTreeSet<String> = stores.chain(case.expect.state.iter().map(|(store, ..)| store.clone())).collect();
    let brokers: BTreeSet<String> = allow.publish.iter().map(component).filter(plain).collect();
    // Dapr has one space of names for components of all blocks; a fake need not.
    let resources = Resources::in_memory(stores.iter().map(String::as_str), brokers.iter().map(String::as_str));
    let config = EmbeddedConfig::new(planned.app.app_id.clone(), Arc::new(resources), Run::new(RunConfig::default()));
    let opened = Embedded::open(config).await;
    let embedded = opened.map_err(|findings| anyhow!("the fakes can't be opened: {findings:?}"))?;
    let fake = Fake::new(embedded, case.given.clone());
    fake.fill().await.with_context(|| format!("case `{}`: the given state", case.name))?;
    Ok(fake)
}

fn app(
    runtime: &Runtime,
    planned: &PlannedApp,
    fake: &Arc<Fake>,
    databases: Option<Arc<dyn Databases>>,
) -> Result<App> {
    let app = &planned.app;
    let allow = app.wasm().map(|wasm| wasm.allow.clone()).unwrap_or_default();
    let port = if app.dapr_http_port == 0 { DAPR_HTTP_PORT } else { app.dapr_http_port };
    let own = AppEnvironment {
        app_id: &app.app_id,
        app_port: app.app_port,
        app_protocol: app.app_protocol.name(),
        dapr_http_port: port,
        dapr_grpc_port: 0,
        metrics_port: 0,
    };
    let own = own.variables().into_iter().map(|(name, value)| (name.to_owned(), value));
    let variables: Vec<(String, String)> = own.chain(app.env.clone()).collect();
    let told = fake.clone();
    let policy = Policy::new(fake.clone(), allow, app.app_id.clone());
    let policy: Arc<dyn Sidecar> = Arc::new(policy.on_denied(Arc::new(move |list, name| told.deny(list, name))));
    let ports = [(port, app.app_id.clone())].into();
    wasm::app(runtime, planned, &variables, (policy, Pipeline::default()), ports, databases)
}

/// A guest may go on after its answer, and ask for more.
async fn settle(app: &App) {
    while app.stats().iter().any(|guest| guest.in_flight > 0) {
        tokio::time::sleep(LOOK).await;
    }
}

async fn ask(app: &App, input: &Input) -> Result<Said> {
    let failed = |error: Error| Said { error: Some(error), ..Said::default() };
    Ok(match input {
        Input::Request(request) => requested(app, request).await?,
        Input::Topic(topic) => match deliver(app, topic).await {
            Ok(status) => Said { status: Some(Status::Topic(status)), ..Said::default() },
            Err(error) => failed(error),
        },
        Input::Binding(event) => match app.binding_event(event.clone()).await {
            Ok(reply) => Said { body: reply.data, to: reply.to, ..Said::default() },
            Err(error) => failed(error),
        },
        Input::Job(event) => app.job_event(event.clone()).await.map_or_else(failed, |()| Said::default()),
        Input::Configuration(update) => {
            app.configuration_update(update.clone()).await.map_or_else(failed, |()| Said::default())
        }
    })
}

/// A failure is also the answer that a client would get.
async fn requested(app: &App, request: &input::Request) -> Result<Said> {
    let mut asked = Request::new(body::full(request.body.clone()));
    *asked.method_mut() = request.method.clone();
    *asked.uri_mut() = request.path.parse().with_context(|| format!("`{}` is no path", request.path))?;
    *asked.headers_mut() = request.headers.clone();
    let (response, mut error) = match app.invoke(asked).await {
        Ok(response) => (response, None),
        Err(error) => (error.clone().problem_response(), Some(error)),
    };
    let (parts, answer) = response.into_parts();
    let body = match body::collect(answer, MAX_ANSWER).await {
        Ok(body) => body,
        Err(broken) => {
            error.get_or_insert(broken);
            Bytes::new()
        }
    };
    let status = Some(Status::Http(parts.status.as_u16()));
    Ok(Said { status, headers: parts.headers, body, to: Vec::new(), error })
}

/// To the named destination, else to the first subscription of the topic.
async fn deliver(app: &App, topic: &Topic) -> Result<TopicStatus, Error> {
    let destination = match &topic.destination {
        Some(destination) => destination.clone(),
        None => subscriber(app, topic).await?,
    };
    app.deliver(topic.delivery(destination)).await
}

async fn subscriber(app: &App, topic: &Topic) -> Result<Destination, Error> {
    let subscriptions = app.subscriptions().await?;
    let wanted = subscriptions.into_iter().find(|one| one.pubsub == topic.pubsub && one.topic == topic.topic);
    wanted.and_then(|one| one.default).ok_or_else(|| {
        let why = format!("the app doesn't subscribe to {}", input::named(topic));
        Error::new(pillion_api::Code::RouteNotFound, why)
            .hint("add it under `on:` of the run file, or name the case's `guest` or `path` where a Subscription does")
    })
}

fn failure(error: &Error) -> String {
    let hint = error.help().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
    format!("{}: {}{hint}", error.code().name(), error.message())
}

fn compare_answer(expect: &Expect, said: &Said, differences: &mut Vec<Difference>) {
    compare_failure(expect, said, differences);
    if let Some((at, wanted)) = expect.status
        && said.status != Some(wanted)
    {
        let got = said.status.map_or_else(|| "none".to_owned(), shown_status);
        differences.push(Difference::new(at, "status", shown_status(wanted), got));
    }
    for (name, at, wanted) in &expect.headers {
        let got: Vec<&str> = said.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        if !got.contains(&wanted.as_str()) {
            let got = if got.is_empty() { "nothing".to_owned() } else { got.join(", ") };
            differences.push(Difference::new(*at, format!("headers.{name}"), wanted.clone(), got));
        }
    }
    expect.wanted.compare("body", &said.body, differences);
    if let Some((at, wanted)) = &expect.to
        && *wanted != said.to
    {
        differences.push(Difference::new(*at, "to", wanted.join(", "), said.to.join(", ")));
    }
}

/// A failure that nobody expects is a difference, and so is a success where one was expected.
fn compare_failure(expect: &Expect, said: &Said, differences: &mut Vec<Difference>) {
    match (&expect.error, &said.error) {
        (Some((at, wanted)), Some(error)) => {
            let got = failure(error);
            if !got.contains(wanted.as_str()) {
                differences.push(Difference::new(*at, "error", format!("something with {wanted}"), got));
            }
        }
        (Some((at, wanted)), None) => {
            let got = said.status.map_or_else(|| "an answer".to_owned(), shown_status);
            differences.push(Difference::new(*at, "error", format!("something with {wanted}"), got));
        }
        (None, Some(error)) if expect.status.is_none() => {
            differences.push(Difference::new(expect.at, "answer", "no failure", failure(error)));
        }
        (None, None) if expect.status.is_none() => match said.status {
            Some(Status::Http(status)) if status >= 400 => {
                let got = format!("{status} {}", shown(&said.body));
                differences.push(Difference::new(expect.at, "status", "a success", got));
            }
            Some(Status::Topic(status)) if status != TopicStatus::Success => {
                differences.push(Difference::new(expect.at, "status", "SUCCESS", word(status)));
            }
            _ => {}
        },
        _ => {}
    }
}

fn shown_status(status: Status) -> String {
    match status {
        Status::Http(status) => status.to_string(),
        Status::Topic(status) => word(status).to_owned(),
    }
}

async fn compare_state(expect: &Expect, fake: &Fake, differences: &mut Vec<Difference>) {
    for (store, key, at, wanted) in &expect.state {
        let what = format!("state.{store}.{key}");
        let got = match fake.state(store, key).await {
            Ok(got) => got,
            Err(error) => {
                differences.push(Difference::new(*at, what, "a store", failure(&error)));
                continue;
            }
        };
        match (wanted, got) {
            (Some(wanted), Some(got)) => wanted.compare(&what, &got, differences),
            (Some(wanted), None) => differences.push(Difference::new(*at, what, wanted.shown(), "nothing")),
            (None, Some(got)) => differences.push(Difference::new(*at, what, "nothing", shown(&got))),
            (None, None) => {}
        }
    }
}

fn compare_calls(expected: &Calls, made: &[Call], differences: &mut Vec<Difference>) {
    let mut left: Vec<&Call> = made.iter().collect();
    for (place, pattern) in expected.patterns.iter().enumerate() {
        let what = format!("call {}", place + 1);
        let fits = |call: &&Call| {
            let mut found = Vec::new();
            pattern.compare(&what, call, &mut found);
            found.is_empty()
        };
        let next = match expected.in_order {
            true => (!left.is_empty()).then_some(0),
            // One that fits, else the first of its name, whose differences say the most.
            false => left.iter().position(fits).or_else(|| left.iter().position(|call| call.name == pattern.name)),
        };
        match next {
            Some(next) => pattern.compare(&what, left.remove(next), differences),
            None => differences.push(Difference::new(pattern.at, what, pattern.shown(), "no such call")),
        }
    }
    for call in left {
        differences.push(Difference::new(expected.at, "calls", "no more calls", call.shown()));
    }
}
