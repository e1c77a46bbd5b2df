//! The real binary on free ports: started, waited for by a line that it prints, ended with the test.
#![allow(dead_code, unreachable_pub)]

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    iter::repeat_with,
    net::TcpListener,
    ops::Range,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    time::{Duration, Instant},
};

/// How long anything may take on a busy machine before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The same for a command that may compile a guest first.
const LONGEST: Duration = Duration::from_mins(5);

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// A built guest; `cargo xtask guests` makes them.
pub fn guest(name: &str) -> PathBuf {
    let path = root().join("guests/out").join(name).with_extension("wasm");
    assert!(path.exists(), "{} is missing: run `cargo xtask guests` first", path.display());
    path
}

/// The folder of real models, or none: then the test is skipped, counted by its line.
pub fn models(test: &str) -> Option<PathBuf> {
    let dir = std::env::var_os("PILLION_MODELS_DIR").map_or_else(|| root().join("../shared/models"), PathBuf::from);
    if dir.join("food.jpg").exists() {
        return Some(dir);
    }
    println!("skipped: {test}: no folder of real models");
    None
}

/// The command, with a cache that all tests share: compiled code is found by content.
pub fn pillion() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pillion"));
    command.env("PILLION_CACHE_DIR", cache()).env_remove("RUST_BACKTRACE").env_remove("APP_ID");
    for announced in ["DAPR_HTTP_PORT", "DAPR_GRPC_PORT", "DAPR_API_TOKEN", "NAMESPACE", "OTEL_EXPORTER_OTLP_ENDPOINT"]
    {
        command.env_remove(announced);
    }
    command
}

/// The cache of all tests of this build.
pub fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("pillion-cache")
}

/// A program of the `PATH`.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// What a command that ends by itself printed.
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a verb to its end.
pub fn run(args: &[&str], dir: &Path) -> Finished {
    end_of(pillion().args(args).current_dir(dir))
}

/// Runs a command that ends by itself. One that does not within [`LONGEST`] is ended, and is a failure.
pub fn end_of(command: &mut Command) -> Finished {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the binary starts");
    let id = child.id();
    let (sender, ended) = channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let (output, in_time) = match ended.recv_timeout(LONGEST) {
        Ok(output) => (output, true),
        Err(_) => {
            signal(id, rustix::process::Signal::KILL);
            (ended.recv().expect("it was ended"), false)
        }
    };
    let output = output.expect("what it printed");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(in_time, "it does not end:\n{stdout}{stderr}");
    Finished { status: output.status, stdout, stderr }
}

/// A running `pillion up`, `run` or `serve`.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    /// Starts it and waits until it says that it runs; what it printed until then if it doesn't.
    pub fn start(args: &[&str], dir: &Path) -> Result<Self, String> {
        Self::start_with(pillion().args(args).current_dir(dir))
    }

    /// The same for a command that was prepared further.
    pub fn start_with(command: &mut Command) -> Result<Self, String> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let (sender, lines) = channel();
        let pipes: [Option<Box<dyn Read + Send>>; 2] =
            [child.stdout.take().map(|p| Box::new(p) as _), child.stderr.take().map(|p| Box::new(p) as _)];
        for pipe in pipes.into_iter().flatten() {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        // The readers alone hold the channel open: it ends when the process does.
        drop(sender);
        let mut running = Self { child, lines, seen: Vec::new() };
        match running.wait_for("You're up and running!") {
            true => Ok(running),
            false => Err(running.seen.join("\n")),
        }
    }

    /// Waits for a line that holds `text`; false if the process ends or [`PATIENCE`] does before it comes.
    pub fn wait_for(&mut self, text: &str) -> bool {
        let deadline = Instant::now() + PATIENCE;
        if self.seen.iter().any(|line| line.contains(text)) {
            return true;
        }
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let found = line.contains(text);
                    self.seen.push(line);
                    if found {
                        return true;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    /// Everything printed so far.
    pub fn printed(&mut self) -> String {
        self.seen.extend(self.lines.try_iter());
        self.seen.join("\n")
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end: how it ended and everything that it printed.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let status = wait(&mut self.child);
        self.seen.extend(self.lines.iter());
        (status, self.seen.join("\n"))
    }

    /// Asks it to end, as Ctrl-C does, and waits: how it ended and everything that it printed.
    pub fn interrupt(self) -> (ExitStatus, String) {
        signal(self.child.id(), rustix::process::Signal::INT);
        self.ended()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal.
pub fn signal(id: u32, signal: rustix::process::Signal) {
    let id = rustix::process::Pid::from_raw(id.cast_signed()).expect("an id");
    rustix::process::kill_process(id, signal).expect("the process runs");
}

fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status;
        }
        assert!(Instant::now() < deadline, "the process does not end");
        std::thread::yield_now();
    }
}

