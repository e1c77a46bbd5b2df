//! What may be typed. Names are those of `dapr run` where it has one.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// A WebAssembly application runtime for Dapr.
#[derive(Parser, Debug)]
#[command(name = "pillion", version, about, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Flags of every verb.
#[derive(Args, Debug, Clone)]
pub(crate) struct Global {
    /// Least severe records that are logged: error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL", default_value = "info", env = "PILLION_LOG_LEVEL")]
    pub(crate) log_level: String,
    /// Log JSON lines; the default where standard error is no terminal
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub(crate) log_as_json: Option<bool>,
    /// Folder of compiled code and downloaded models
    #[arg(long, global = true, value_name = "DIR", env = "PILLION_CACHE_DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// How a verb that lists prints.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Start every app of a dapr.yaml in this process, each with its sidecar
    Up(Up),
    /// Run one guest without a manifest, or one native app beside an embedded sidecar
    Run(Box<Run>),
    /// Serve one app of a dapr.yaml: the one that APP_ID names
    Serve(Serve),
    /// Make a folder with a guest that builds, from a template; without one, list the templates
    New(New),
    /// Build the guests of a dapr.yaml by the commands that it names
    Build(Build),
    /// Start every app as `up` does, build what is saved, and give it to the running apps
    Dev(Dev),
    /// Run the test cases of a dapr.yaml's guests, with fakes of Dapr in memory
    Test(Test),
    /// Call an app by its sidecar
    Invoke(Invoke),
    /// Publish a message by an app's sidecar
    Publish(Publish),
    /// Say what is wrong with a dapr.yaml, its resources and its guests, without starting anything
    Check(Check),
    /// Say what a guest is: kind, imports, exports, building blocks, and the policy that it needs
    Inspect(Inspect),
    /// Compile a guest ahead of time
    Compile(Compile),
    /// Print a dapr.yaml as Kubernetes has it: Deployments with Dapr's annotations, and the resources
    K8s(K8s),
    /// Print the version
    Version,
}

/// Who answers building-block calls.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dapr {
    /// A real daprd where one is announced by DAPR_HTTP_PORT or DAPR_GRPC_PORT, else this process
    Auto,
    /// This process
    Embedded,
    /// A real daprd
    Sidecar,
}

/// How the process as a whole behaves, for the verbs that start apps.
#[derive(Args, Debug, Clone)]
pub(crate) struct Process {
    /// Who answers building-block calls
    #[arg(long, value_enum, default_value_t = Dapr::Auto)]
    pub(crate) dapr: Dapr,
    /// Address of the apps' own ports and of the metrics port; 0.0.0.0 in a container
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) listen_address: IpAddr,
    /// Port of /metrics, /healthz and /readyz; 0 picks a free one [default: 9090 if it is free]
    #[arg(short = 'M', long, value_name = "PORT")]
    pub(crate) metrics_port: Option<u16>,
    /// How long calls in flight may take to end after SIGTERM or Ctrl-C
    #[arg(long, value_name = "SECONDS", default_value = "5")]
    pub(crate) dapr_graceful_shutdown_seconds: u64,
    /// Memory that all guests together may hold at a time
    #[arg(long, value_name = "SIZE", default_value = "1Gi", value_parser = size)]
    pub(crate) memory_budget: u64,
    /// Threads that run guests [default: one per core]
    #[arg(long, value_name = "COUNT")]
    pub(crate) guest_threads: Option<usize>,
}

/// Which run file is meant.
#[derive(Args, Debug)]
pub(crate) struct RunFile {
    /// The dapr.yaml, or the folder that holds it
    #[arg(value_name = "FILE", default_value = ".")]
    pub(crate) file: PathBuf,
    /// The same, as `dapr run` spells it
    #[arg(short = 'f', long, value_name = "FILE", conflicts_with = "file")]
    pub(crate) run_file: Option<PathBuf>,
}

impl RunFile {
    /// The file, or the folder that holds it.
    pub(crate) fn path(&self) -> &Path {
        self.run_file.as_ref().unwrap_or(&self.file)
    }
}

#[derive(Args, Debug)]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) file: RunFile,
    #[command(flatten)]
    pub(crate) process: Process,
}

#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// The dapr.yaml, or the folder that holds it [default: the nearest one in this folder or above]
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) run_file: Option<PathBuf>,
    /// The app to serve; needed where the file has several
    #[arg(short = 'a', long, value_name = "ID", env = "APP_ID")]
    pub(crate) app_id: Option<String>,
    /// The port to serve it on, instead of the file's
    #[arg(short = 'p', long, value_name = "PORT", env = "APP_PORT")]
    pub(crate) app_port: Option<u16>,
    #[command(flatten)]
    pub(crate) process: Process,
}

