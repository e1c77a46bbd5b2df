//! What components make of WebAssembly: pipelines before the API and before the app, and commands behind a binding. What runs
//! it is a double that writes down what it was given.

use crate::harness::{World, component};
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use pillion_api::{
    AppChannel, Body, Code, Error, Metadata, Middleware, Pipeline, Programs, Result, Sidecar, bindings, body,
    configuration, jobs,
    middleware::Next,
    programs::{Command, Program},
    pubsub::{Delivery, Destination, Subscription, TopicStatus},
};
use pillion_sidecar::{Resources, run::RunConfig};
use std::sync::{Arc, Mutex};

/// Writes down each program with whether it is strict.
#[derive(Default)]
struct Double(Mutex<Vec<String>>);

impl Double {
    fn note(&self, program: &Program, rest: &str) {
        let Program { name, bytes, strict, .. } = program;
        let line = format!("{name} {} strict={strict}{rest}", String::from_utf8_lossy(bytes));
        self.0.lock().expect("no panic").push(line);
    }
}

#[async_trait]
impl Programs for Double {
    async fn middleware(&self, program: Program, config: Bytes) -> Result<Arc<dyn Middleware>> {
        self.note(&program, &format!(" config={}", String::from_utf8_lossy(&config)));
        Ok(Arc::new(Named(program.name)))
    }

    async fn command(&self, program: Program) -> Result<Arc<dyn Command>> {
        self.note(&program, "");
        Ok(Arc::new(Echo))
    }
}

/// A command that answers its arguments and its stdin; `fail` is one that ends badly.
struct Echo;

#[async_trait]
impl Command for Echo {
    async fn run(&self, args: Vec<String>, input: Bytes) -> Result<Bytes> {
        match args.iter().any(|arg| arg == "fail") {
            true => Err(Error::new(Code::GuestExit, "guest `upper` ended with exit code 1")),
            false => Ok(format!("{args:?} {}", String::from_utf8_lossy(&input)).into()),
        }
    }
}

/// A handler that writes its name before what goes on and before what comes back. `stop` answers by itself.
struct Named(String);

#[async_trait]
impl Middleware for Named {
    async fn handle(&self, request: Request<Body>, next: Next) -> Result<Response<Body>> {
        if self.0 == "stop" {
            let mut response = Response::new(body::full("stopped"));
            *response.status_mut() = http::StatusCode::FORBIDDEN;
            return Ok(response);
        }
        let (mut parts, incoming) = request.into_parts();
        let content = body::collect(incoming, 1000).await?;
        parts.headers.append("x-handler", HeaderValue::from_str(&self.0).expect("a value"));
        let changed = [self.0.as_bytes(), b":", &content].concat();
        let response = next(Request::from_parts(parts, body::full(changed))).await?;
        let (parts, answer) = response.into_parts();
        let answer = body::collect(answer, 1000).await?;
        Ok(Response::from_parts(parts, body::full([&answer[..], b"<", self.0.as_bytes()].concat())))
    }
}

/// An app that writes down what it gets.
#[derive(Default)]
struct App(Mutex<Vec<String>>);

impl App {
    fn note(&self, line: String) {
        self.0.lock().expect("no panic").push(line);
    }

    fn noted(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no panic"))
    }
}

#[async_trait]
impl AppChannel for App {
    async fn invoke(&self, request: Request<Body>) -> Result<Response<Body>> {
        let (parts, incoming) = request.into_parts();
        let content = body::collect(incoming, 1000).await?;
        let handlers: Vec<_> = parts.headers.get_all("x-handler").iter().collect();
        self.note(format!("{} {} {handlers:?}", parts.uri, String::from_utf8_lossy(&content)));
        Ok(Response::new(body::full("answer")))
    }

    async fn subscriptions(&self) -> Result<Vec<Subscription>> {
        Ok(Vec::new())
    }

    async fn deliver(&self, delivery: Delivery) -> Result<TopicStatus> {
        let handler = delivery.metadata.get("x-handler").cloned();
        self.note(format!("{:?} {handler:?} {}", delivery.destination, String::from_utf8_lossy(&delivery.event)));
        Ok(TopicStatus::Drop)
    }

    async fn binding_event(&self, event: bindings::Event) -> Result<bindings::Reply> {
        self.note(format!("{} {}", event.binding, String::from_utf8_lossy(&event.data)));
        Ok(bindings::Reply { data: "reply".into(), to: vec!["other".into()], parallel: true })
    }

    async fn job_event(&self, event: jobs::Event) -> Result<()> {
        self.note(format!("{} {}", event.name, String::from_utf8_lossy(&event.data)));
        Ok(())
    }

