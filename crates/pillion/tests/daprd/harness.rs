//! Starts an app and its daprd, and ends them with the test.

use crate::common::{self, Answer, PATIENCE, Running, ask, free_ports, on_free_ports};
use std::{
    collections::HashSet,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How often something that has no line to wait for is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// Guests that a test may name in its `wasm:`.
const GUESTS: [&str; 14] = [
    "dapr-actor",
    "dapr-cases",
    "dapr-orders",
    "dapr-shipping",
    "event-recorder",
    "http-call",
    "http-echo",
    "http-grpc",
    "http-subscriber",
    "js-shop",
    "order-approval",
    "py-shop",
    "wasi-cases",
    "workflow-cases",
];

/// The folder of Dapr's programs, or none: then the test is skipped, counted by its line.
pub fn tools(test: &str) -> Option<PathBuf> {
    built("daprd", test)
}

/// The same of a daprd that has streams of actors.
pub fn later_tools(test: &str) -> Option<PathBuf> {
    built("daprd-1.18", test)
}

fn built(link: &str, test: &str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("cargo's target folder");
    let folder = target.join(link);
    if folder.join("daprd").is_file() {
        return Some(folder);
    }
    println!("skipped: {test}: no {link}; `cargo xtask daprd` builds it");
    None
}

/// Looks until something is so; false once [`PATIENCE`] is at its end.
pub fn until(mut look: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !look() {
        if Instant::now() > deadline {
            return false;
        }
        pause(LOOK);
    }
    true
}

/// A little time between two looks, or between two pieces of a load; nothing hangs on how much it is.
pub fn pause(time: Duration) {
    std::thread::park_timeout(time);
}

/// How often a test of crashes tries: what `PILLION_TEST_ROUNDS` says, else `default`.
pub fn rounds(default: usize) -> usize {
    std::env::var("PILLION_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(default)
}

/// What the apps of one test share: a folder, and in it the file by which daprds find each other, so that no test opens
/// multicast DNS.
pub struct Network {
    pub tools: PathBuf,
    pub dir: TempDir,
}

impl Network {
    pub fn new(tools: PathBuf) -> Arc<Self> {
        let dir = tempfile::tempdir().expect("a folder");
        let resolution = format!(
            "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {{name: test}}\nspec:\n  nameResolution:\n    component: sqlite\n    version: v1\n    configuration: {{connectionString: {}/names.db}}\n",
            dir.path().display()
        );
        fs::write(dir.path().join("config.yaml"), resolution).expect("written");
        Arc::new(Self { tools, dir })
    }
}

/// An app and how it is started.
#[derive(Clone)]
pub struct Setup {
    pub app_id: &'static str,
    /// What stands behind `wasm:`, in one line.
    pub wasm: String,
    /// Resources of daprd, as YAML documents.
    pub resources: String,
    /// `--app-protocol`.
    pub protocol: &'static str,
    /// Further flags of daprd.
    pub flags: Vec<String>,
    /// Variables of daprd's environment.
    pub variables: Vec<(&'static str, String)>,
    /// `APP_API_TOKEN` of the app and of daprd.
    pub tokens: [Option<&'static str>; 2],
    /// `DAPR_API_TOKEN` of both.
    pub api_token: Option<&'static str>,
    /// Whether daprd is told of the app's port.
    pub has_port: bool,
    /// Whether daprd tries a delivery again until it is taken.
    pub tries_again: bool,
}

impl Setup {
    pub fn new(app_id: &'static str, wasm: impl Into<String>, resources: impl Into<String>) -> Self {
        let (wasm, resources) = (wasm.into(), resources.into());
        Self {
            app_id,
            wasm,
            resources,
            protocol: "http",
            flags: Vec::new(),
            variables: Vec::new(),
            tokens: [None; 2],
            api_token: None,
            has_port: true,
            tries_again: true,
        }
    }

    pub fn protocol(mut self, protocol: &'static str) -> Self {
        self.protocol = protocol;
        self
    }

    pub fn flag(mut self, flag: impl Into<String>) -> Self {
        self.flags.push(flag.into());
        self
    }

    pub fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// daprd neither knows the app's port nor calls it.
    pub fn without_port(mut self) -> Self {
        self.has_port = false;
        self
    }

    /// What is not taken is the broker's again: no policy of daprd's keeps it.
    pub fn once(mut self) -> Self {
        self.tries_again = false;
        self
    }

    /// A network of its own.
    pub fn start(self, tools: PathBuf) -> Behind {
        self.start_in(&Network::new(tools))
    }

    pub fn start_in(self, network: &Arc<Network>) -> Behind {
        on_free_ports(|| Behind::start(&self, network))
    }
}

/// The ports of an app and of its daprd.
#[derive(Clone, Copy)]
pub struct Ports {
    pub app: u16,
    pub http: u16,
    pub grpc: u16,
    pub internal: u16,
}

/// `pillion serve` behind a daprd.
pub struct Behind {
    // Fields are dropped in this order: the app ends before its daprd, and the folder last.
    pub pillion: Option<Running>,
    pub daprd: Daprd,
    pub ports: Ports,
    setup: Setup,
    dir: TempDir,
    network: Arc<Network>,
}

impl Behind {
    fn start(setup: &Setup, network: &Arc<Network>) -> Result<Self, String> {
        let [app, http, grpc, internal] = free_ports();
        let ports = Ports { app, http, grpc, internal };
        let dir = tempfile::tempdir().expect("a folder");
        setup.write(dir.path(), ports);
        let pillion = serve(setup, dir.path(), ports)?;
        let daprd = Daprd::start(setup, dir.path(), ports, network)?;
        Ok(Self { pillion: Some(pillion), daprd, ports, setup: setup.clone(), dir, network: network.clone() })
    }

    /// Ends the app as Kubernetes does; its exit status and what it printed.
    pub fn terminate(&mut self) -> (std::process::ExitStatus, String) {
        let pillion = self.pillion.take().expect("the app runs");
        common::signal(pillion.id(), rustix::process::Signal::TERM);
        pillion.ended()
    }

    /// Ends the app as a crash does.
    pub fn kill(&mut self) {
        let pillion = self.pillion.take().expect("the app runs");
        common::signal(pillion.id(), rustix::process::Signal::KILL);
        pillion.ended();
    }

    /// Ends the app and starts another one with this behind `wasm:`.
    pub fn change(&mut self, wasm: &str) {
        self.terminate();
        self.setup.wasm = wasm.to_owned();
        self.setup.write_manifest(self.dir.path(), self.ports);
        self.restart();
    }

    /// Ends daprd as a crash does.
    pub fn stop_daprd(&mut self) {
        self.daprd.0.kill();
    }

    /// Starts daprd again, on the same ports.
    pub fn start_daprd(&mut self) {
        self.daprd = Daprd::start(&self.setup, self.dir.path(), self.ports, &self.network).expect("it starts again");
    }

    /// Starts the app again, on the same port.
    pub fn restart(&mut self) {
        self.pillion = Some(serve(&self.setup, self.dir.path(), self.ports).expect("it starts again"));
    }

    /// A call of the sidecar's HTTP API.
    pub fn dapr(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        ask(method, &format!("http://127.0.0.1:{}{path}", self.ports.http), headers, body)
    }

    /// Publishes a text; daprd took it.
    pub fn publish(&self, topic: &str, text: &str) {
        self.publish_as(topic, "text/plain", text.as_bytes());
    }

    pub fn publish_as(&self, topic: &str, content_type: &str, body: &[u8]) {
        let answer = self.dapr("POST", &format!("/v1.0/publish/bus/{topic}"), &[("content-type", content_type)], body);
        assert_eq!(answer.status, 204, "{topic}: {}\n{}", answer.text(), self.daprd.log());
    }

    /// A call of the app's own port, as any client may try.
    pub fn app(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        ask(method, &format!("http://127.0.0.1:{}{path}", self.ports.app), headers, body)
    }

    /// The lines that the guests recorded.
    pub fn events(&self) -> Vec<String> {
        let log = fs::read_to_string(self.dir.path().join("events/log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    pub fn count(&self, text: &str) -> usize {
        self.events().iter().filter(|event| event.contains(text)).count()
    }

    /// Waits until the guests recorded every `event <number>.`, as long as fewer and fewer are missing.
    pub fn expect_all(&self, taken: &[usize]) {
        let mut missing = self.missing(taken);
        while !missing.is_empty() {
            let before = missing.len();
            let some_came = until(|| {
                missing = self.missing(taken);
                missing.len() < before
            });
            assert!(some_came, "of {} events {missing:?} are lost", taken.len());
        }
    }

    /// Which events `event <number>.` no guest recorded.
    pub fn missing(&self, taken: &[usize]) -> Vec<usize> {
        let events = self.events();
        let texts = events.iter().flat_map(|line| line.split("event "));
        let seen: HashSet<usize> = texts.filter_map(|text| text.split_once('.')?.0.parse().ok()).collect();
        taken.iter().copied().filter(|n| !seen.contains(n)).collect()
    }

    /// Waits until the guests recorded `text` so often.
    pub fn until(&mut self, text: &str, count: usize) {
        if !until(|| self.count(text) >= count) {
            let printed = self.pillion.as_mut().map(Running::printed).unwrap_or_default();
            panic!("{count} times `{text}` in vain: {:#?}\n{printed}\n{}", self.events(), self.daprd.log());
        }
    }
}

impl Setup {
    fn write(&self, dir: &Path, ports: Ports) {
        for guest in GUESTS.into_iter().filter(|guest| self.wasm.contains(guest)) {
            fs::copy(common::guest(guest), dir.join(guest).with_extension("wasm")).expect("a guest");
        }
        fs::create_dir(dir.join("events")).expect("a folder");
        fs::create_dir(dir.join("components")).expect("a folder");
        fs::write(dir.join("components/all.yaml"), &self.resources).expect("written");
        if self.tries_again {
            fs::write(dir.join("components/resiliency.yaml"), RESILIENCY).expect("written");
        }
        self.write_manifest(dir, ports);
    }

    fn write_manifest(&self, dir: &Path, ports: Ports) {
        let manifest = format!(
            "version: 1\napps:\n  - appID: {}\n    appDirPath: .\n    appPort: {}\n    wasm: {}\n",
            self.app_id, ports.app, self.wasm
        );
        fs::write(dir.join("dapr.yaml"), manifest).expect("written");
    }
}

/// What `dapr run` gives the app.
fn serve(setup: &Setup, dir: &Path, ports: Ports) -> Result<Running, String> {
    let mut command = common::pillion();
    command.args(["serve", "--metrics-port", "0"]).current_dir(dir);
    set_dapr_variables(&mut command, setup.app_id, setup.protocol, ports);
    if let Some(token) = setup.tokens[0] {
        command.env("APP_API_TOKEN", token);
    }
    if let Some(token) = setup.api_token {
        command.env("DAPR_API_TOKEN", token);
    }
    Running::start_with(&mut command)
}

pub fn set_dapr_variables(command: &mut Command, app_id: &str, protocol: &str, ports: Ports) {
    let variables = [
        ("APP_ID", app_id.to_owned()),
        ("APP_PORT", ports.app.to_string()),
        ("APP_PROTOCOL", protocol.to_owned()),
        ("APP_CHANNEL_ADDRESS", "127.0.0.1".to_owned()),
        ("DAPR_HTTP_PORT", ports.http.to_string()),
        ("DAPR_GRPC_PORT", ports.grpc.to_string()),
    ];
    command.envs(variables);
}

/// A program of Dapr's, ended with its handle.
pub struct Guarded {
    child: Child,
    log: PathBuf,
}

impl Guarded {
    pub fn start(command: &mut Command, log: PathBuf) -> Self {
        let file = File::create(&log).expect("a log");
        let again = file.try_clone().expect("a log");
        let child = command.stdin(Stdio::null()).stdout(file).stderr(again).spawn().expect("the program starts");
        Self { child, log }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until an address answers with a status; the log where the program ended before.
    pub fn wait(&mut self, url: &str, status: u16) -> Result<(), String> {
        let mut ended = false;
        let answers = until(|| {
            ended = self.has_ended();
            ended || get_status(url) == Some(status)
        });
        assert!(answers, "`{url}` never answers {status}:\n{}", self.log());
        if ended { Err(self.log()) } else { Ok(()) }
    }

    /// Whether it ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// Both fail where it has ended already.
    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.kill();
    }
}

fn get_status(url: &str) -> Option<u16> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().into();
    agent.get(url).call().ok().map(|answer| answer.status().as_u16())
}

/// A running daprd.
pub struct Daprd(Guarded);

impl Daprd {
    pub fn start(setup: &Setup, dir: &Path, ports: Ports, network: &Network) -> Result<Self, String> {
        let mut command = Command::new(network.tools.join("daprd"));
        command.args(flags(setup, ports)).args(&setup.flags);
        command.arg("--resources-path").arg(dir.join("components"));
        command.arg("--config").arg(network.dir.path().join("config.yaml"));
        command.env("DAPR_HOST_IP", "127.0.0.1").env_remove("DAPR_API_TOKEN").env_remove("APP_API_TOKEN");
        if let Some(token) = setup.tokens[1] {
            command.env("APP_API_TOKEN", token);
        }
        if let Some(token) = setup.api_token {
            command.env("DAPR_API_TOKEN", token);
        }
        command.envs(setup.variables.iter().map(|(name, value)| (name, value)));
        let mut daprd = Guarded::start(&mut command, dir.join("daprd.log"));
        daprd.wait(&format!("http://127.0.0.1:{}/v1.0/healthz", ports.http), 204)?;
        Ok(Self(daprd))
    }

    pub fn log(&self) -> String {
        self.0.log()
    }
}

/// The flags that `dapr run` gives daprd. A later one of the same name holds.
pub fn flags(setup: &Setup, ports: Ports) -> Vec<String> {
    let app = [format!("--app-port={}", ports.app), format!("--app-protocol={}", setup.protocol)];
    let mut flags = vec![
        format!("--app-id={}", setup.app_id),
        format!("--dapr-http-port={}", ports.http),
        format!("--dapr-grpc-port={}", ports.grpc),
        format!("--dapr-internal-grpc-port={}", ports.internal),
        "--dapr-listen-addresses=127.0.0.1".to_owned(),
        "--dapr-internal-grpc-listen-address=127.0.0.1".to_owned(),
        "--enable-metrics=false".to_owned(),
    ];
    flags.extend(app.into_iter().filter(|_| setup.has_port));
    flags
}

/// A component of Dapr's, as a YAML document.
pub fn component(name: &str, kind: &str, metadata: &[(&str, &str)]) -> String {
    let items: Vec<String> =
        metadata.iter().map(|(name, value)| format!("{{name: {name}, value: \"{value}\"}}")).collect();
    format!(
        "---\napiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{name: {name}}}\nspec: {{type: {kind}, version: v1, metadata: [{}]}}\n",
        items.join(", ")
    )
}

/// An in-memory broker.
pub fn bus() -> String {
    component("bus", "pubsub.in-memory", &[])
}

/// Delivers again until it is taken: the in-memory broker of daprd gives up after ten tries in a second. A file of its own,
/// because daprd reads no further than the first document here.
const RESILIENCY: &str = "apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: again}
spec:
  policies:
    retries:
      again: {policy: constant, duration: 50ms, maxRetries: -1}
  targets:
    components:
      bus: {inbound: {retry: again}}
";