#[derive(Args, Debug)]
pub(crate) struct Run {
    /// A guest: .wasm, .wat, or what `pillion compile` made
    #[arg(value_name = "GUEST")]
    pub(crate) guest: Option<PathBuf>,
    /// Arguments of the guest; without a guest, the command of a native app
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) args: Vec<String>,
    /// Start a dapr.yaml instead, as `pillion up` does
    #[arg(short = 'f', long, value_name = "FILE", conflicts_with_all = ["guest", "args", "app_id", "app_port", "dapr_http_port"])]
    pub(crate) run_file: Option<PathBuf>,
    /// App id; the guest's file name if not given
    #[arg(short = 'a', long, value_name = "ID")]
    pub(crate) app_id: Option<String>,
    /// Port that the app is served on; 0 picks a free one [default: 8080]
    #[arg(short = 'p', long, value_name = "PORT")]
    pub(crate) app_port: Option<u16>,
    /// Protocol of a native app
    #[arg(short = 'P', long, value_name = "PROTOCOL", default_value = "http")]
    pub(crate) app_protocol: String,
    /// Port of the embedded sidecar's HTTP API; 0 picks a free one
    #[arg(short = 'H', long, value_name = "PORT")]
    pub(crate) dapr_http_port: Option<u16>,
    /// Folder or file of Dapr resources; may be given several times
    #[arg(long, visible_alias = "components-path", short_alias = 'd', value_name = "PATH")]
    pub(crate) resources_path: Vec<PathBuf>,
    /// A Dapr Configuration
    #[arg(short = 'c', long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Largest request body
    #[arg(long, visible_alias = "dapr-http-max-request-size", value_name = "SIZE", value_parser = size)]
    pub(crate) max_body_size: Option<u64>,
    /// Calls of the app at a time
    #[arg(short = 'k', long, value_name = "COUNT")]
    pub(crate) app_max_concurrency: Option<u32>,
    /// The export to call, for a guest that has several
    #[arg(long, value_name = "EXPORT")]
    pub(crate) call: Option<String>,
    /// Grant a folder: HOST::GUEST, with :ro for reading only
    #[arg(long, value_name = "HOST::GUEST[:ro]")]
    pub(crate) dir: Vec<String>,
    /// Environment of the guest: KEY=VALUE, or KEY to pass it on
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) env: Vec<String>,
    /// How long one call may take [default: none for a plain run, 5s for a served app]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// Memory of one instance
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) memory: Option<u64>,
    /// Let the guest use what is named: LIST=NAME, such as state=orders or hosts=example.org
    #[arg(long, value_name = "LIST=NAME")]
    pub(crate) allow: Vec<String>,
    #[command(flatten)]
    pub(crate) process: Process,
    #[command(flatten)]
    pub(crate) not_yet: NotYet,
}

/// Flags of `dapr run` that nothing follows from yet: taken, so that a line of somebody's README works, and named in a
/// warning.
#[derive(Args, Debug)]
pub(crate) struct NotYet {
    #[arg(short = 'G', long, hide = true)]
    dapr_grpc_port: Option<String>,
    #[arg(short = 'I', long, hide = true)]
    dapr_internal_grpc_port: Option<String>,
    #[arg(short = 'u', long, hide = true)]
    unix_domain_socket: Option<String>,
    #[arg(long, hide = true)]
    app_channel_address: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "true")]
    enable_profiling: Option<String>,
    #[arg(long, hide = true)]
    profile_port: Option<String>,
    #[arg(long, hide = true)]
    placement_host_address: Option<String>,
    #[arg(long, hide = true)]
    scheduler_host_address: Option<String>,
    #[arg(long, hide = true)]
    read_buffer_size: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "true")]
    enable_app_health_check: Option<String>,
    #[arg(long, hide = true)]
    app_health_check_path: Option<String>,
    #[arg(long, hide = true)]
    app_health_probe_interval: Option<String>,
    #[arg(long, hide = true)]
    app_health_probe_timeout: Option<String>,
    #[arg(long, hide = true)]
    app_health_threshold: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "true")]
    enable_api_logging: Option<String>,
    #[arg(long, hide = true)]
    dapr_listen_addresses: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "true")]
    app_ssl: Option<String>,
    #[arg(long, hide = true)]
    runtime_path: Option<String>,
}

impl NotYet {
    /// Those that were given, as they are typed.
    pub(crate) fn given(&self) -> Vec<&'static str> {
        let all = [
            ("--dapr-grpc-port", &self.dapr_grpc_port),
            ("--dapr-internal-grpc-port", &self.dapr_internal_grpc_port),
            ("--unix-domain-socket", &self.unix_domain_socket),
            ("--app-channel-address", &self.app_channel_address),
            ("--enable-profiling", &self.enable_profiling),
            ("--profile-port", &self.profile_port),
            ("--placement-host-address", &self.placement_host_address),
            ("--scheduler-host-address", &self.scheduler_host_address),
            ("--read-buffer-size", &self.read_buffer_size),
            ("--enable-app-health-check", &self.enable_app_health_check),
            ("--app-health-check-path", &self.app_health_check_path),
            ("--app-health-probe-interval", &self.app_health_probe_interval),
            ("--app-health-probe-timeout", &self.app_health_probe_timeout),
            ("--app-health-threshold", &self.app_health_threshold),
            ("--enable-api-logging", &self.enable_api_logging),
            ("--dapr-listen-addresses", &self.dapr_listen_addresses),
            ("--app-ssl", &self.app_ssl),
            ("--runtime-path", &self.runtime_path),
        ];
        all.into_iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name).collect()
    }
}

