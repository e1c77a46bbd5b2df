//! The same guests in the real binary, over the embedded sidecar: state, pub/sub, secrets, invocation.

use super::common::{self, Answer, PATIENCE, Running, free_ports, get, on_free_ports, post};
use std::fs;
use std::time::Instant;

const COMPONENTS: &str = "apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: statestore}
spec: {type: state.in-memory, version: v1}
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: notes}
spec: {type: state.in-memory, version: v1}
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: pubsub}
spec: {type: pubsub.in-memory, version: v1}
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: c}
spec: {type: secretstores.local.file, version: v1, metadata: [{name: secretsFile, value: FOLDER/secrets.json}]}
";

/// `app` is the id that the hostile guest calls itself by.
fn manifest([shop, app, shipping, dapr, circle, vault]: [u16; 6]) -> String {
    format!(
        "version: 1
common: {{ resourcesPath: ./components }}
apps:
  - appID: shop
    appDirPath: .
    appPort: {shop}
    wasm:
      guests: {{ counter: {{ source: dapr-counter.wasm }}, orders: {{ source: dapr-orders.wasm }} }}
      routes: [{{ path: /counter, guest: counter }}, {{ path: /orders, guest: orders }}]
      allow: {{ state: [statestore], publish: [pubsub/orders] }}
  - appID: app
    appDirPath: .
    appPort: {app}
    wasm: {{ source: dapr-cases.wasm, allow: {{ invoke: [app, echo] }} }}
  - appID: echo
    appDirPath: .
    wasm: {{ source: http-echo.wasm }}
  - appID: shipping
    appDirPath: .
    appPort: {shipping}
    daprHTTPPort: {dapr}
    wasm:
      source: dapr-shipping.wasm
      on: [{{ pubsub: pubsub, topic: orders }}]
      allow: {{ state: [statestore] }}
  - appID: circle
    appDirPath: .
    daprHTTPPort: {circle}
    wasm:
      source: dapr-cases.wasm
      on:
        - {{ pubsub: pubsub, topic: circle }}
        - {{ pubsub: pubsub, topic: many, bulkSubscribe: {{ enabled: true, maxMessagesCount: 5, maxAwaitDurationMs: 10000 }} }}
      allow: {{ publish: [pubsub/circle], state: [notes] }}
  - appID: vault
    appDirPath: .
    appPort: {vault}
    wasm: {{ source: dapr-cases.wasm, allow: {{ secrets: [c/k] }} }}
"
    )
}

struct World {
    running: Running,
    ports: [u16; 6],
    _dir: tempfile::TempDir,
}

impl World {
    fn start() -> Self {
        on_free_ports(Self::try_start)
    }

    fn try_start() -> Result<Self, String> {
        let dir = tempfile::tempdir().expect("a folder");
        let copy = |name| fs::copy(common::guest(name), dir.path().join(format!("{name}.wasm"))).expect("a guest");
        copy("dapr-cases");
        copy("dapr-counter");
        copy("dapr-orders");
        copy("dapr-shipping");
        copy("http-echo");
        let ports = free_ports();
        fs::create_dir(dir.path().join("components")).expect("a folder");
        let components = COMPONENTS.replace("FOLDER", &dir.path().display().to_string());
        fs::write(dir.path().join("components/all.yaml"), components).expect("written");
        fs::write(dir.path().join("secrets.json"), r#"{"k": "canary-2718", "other": "canary-3141"}"#).expect("written");
        fs::write(dir.path().join("dapr.yaml"), manifest(ports)).expect("written");
        let running = Running::start(&["up", "--metrics-port", "0"], dir.path())?;
        Ok(Self { running, ports, _dir: dir })
    }

    fn url(&self, port: usize, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports[port])
    }
}

fn expect(answer: &Answer, status: u16, body: &str) {
    assert_eq!((answer.status, answer.text().as_str()), (status, body));
}

#[test]
fn the_building_blocks_of_one_run() {
    let mut world = World::start();

    // A counter that several callers use at once counts each of them.
    let url = world.url(0, "/counter/visits");
    let callers: Vec<_> = (0..4).map(|_| url.clone()).map(|url| std::thread::spawn(move || get(&url).status)).collect();
    assert!(callers.into_iter().all(|caller| caller.join().expect("no panic") == 200));
    expect(&get(&url), 200, "5");

    // An order that one app publishes is kept by the other.
    expect(&post(&world.url(0, "/orders"), br#"{"item": "tea"}"#), 202, "published");
    let kept = world.url(3, "/v1.0/state/statestore/last-order");
    let deadline = Instant::now() + PATIENCE;
    while get(&kept).status != 200 {
        assert!(Instant::now() < deadline, "the order does not come: {}", world.running.printed());
        std::thread::yield_now();
    }
    expect(&get(&kept), 200, r#"{"item":"tea"}"#);

    // A secret that is granted is shown, another one isn't there, and no log has either.
    expect(&get(&world.url(5, "/call/secrets.get")), 200, r#"["k"] Some("canary-2718") None"#);
    expect(&get(&world.url(5, "/call/secrets.get-bulk")), 200, r#"k=Some("canary-2718")"#);

    // What a guest may not do is in the log, with the line to add.
    let denied = get(&world.url(5, "/call/pubsub.publish")).text();
    assert!(denied.contains("add `c` to `allow: { publish: [...] }` of app `vault`"), "{denied}");
    assert!(world.running.wait_for("denied: app `vault` may not use `c/t`"));

    // A guest that calls itself without end: all calls of the chain are answered.
    let endless = get(&world.url(1, "/hostile/endless"));
    assert!(endless.status == 200 && endless.text().contains("circle"), "{}: {}", endless.status, endless.text());

    // A call streams both ways: what comes back is far more than what any side holds.
    let relayed = get(&world.url(1, "/stream/relay/echo/3000000")).text();
    let bytes = relayed.split_once(' ').and_then(|(_, body)| body.parse::<u32>().ok());
    assert!(bytes.is_some_and(|bytes| bytes >= 3_000_000), "{relayed}");

    // Messages come several at once where the guest asks for it.
    let many = world.url(4, "/v1.0/publish/pubsub/many");
    (0..5).for_each(|_| assert_eq!(common::ask("POST", &many, &[], b"1").status, 204));
    let deadline = Instant::now() + PATIENCE;
    while get(&world.url(4, "/v1.0/state/notes/all")).text() != "5" {
        assert!(Instant::now() < deadline, "five messages do not come: {}", world.running.printed());
        std::thread::yield_now();
    }
    expect(&get(&world.url(4, "/v1.0/state/notes/most")), 200, "5");

    // A guest that publishes to its own topic comes to an end.
    let publish = world.url(4, "/v1.0/publish/pubsub/circle");
    let headers = [("content-type", "text/plain")];
    assert_eq!(common::ask("POST", &publish, &headers, b"again").status, 204);
    assert!(world.running.wait_for("they publish to each other in a circle"), "{}", world.running.printed());
    expect(&get(&world.url(0, "/counter/visits")), 200, "6");

    let (status, printed) = world.running.interrupt();
    assert!(status.success(), "{printed}");
    assert!(!printed.contains("canary") && !printed.contains("panicked"), "{printed}");
}
