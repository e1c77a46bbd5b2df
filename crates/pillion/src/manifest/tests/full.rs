//! Whole files: the design's own, and one with every key that Dapr's run file has.

use super::{folder, good, load};
use crate::manifest::wasm::Build;
use crate::manifest::{
    App, AppKind, AppProtocol, FileSource, HealthCheck, RouteTarget, TriggerKind, WasmApp, allow, keys,
};
use std::{fs, path::Path, time::Duration};

const DESIGN: &str = r"version: 1
common: { resourcesPaths: [./components] }
apps:
  - appID: image-api-rs
    appDirPath: ./image-api-rs
    appPort: 9004
    daprHTTPPort: 3502
    command: [pillion, serve]
    wasm:
      source: grayscale.wasm
      routes: [{ path: /api/image, methods: [POST] }]
      build: { command: cargo xtask guests, watch: [src/**] }
      limits: { memory: 256Mi, timeout: 5s, concurrency: 8 }
  - appID: image-api-go
    appDirPath: ./image-api-go
    appPort: 9003
    wasm:
      source: classify.wasm
      call: infer
      routes: [{ path: /api/image }]
      on: [{ pubsub: pubsub, topic: pictures }, { binding: nightly }, { job: reindex }]
      models: { mobilenet: { file: mobilenet.tflite } }
      allow: { state: [statestore], publish: [pubsub/results], invoke: [], bindings: [], secrets: [], hosts: [], files: [] }
  - appID: go-web-port
    appDirPath: ./web-port
    appPort: 8080
    wasm:
      guests: { hello: { source: hello.wasm } }
      routes: [{ path: /api/hello, guest: hello }, { path: /static, directory: ./static }, { path: /, redirect: /static/home.html }]
      allow: { invoke: [image-api-go, image-api-rs] }
";

fn wasm(app: &App) -> &WasmApp {
    app.wasm().expect("a Wasm app")
}

#[test]
fn the_designs_own_file_says_what_the_design_says() {
    let dir = folder();
    for file in [
        "image-api-rs/grayscale.wasm",
        "image-api-go/classify.wasm",
        "image-api-go/mobilenet.tflite",
        "web-port/hello.wasm",
    ] {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, "").expect("a file");
    }
    fs::create_dir(dir.path().join("web-port/static")).expect("a folder");
    let (manifest, warnings) = load(dir.path(), DESIGN).expect("good");
    let about: Vec<_> = warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert!(about.is_empty(), "{about:?}");
    assert_eq!(manifest.path, dir.path().join("dapr.yaml"));
    let [rs, go, web] = manifest.apps.as_slice() else { panic!("three apps") };

    assert_eq!(
        (rs.app_id.as_str(), rs.app_port, rs.dapr_http_port, rs.dapr_grpc_port),
        ("image-api-rs", 9004, 3502, 0)
    );
    assert_eq!((rs.at, rs.max_body_size, rs.app_protocol), ((4, 5), 4 << 20, AppProtocol::Http));
    assert_eq!(rs.dir, dir.path().join("image-api-rs"));
    assert_eq!(rs.resources_paths, [dir.path().join("components")]);
    assert_eq!(rs.command, ["pillion", "serve"]);
    let guest = &wasm(rs).guests["grayscale"];
    assert_eq!(guest.source, rs.dir.join("grayscale.wasm"));
    assert_eq!(guest.limits.memory, Some(256 << 20));
    assert_eq!(guest.limits.timeout, Some(Duration::from_secs(5)));
    assert_eq!((guest.limits.concurrency, guest.limits.response), (Some(8), None));
    let build =
        Build { command: "cargo xtask guests".to_owned(), watch: vec!["src/**".to_owned()], directory: rs.dir.clone() };
    assert_eq!((&guest.build, &wasm(rs).build), (&Some(build.clone()), &Some(build)));
    let route = &wasm(rs).routes[0];
    assert_eq!((route.path.as_str(), route.methods.as_slice()), ("/api/image", [http::Method::POST].as_slice()));
    assert_eq!(route.target, RouteTarget::Guest("grayscale".to_owned()));

    assert_eq!(wasm(go).guests["classify"].call.as_deref(), Some("infer"));
    let kinds: Vec<_> = wasm(go).triggers.iter().map(|trigger| (&trigger.kind, trigger.guest.as_str())).collect();
    let topic = TriggerKind::Topic {
        pubsub: "pubsub".to_owned(),
        topic: "pictures".to_owned(),
        dead_letter: None,
        metadata: Default::default(),
        streaming: false,
    };
    let [binding, job] = [TriggerKind::Binding("nightly".to_owned()), TriggerKind::Job("reindex".to_owned())];
    assert_eq!(kinds, [(&topic, "classify"), (&binding, "classify"), (&job, "classify")]);
    let file = FileSource::File { path: go.dir.join("mobilenet.tflite"), sha256: None };
    assert_eq!(wasm(go).models["mobilenet"].source, file);
    assert_eq!(
        (wasm(go).allow.state.as_slice(), wasm(go).allow.publish.as_slice()),
        (["statestore".to_owned()].as_slice(), ["pubsub/results".to_owned()].as_slice())
    );

    let targets: Vec<_> = wasm(web).routes.iter().map(|route| &route.target).collect();
    let [hello, files] = [RouteTarget::Guest("hello".to_owned()), RouteTarget::Directory(web.dir.join("static"))];
    assert_eq!(targets, [&hello, &files, &RouteTarget::Redirect("/static/home.html".to_owned())]);
    assert_eq!(wasm(web).allow.invoke, ["image-api-go", "image-api-rs"]);
}

const EVERY_KEY_OF_DAPR: &str = r"version: 1
name: everything
common:
  configFilePath: config.yaml
  appProtocol: GRPC
  apiListenAddresses: 127.0.0.1,::1
  enableProfiling: true
  logLevel: DEBUG
  appMaxConcurrency: 7
  placementHostAddress: localhost:50005
  schedulerHostAddress: localhost:50006
  resourcesPath: components
  resourcesPaths: [data]
  appSSL: true
  maxBodySize: 8Mi
  readBufferSize: 8Ki
  enableAppHealthCheck: true
  appHealthCheckPath: /health
  appHealthProbeInterval: 1
  appHealthProbeTimeout: 200
  appHealthThreshold: 2
  enableApiLogging: true
  runtimePath: home
  env: { SHARED: common, BOTH: common, EMPTY: , NUMBER: 1 }
  daprdLogDestination: fileAndConsole
  appLogDestination: file
apps:
  - appID: one
    appDirPath: app
    appPort: 8001
    appChannelAddress: localhost
    daprHTTPPort: 3501
    daprGRPCPort: 50001
    daprInternalGRPCPort: 50002
    profilePort: 7777
    metricsPort: 9091
    unixDomainSocket: /tmp
    command: [./run, --port, 8001]
    containerImage: image:latest
    containerImagePullPolicy: Always
    createService: true
    configFilePath: own.wasm
    resourcesPaths: [../static]
    appProtocol: h2c
    logLevel: warn
    maxBodySize: 1024
    appHealthThreshold: 5
    env: { BOTH: app, OWN: app }
  - appDirPath: app
";

#[test]
fn every_key_of_dapr_is_read_and_the_app_wins() {
    let dir = folder();
    let (manifest, warnings) = load(dir.path(), EVERY_KEY_OF_DAPR).expect("good");
    assert!(warnings.iter().all(|warning| warning.message.ends_with("is not yet acted on")), "{warnings:?}");
    for key in [keys::APP, keys::SHARED].concat() {
        let written = format!("{}:", key.name);
        assert!(key.name == "wasm" || EVERY_KEY_OF_DAPR.contains(&written), "{}", key.name);
        let warned = warnings.iter().any(|warning| warning.message.contains(&format!("`{}`", key.name)));
        assert_eq!(warned, key.acts == keys::Acts::NotYet, "{}", key.name);
    }
    assert_eq!(manifest.name.as_deref(), Some("everything"));
    let [one, app] = manifest.apps.as_slice() else { panic!("two apps") };
    assert_eq!((one.app_port, one.dapr_http_port, one.dapr_grpc_port, one.metrics_port), (8001, 3501, 50001, 9091));
    assert_eq!((one.app_protocol, one.log_level.as_deref(), one.max_body_size), (AppProtocol::H2c, Some("warn"), 1024));
    assert_eq!(one.command, ["./run", "--port", "8001"]);
    assert!(matches!(one.kind, AppKind::Native));
    assert_eq!(one.config_path, Some(dir.path().join("app/own.wasm")));
    assert_eq!(one.resources_paths, [dir.path().join("app/../static")]);
    let env: Vec<_> = one.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(env, ["BOTH=app", "EMPTY=", "NUMBER=1", "OWN=app", "SHARED=common"]);
    let check = HealthCheck { path: "/health".to_owned(), interval_seconds: 1, timeout_millis: 200, threshold: 5 };
    assert_eq!(one.health_check, Some(check));

    assert_eq!(app.app_id, "app");
    assert_eq!(
        (app.app_protocol, app.log_level.as_deref(), app.max_body_size),
        (AppProtocol::Grpc, Some("debug"), 8 << 20)
    );
    assert_eq!(app.app_max_concurrency, Some(7));
    assert!(matches!(app.kind, AppKind::SidecarOnly));
    assert_eq!(app.config_path, Some(dir.path().join("config.yaml")));
    assert_eq!(app.resources_paths, [dir.path().join("data"), dir.path().join("components")]);
}

#[test]
fn a_guest_takes_from_the_app_what_it_does_not_say() {
    let dir = folder();
    let manifest = good(
        dir.path(),
        r"version: 1
apps:
  - appID: a
    appDirPath: .
    wasm:
      call: run
      env: { A: app, B: app }
      args: [one, two]
      limits: { memory: 1Mi, queueWait: 0s }
      build: { command: make, directory: app }
      guests:
        own: { source: guest.wasm, call: infer, env: { B: own }, args: [], limits: { memory: 2Mi }, build: { command: make own } }
        bare: { source: other.wasm }
      routes: [{ path: /, guest: own }, { path: /b, guest: bare }]
      models:
        m: { file: model.tflite, sha256: sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855, labels: labels.txt }
      allow: { files: [data:/data:ro, 'home::/h'] }
",
    );
    let wasm = wasm(&manifest.apps[0]);
    let [own, bare] = ["own", "bare"].map(|name| &wasm.guests[name]);
    assert_eq!((own.call.as_deref(), bare.call.as_deref()), (Some("infer"), Some("run")));
    assert_eq!((own.env["A"].as_str(), own.env["B"].as_str(), bare.env["B"].as_str()), ("app", "own", "app"));
    assert_eq!((own.args.len(), bare.args.len()), (0, 2));
    assert_eq!((own.limits.memory, own.limits.queue_wait), (Some(2 << 20), Some(Duration::ZERO)));
    assert_eq!(bare.limits.memory, Some(1 << 20));
    let builds = [own, bare].map(|guest| guest.build.clone().expect("a build"));
    assert_eq!(builds.each_ref().map(|build| build.command.as_str()), ["make own", "make"]);
    assert_eq!(builds[1].directory, dir.path().join("app"));
    let FileSource::File { sha256: Some(digest), .. } = &wasm.models["m"].source else {
        panic!("a file with a digest")
    };
    assert!(digest.starts_with("e3b0c442") && digest.len() == 64);
    assert!(wasm.models["m"].labels.is_some());
    let folders: Vec<_> =
        wasm.directories.iter().map(|it| (it.host.as_path(), it.guest.as_str(), it.read_only)).collect();
    let [data, home] = ["data", "home"].map(|name| dir.path().join(name));
    assert_eq!(folders, [(data.as_path(), "/data", true), (home.as_path(), "/h", false)]);
}

#[test]
fn an_app_of_folders_and_redirects_needs_no_guest() {
    let dir = folder();
    let text = "version: 1\napps: [{ appDirPath: ., appID: a, wasm: { routes: [{ path: /, directory: static }] } }]";
    let manifest = good(dir.path(), text);
    assert!(wasm(&manifest.apps[0]).guests.is_empty());
    assert_eq!(wasm(&manifest.apps[0]).routes.len(), 1);
}

#[test]
fn the_reference_table_names_every_key() {
    let table = keys::table();
    let rows: usize = keys::BLOCKS.iter().map(|block| block.keys.len()).sum();
    assert_eq!(table.lines().count(), rows + 2);
    assert!(table.contains("| `apps[].wasm.limits.memory` | size | 64Mi | all memories"), "{table}");
    assert!(table.contains(
        "| `apps[].profilePort` | port | 0: chosen at start | port of the sidecar's profiles (not yet acted on) |"
    ));
    assert!(table.lines().all(|line| line.matches(" | ").count() == 3 || line.starts_with("|---")), "{table}");
}

#[test]
fn every_list_of_the_policy_has_a_row() {
    let mut policy = pillion_api::policy::Allow::default();
    for key in keys::ALLOW {
        allow::allow_list(&mut policy, key.name).expect(key.name).push(key.name.to_owned());
    }
    // Field by field, so that a new list without a row doesn't compile.
    let pillion_api::policy::Allow {
        state,
        publish,
        invoke,
        bindings,
        secrets,
        configuration,
        locks,
        crypto,
        conversation,
        jobs,
        actors,
        workflows,
        hosts,
        files,
        models,
    } = policy;
    let lists = [
        state,
        publish,
        invoke,
        bindings,
        secrets,
        configuration,
        locks,
        crypto,
        conversation,
        jobs,
        actors,
        workflows,
        hosts,
        files,
        models,
    ];
    assert!(lists.iter().all(|list| list.len() == 1), "{lists:?}");
}

#[test]
fn the_shipped_examples_are_read() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/dapr-wasm");
    for name in ["dapr.yaml", "dapr.mobilenet.yaml"] {
        // The guests are built later; what they are is not this test's business.
        let found = crate::manifest::Manifest::load(&examples.join(name), &Default::default());
        let errors = found.err().unwrap_or_default();
        let others: Vec<_> = errors.iter().filter(|found| !found.message.contains("does not exist")).collect();
        assert!(others.is_empty(), "{others:?}");
    }
}

#[test]
fn workflows_have_every_bound_by_default() {
    let dir = folder();
    let read = |workflows: &str| {
        let text = format!(
            "version: 1\napps: [{{ appDirPath: ., appID: a, wasm: {{ source: guest.wasm, workflows: {workflows} }} }}]"
        );
        wasm(&good(dir.path(), &text).apps[0]).workflows.clone().expect("workflows")
    };
    assert_eq!(read("{}"), crate::manifest::Workflows::default());
    let given = read("{ turns: 2, activities: 3, history: 4, actions: 5, payload: 6Ki, workItem: 7Mi }");
    assert_eq!((given.work.turns, given.work.activities, given.work.item), (2, 3, 7 << 20));
    let bounds = given.spec.bounds;
    assert_eq!((bounds.history, bounds.actions, bounds.payload), (4, 5, 6 << 10));
}