#[derive(Args, Debug)]
pub(crate) struct New {
    /// The template
    pub(crate) template: Option<String>,
    /// The folder and the app's id
    #[arg(requires = "template")]
    pub(crate) name: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Build {
    #[command(flatten)]
    pub(crate) file: RunFile,
    /// Build the guests of this app alone
    #[arg(short = 'a', long, value_name = "ID")]
    pub(crate) app_id: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Dev {
    #[command(flatten)]
    pub(crate) file: RunFile,
    #[command(flatten)]
    pub(crate) process: Process,
}

#[derive(Args, Debug)]
pub(crate) struct Test {
    /// A dapr.yaml, the folder that holds it, or one test file [default: the nearest dapr.yaml in this folder or above]
    #[arg(value_name = "PATH")]
    pub(crate) path: Option<PathBuf>,
    /// Run the cases whose name has this in it
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
}

/// Which sidecar is asked.
#[derive(Args, Debug)]
pub(crate) struct SidecarFlags {
    /// Port of a sidecar's HTTP API [default: the run file's, else DAPR_HTTP_PORT]
    #[arg(short = 'H', long, value_name = "PORT")]
    pub(crate) dapr_http_port: Option<u16>,
    /// The dapr.yaml that names the port [default: the nearest one in this folder or above]
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) run_file: Option<PathBuf>,
}

/// What is sent.
#[derive(Args, Debug)]
pub(crate) struct Typed {
    /// What is sent, as typed
    #[arg(short = 'd', long, value_name = "TEXT")]
    pub(crate) data: Option<String>,
    /// A file that holds what is sent; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    pub(crate) data_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Invoke {
    /// The app that is called
    #[arg(short = 'a', long, value_name = "ID")]
    pub(crate) app_id: String,
    /// The path below the app's root, with a query perhaps
    #[arg(short = 'm', long, value_name = "PATH")]
    pub(crate) method: String,
    /// The HTTP verb
    #[arg(short = 'v', long, value_name = "VERB", default_value = "POST")]
    pub(crate) verb: String,
    /// Media type of what is sent [default: JSON if it is JSON, else text or bytes]
    #[arg(long, value_name = "TYPE")]
    pub(crate) content_type: Option<String>,
    #[command(flatten)]
    pub(crate) typed: Typed,
    #[command(flatten)]
    pub(crate) sidecar: SidecarFlags,
}

#[derive(Args, Debug)]
pub(crate) struct Publish {
    /// The app whose sidecar publishes
    #[arg(short = 'i', long, value_name = "ID")]
    pub(crate) publish_app_id: String,
    /// The pub/sub component
    #[arg(short = 'p', long, value_name = "NAME")]
    pub(crate) pubsub: String,
    /// The topic
    #[arg(short = 't', long, value_name = "TOPIC")]
    pub(crate) topic: String,
    /// Metadata of the message as a JSON object of texts
    #[arg(short = 'm', long, value_name = "JSON")]
    pub(crate) metadata: Option<String>,
    /// Media type of what is sent [default: JSON if it is JSON, else text or bytes]
    #[arg(long, value_name = "TYPE")]
    pub(crate) content_type: Option<String>,
    #[command(flatten)]
    pub(crate) typed: Typed,
    #[command(flatten)]
    pub(crate) sidecar: SidecarFlags,
}

#[derive(Args, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) file: RunFile,
}

#[derive(Args, Debug)]
pub(crate) struct K8s {
    #[command(flatten)]
    pub(crate) file: RunFile,
    /// The image that holds pillion, and the run file with its guests below /app
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: String,
    /// The namespace of the Deployments
    #[arg(short = 'n', long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Pods of each app
    #[arg(long, value_name = "COUNT", default_value = "1")]
    pub(crate) replicas: u32,
}

#[derive(Args, Debug)]
pub(crate) struct Inspect {
    /// A guest: .wasm or .wat
    pub(crate) guest: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct Compile {
    /// A guest: .wasm or .wat
    pub(crate) guest: PathBuf,
    /// The artefact [default: the guest's name with .cwasm]
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

fn size(text: &str) -> Result<u64, String> {
    crate::manifest::units::size(text)
}

fn duration(text: &str) -> Result<Duration, String> {
    crate::manifest::units::duration(text)
}