/// Free ports, each of them given once by this process. No connection gets one by chance, also while what listened there is
/// started again: they are below those that Linux gives to connections (`net.ipv4.ip_local_port_range`, from 32768 on).
pub fn free_ports<const N: usize>() -> [u16; N] {
    const PORTS: Range<u16> = 12_000..32_000;
    static NEXT: LazyLock<AtomicUsize> = LazyLock::new(|| AtomicUsize::new(std::process::id() as usize * 61));
    let next = || PORTS.start + (NEXT.fetch_add(1, Ordering::Relaxed) % PORTS.len()) as u16;
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::array::from_fn(|_| repeat_with(next).take(PORTS.len()).find(is_free).expect("a free port"))
}

/// Starts something on free ports, again with others where one was taken meanwhile.
pub fn on_free_ports<T>(mut start: impl FnMut() -> Result<T, String>) -> T {
    let mut last = String::new();
    for _ in 0..5 {
        match start() {
            Ok(started) => return started,
            // The latter is how daprd says it of its port for HTTP.
            Err(printed) if ["in use", "could not listen"].iter().any(|text| printed.contains(text)) => last = printed,
            Err(printed) => panic!("it does not start:\n{printed}"),
        }
    }
    panic!("no free ports:\n{last}");
}

/// The article's three apps on ports of their own.
pub struct Demo {
    pub running: Running,
    /// App ports of image-api-rs, image-api-go and go-web-port.
    pub app: [u16; 3],
    /// Dapr ports of the same.
    pub dapr: [u16; 3],
    _dir: tempfile::TempDir,
}

impl Demo {
    /// Starts `dapr.yaml` of the example.
    pub fn start() -> Self {
        Self::start_file("dapr.yaml")
    }

    /// Starts a run file of the example, its ports replaced by free ones.
    pub fn start_file(file: &str) -> Self {
        on_free_ports(|| Self::try_start(file))
    }

    fn try_start(file: &str) -> Result<Self, String> {
        let example = root().join("examples/dapr-wasm");
        for built in ["image-api-rs/grayscale.wasm", "image-api-go/classify.wasm", "web-port/hello.wasm"] {
            assert!(example.join(built).exists(), "{built} is missing: run `cargo xtask guests` first");
        }
        let dir = tempfile::tempdir().expect("a folder");
        for app in ["image-api-rs", "image-api-go", "web-port"] {
            std::os::unix::fs::symlink(example.join(app), dir.path().join(app)).expect("a link");
        }
        let [a, b, c, d, e, f] = free_ports();
        let mut text = fs::read_to_string(example.join(file)).expect("the run file");
        for (from, to) in [("9004", a), ("9003", b), ("8080", c), ("3502", d), ("3501", e), ("3500", f)] {
            text = text.replace(&format!("Port: {from}\n"), &format!("Port: {to}\n"));
        }
        text = text.replace(
            "guests: { hello: { source: hello.wasm } }",
            &format!("env: {{ GRAYSCALE_DAPR_PORT: \"{d}\" }}\n      guests: {{ hello: {{ source: hello.wasm }} }}"),
        );
        fs::write(dir.path().join("dapr.yaml"), text).expect("written");
        let running = Running::start(&["up", "--metrics-port", "0"], dir.path())?;
        Ok(Self { running, app: [a, b, c], dapr: [d, e, f], _dir: dir })
    }

    /// The page's address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.app[2])
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Asks, without following redirects; any status is an answer.
pub fn ask(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    try_ask(method, url, headers, body).expect("an answer")
}

/// The same of a server that may die meanwhile.
pub fn try_ask(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer, ureq::Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(PATIENCE))
        .allow_non_standard_methods(true)
        .build()
        .into();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = agent.run(request.body(body.to_vec()).expect("a request"))?;
    let mut bytes = Vec::new();
    response.body_mut().as_reader().read_to_end(&mut bytes)?;
    Ok(Answer { status: response.status().as_u16(), headers: response.headers().clone(), body: bytes })
}

/// `POST`.
pub fn post(url: &str, body: &[u8]) -> Answer {
    ask("POST", url, &[], body)
}

/// `GET`.
pub fn get(url: &str) -> Answer {
    ask("GET", url, &[], &[])
}