    async fn configuration_update(&self, update: configuration::Update) -> Result<()> {
        self.note(format!("{} {:?}", update.store, update.items.keys().collect::<Vec<_>>()));
        Ok(())
    }
}

fn world() -> (World, Arc<Double>) {
    let double = Arc::new(Double::default());
    let given = Arc::clone(&double);
    let world = World::with(move |config: &mut RunConfig| config.programs = Some(given));
    for name in ["a", "b", "stop", "upper"] {
        world.write(&format!("{name}.wasm"), "code");
    }
    (world, double)
}

fn handler(name: &str) -> String {
    component(name, "middleware.http.wasm", &[("url", &format!("file://{name}.wasm"))])
}

fn configuration(spec: &str) -> String {
    format!("apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {{ name: c }}\nspec:\n{spec}---\n")
}

fn pipeline(key: &str, names: &[&str]) -> String {
    let handlers: Vec<String> =
        names.iter().map(|name| format!("{{ name: {name}, type: middleware.http.wasm }}")).collect();
    format!("  {key}: {{ handlers: [{}] }}\n", handlers.join(", "))
}

async fn run(pipeline: &Pipeline) -> (u16, String) {
    let last: Next = Box::new(|request| {
        Box::pin(async move { Ok(Response::new(body::full(body::collect(request.into_body(), 1000).await?))) })
    });
    let response = pipeline.run(Request::new(body::full("x")), last).await.expect("an answer");
    let status = response.status().as_u16();
    let answer = body::collect(response.into_body(), 1000).await.expect("a body");
    (status, String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn a_pipeline_has_its_handlers_in_their_order() {
    for (names, expected) in [
        (&["a", "b"][..], (200, "b:a:x<b<a")),
        (&["b", "a"], (200, "a:b:x<a<b")),
        (&["a", "stop", "b"], (403, "stopped<a")),
        (&["a", "none"], (200, "a:x<a")),
        (&[], (200, "x")),
    ] {
        let (world, _) = world();
        let yaml = ["a", "b", "stop"].map(handler).concat() + &configuration(&pipeline("httpPipeline", names));
        let sidecar = world.open("shop", &yaml).await;
        let (status, answer) = run(sidecar.http_pipeline()).await;
        assert_eq!((status, answer.as_str()), expected, "{names:?}");
    }
}

#[tokio::test]
async fn what_dapr_asks_of_the_app_goes_through_its_pipeline() {
    let (world, _) = world();
    let yaml = handler("a") + &configuration(&pipeline("appHttpPipeline", &["a"]));
    let sidecar = world.open("shop", &yaml).await;
    let app = Arc::new(App::default());
    sidecar.start(Some(Arc::clone(&app) as Arc<dyn AppChannel>));
    sidecar.wait_ready().await;
    let channel = world.run.app("shop").expect("it was started");
    let request = Request::post("/order?n=1").body(body::full("x")).expect("a request");
    let answer =
        body::collect(channel.invoke(request).await.expect("an answer").into_body(), 1000).await.expect("a body");
    assert_eq!(&answer[..], b"answer<a");
    let delivery = |destination| Delivery {
        pubsub: "bus".into(),
        topic: "orders".into(),
        destination,
        event: "event".into(),
        metadata: Metadata::new(),
        traceparent: None,
    };
    // The handler's own words after the answer make it unreadable, which is a success, as in daprd.
    let status = channel.deliver(delivery(Destination::Path("/orders".into()))).await.expect("delivered");
    assert_eq!(status, TopicStatus::Success);
    channel.deliver(delivery(Destination::Guest("g".into()))).await.expect("delivered");
    let event = bindings::Event { binding: "in".into(), data: "data".into(), metadata: Metadata::new() };
    let reply = channel.binding_event(event).await.expect("taken");
    assert_eq!((&reply.data[..], &reply.to[..], reply.parallel), (&b"reply<a"[..], &["other".to_owned()][..], true));
    let job = jobs::Event { name: "clean".into(), data: "job".into(), content_type: None };
    channel.job_event(job).await.expect("taken");
    let item = configuration::Item::default();
    let items = configuration::Items::from([("k1".to_owned(), item.clone()), ("k2".to_owned(), item)]);
    let update = configuration::Update { store: "settings".into(), id: "1".into(), items };
    channel.configuration_update(update).await.expect("taken");
    assert_eq!(
        app.noted(),
        [
            r#"/order?n=1 a:x ["a"]"#,
            r#"Path("/orders") Some("a") a:event"#,
            r#"Guest("g") Some("a") a:event"#,
            "in a:data",
            "clean a:job",
            r#"settings ["k1"]"#,
            r#"settings ["k2"]"#,
        ]
    );
}

#[tokio::test]
async fn a_handler_that_answers_keeps_the_app_out() {
    let (world, _) = world();
    let yaml = handler("stop") + &configuration(&pipeline("appHttpPipeline", &["stop"]));
    let sidecar = world.open("shop", &yaml).await;
    let app = Arc::new(App::default());
    sidecar.start(Some(Arc::clone(&app) as Arc<dyn AppChannel>));
    sidecar.wait_ready().await;
    let channel = world.run.app("shop").expect("it was started");
    let job = jobs::Event { name: "clean".into(), data: "job".into(), content_type: None };
    assert_eq!(channel.job_event(job).await.expect_err("kept out").code(), Code::BadGateway);
    let response = channel.invoke(Request::new(body::empty())).await.expect("an answer");
    assert_eq!(response.status(), 403);
    assert!(app.noted().is_empty());
}

#[tokio::test]
async fn a_command_gets_arguments_and_data() {
    let (world, double) = world();
    let yaml = component("run", "bindings.wasm", &[("url", "file://upper.wasm")]);
    let sidecar = world.open("shop", &yaml).await;
    assert_eq!(*double.0.lock().expect("no panic"), ["upper code strict=false"]);
    let ask = |operation: &str, args: &str| bindings::Request {
        operation: operation.into(),
        data: "in".into(),
        metadata: Metadata::from([("args".to_owned(), args.to_owned())]),
    };
    let failed = "error invoking output binding run: ";
    for (request, expected) in [
        (ask("execute", "a,b c"), Ok(r#"["a", "b c"] in"#.to_owned())),
        (ask("execute", ""), Ok("[] in".to_owned())),
        (ask("execute", "fail"), Err(format!("{failed}guest `upper` ended with exit code 1"))),
        (
            ask("create", ""),
            Err(format!("{failed}binding run does not support operation create. supported operations:execute")),
        ),
        (ask("", ""), Err(format!("{failed}operation field is missing from request"))),
    ] {
        let answer = sidecar.invoke_binding("run", request).await;
        let answer = answer.map(|answer| String::from_utf8_lossy(&answer.data).into_owned());
        assert_eq!(answer.map_err(|error| error.message().to_owned()), expected);
    }
}

#[tokio::test]
async fn the_sandbox_is_strict_where_component_or_configuration_say_so() {
    let strict = [("url", "file://a.wasm"), ("guestConfig", "c"), ("strictSandbox", "true")];
    let usual = &strict[..2];
    for (metadata, spec, expected) in [
        (usual, "", "a code strict=false config=c"),
        (&strict[..], "", "a code strict=true config=c"),
        (usual, "  wasm: { strictSandbox: true }\n", "a code strict=true config=c"),
        (usual, "  wasm: { strictSandbox: false }\n", "a code strict=false config=c"),
    ] {
        let (world, double) = world();
        let yaml = component("a", "middleware.http.wasm", metadata);
        let yaml = if spec.is_empty() { yaml } else { yaml + &configuration(spec) };
        world.open("shop", &yaml).await;
        assert_eq!(*double.0.lock().expect("no panic"), [expected], "{spec}");
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_stops_the_start() {
    for (url, why) in [
        ("file://none.wasm", "No such file"),
        ("upper.wasm", "`upper.wasm` is no URL of a file"),
        ("oci://host/image", "`oci://` is not read"),
        ("http://127.0.0.1:1/a.wasm", "can't fetch `http://127.0.0.1:1/a.wasm`"),
    ] {
        let (world, _) = world();
        let config = world.config("shop", &component("run", "bindings.wasm", &[("url", url)]));
        let Err(found) = pillion_sidecar::Embedded::open(config).await else { panic!("{url} was opened") };
        assert!(found[0].message.contains(why), "{:?}", found[0]);
    }
    let without = World::new();
    without.write("a.wasm", "code");
    let Err(found) = pillion_sidecar::Embedded::open(without.config("shop", &handler("a"))).await else {
        panic!("nothing runs it")
    };
    assert!(found[0].message.contains("nothing in this process runs WebAssembly"), "{:?}", found[0]);
}

#[test]
fn a_handler_without_a_component_is_named() {
    let (world, _) = world();
    world.write("resources.yaml", &(handler("a") + &configuration(&pipeline("httpPipeline", &["a", "b"]))));
    let resources = Resources::load(&[world.path().join("resources.yaml")]);
    let found: Vec<&str> = resources.diagnostics.iter().map(|found| found.message.as_str()).collect();
    let expected = "configuration `c`: `httpPipeline` names `b` (middleware.http.wasm), and there is no such component: it is left out";
    assert_eq!(found, [expected]);
}
