//! A daprd that a test starts: on loopback, on free ports, with its log in the test's folder, ended with the test.

use pillion_sidecar::{Daprd, DaprdConfig, daprd::endpoint};
use std::{
    fs::File,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::process::{Child, Command};

/// How long a daprd may take to be ready on a busy machine.
const START: Duration = Duration::from_secs(60);
/// How much of its log a failure shows, in bytes.
const TAIL: usize = 4000;

/// The folder of Dapr's programs; none prints why the test is skipped.
pub(crate) fn tools(test: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../daprd");
    if folder.join("daprd").is_file() {
        return Some(folder);
    }
    println!("skipped: {test}: no daprd; `cargo xtask daprd` builds it");
    None
}

/// Ports that nobody else has: held together until all are known, then given to the process.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) http: u16,
    pub(crate) grpc: u16,
    internal: u16,
}

impl Ports {
    pub(crate) fn free() -> Self {
        let held = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
        let [http, grpc, internal] = held.map(|listener| listener.local_addr().expect("an address").port());
        Self { http, grpc, internal }
    }

    /// A client of the daprd there.
    pub(crate) fn config(self, app_id: &str) -> DaprdConfig {
        let grpc = endpoint::grpc(&format!("127.0.0.1:{}", self.grpc)).expect("an endpoint");
        let http = endpoint::http(&format!("http://127.0.0.1:{}", self.http)).expect("an endpoint");
        DaprdConfig::new(app_id, grpc, http)
    }
}

/// What a daprd is started with.
pub(crate) struct Start<'a> {
    pub(crate) tools: &'a Path,
    /// Holds `resources`, `config.yaml`, and what daprd writes.
    pub(crate) folder: &'a Path,
    pub(crate) app_id: &'a str,
    pub(crate) app_port: Option<u16>,
    pub(crate) token: Option<&'a str>,
    pub(crate) ports: Ports,
}

/// A daprd that runs until it is dropped.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Start<'_> {
    /// Starts it; [`Process::ready`] waits.
    pub(crate) fn spawn(&self) -> Process {
        let log = self.folder.join("daprd.log");
        let out = File::options().create(true).append(true).open(&log).expect("a log");
        let mut command = Command::new(self.tools.join("daprd"));
        command.env_clear().env("HOME", self.folder).current_dir(self.folder).kill_on_drop(true);
        command.args(["--mode=standalone", "--enable-metrics=false", "--dapr-listen-addresses=127.0.0.1"]);
        command.args(["--dapr-internal-grpc-listen-address=127.0.0.1", "--dapr-graceful-shutdown-seconds=1"]);
        command.arg(format!("--app-id={}", self.app_id));
        command.arg(format!("--dapr-http-port={}", self.ports.http));
        command.arg(format!("--dapr-grpc-port={}", self.ports.grpc));
        command.arg(format!("--dapr-internal-grpc-port={}", self.ports.internal));
        command.arg(format!("--resources-path={}", self.folder.join("resources").display()));
        command.arg(format!("--config={}", self.folder.join("config.yaml").display()));
        if let Some(port) = self.app_port {
            command.arg(format!("--app-port={port}"));
        }
        if let Some(token) = self.token {
            command.env("DAPR_API_TOKEN", token);
        }
        let err = out.try_clone().expect("a log");
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().expect("a daprd");
        Process { child, log }
    }

    /// Starts it and waits until it is ready.
    pub(crate) async fn ready(&self) -> Process {
        let mut process = self.spawn();
        process.ready(self.ports).await;
        process
    }
}

impl Process {
    /// Waits until daprd's components are ready.
    pub(crate) async fn ready(&mut self, ports: Ports) {
        let probe = Daprd::new(ports.config("probe")).expect("a client");
        let ended = tokio::select! {
            ready = tokio::time::timeout(START, probe.wait_ready()) => ready.is_err().then(|| "it was not ready in time".to_owned()),
            ended = self.child.wait() => Some(format!("it ended: {ended:?}")),
        };
        if let Some(why) = ended {
            panic!("daprd: {why}\n{}", self.tail());
        }
    }

    /// Ends it at once, as a crash does.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("a process that can be ended");
    }

    fn tail(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(TAIL)..]).into_owned()
    }
}

/// Writes the Configuration that every daprd here has: without a name resolution of its own, daprd opens multicast DNS.
pub(crate) fn write_config(folder: &Path, more: &str) {
    let names = folder.join("names.db");
    let text = format!(
        "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {{ name: config }}\nspec:\n  nameResolution:\n    \
         component: sqlite\n    version: v1\n    configuration: {{ connectionString: \"{}\" }}\n{more}",
        names.display()
    );
    std::fs::create_dir_all(folder.join("resources")).expect("a folder");
    std::fs::write(folder.join("config.yaml"), text).expect("a file");
}
