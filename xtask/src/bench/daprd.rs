//! Beside a real daprd: what this program adds to a request through it, and what a call costs that needs none.

use super::{
    anchors,
    places::{self, Places, free_port},
    process::{Ask, Seen, Server, load_all},
    reach::Reaches,
    table::{Way, micros_table, spread},
};
use crate::{Result, daprd, guests, run::root};
use std::{fs, path::Path};

const SECONDS: f64 = 2.0;
const CONNECTIONS: u32 = 16;
const NATIVE: &str = "daprd, native hyper";
const FRESH: &str = "daprd, pillion";
const REUSE: &str = "daprd, pillion, mode: reuse";
const FRESH_UNTOLD: &str = "daprd, pillion that doesn't give way";
const REUSE_UNTOLD: &str = "daprd, pillion that doesn't give way, mode: reuse";
const HOP: &str = "guest to guest, in process";
const HOP_DAPRD: &str = "guest to guest, through daprd";
const FRONT: &str = "the calling guest, which calls nobody";
const BACK: &str = "the called guest alone";
/// Where apps run.
const APPS: &str = "1";
/// The core of the load, which leaves most of it to a daprd.
const BESIDE: &str = "0";
/// The app of the calls between guests.
const SHOP: &str = "shop";

/// Servers whose CPU time together is a request's, and how they are asked.
struct Contender {
    name: &'static str,
    servers: Vec<Server>,
    url: String,
    /// As the load takes it: `NAME=VALUE`.
    header: Option<String>,
}

/// The ports of an app and of its daprd.
#[derive(Clone, Copy)]
struct Ports {
    app: u16,
    http: u16,
    grpc: u16,
}

pub(super) fn run(rounds: usize) -> Result<()> {
    let tools = daprd::FIRST.ready()?.ok_or("there is no `go` to build Dapr's own programs with")?;
    let places = Places::build()?;
    let mut report = places::head("Beside a real daprd", "daprd")?;
    report.push_str(&format!("daprd 1.16.0, without metrics and traces, and the app on core 1, the load with {CONNECTIONS} connections on core 0; rounds interleaved, {SECONDS} s\neach; medians. CPU is that of daprd and the app together, from the kernel. Apps answer `hello world`.\nWhat doesn't give way was not told of its daprd.\n\n"));
    let through = measure(&places, &invocations(&places, &tools, APPS)?, rounds)?;
    report.push_str(&format!("## Service invocation through one daprd\n\n{}\n", micros_table(&through, &[NATIVE])));
    let apart = measure(&places, &invocations(&places, &tools, BESIDE)?, rounds)?;
    report.push_str(&format!(
        "## The same with a core for the app\n\ndaprd is on core 0 with the load, the app alone on core 1.\n\n{}\n",
        micros_table(&apart, &[NATIVE])
    ));
    let between = measure(&places, &hops(&places, &tools)?, rounds)?;
    report.push_str(&format!(
        "## A guest calls another of its app\n\nThe calling guest sends `GET /v1.0/invoke/{SHOP}/method/back` to its Dapr port. The cost of the call, with the run of the\ncalled guest, is what the request takes beyond one that makes the guest call nobody.\n\n{}\n",
        micros_table(&between, &[])
    ));
    report.push_str(&format!("## Reach\n\nRatios of CPU, by round.\n\n{}", judge(&through, &apart, &between).table()));
    places::keep("daprd", &report, &[])
}

/// The same request through daprd to a native app and to this program.
fn invocations(places: &Places, tools: &Path, core: &str) -> Result<Vec<Contender>> {
    let (app, address) = anchors::printing(&[places.program("native-hyper")])?;
    let port = address.trim_end_matches('/').rsplit(':').next().and_then(|port| port.parse().ok());
    let ports = Ports { app: port.ok_or("the native app says no port")?, ..free_ports()? };
    let url = invoke_url(ports, "hello", "hello");
    let mut contenders = vec![Contender {
        name: NATIVE,
        servers: vec![app, start_daprd(places, tools, core, "hello", ports)?],
        url,
        header: None,
    }];
    let hello = places.guest("hello", "")?.display().to_string();
    let ways = [
        (FRESH, "fresh", true),
        (REUSE, "reuse", true),
        (FRESH_UNTOLD, "fresh", false),
        (REUSE_UNTOLD, "reuse", false),
    ];
    for (name, mode, told) in ways {
        let ports = free_ports()?;
        // Who is told of no daprd has a Dapr port of its own.
        let dapr = if told { ports.http } else { free_port()? };
        let wasm =
            format!("      guests: {{ hello: {{ source: {hello}, mode: {mode} }} }}\n    daprHTTPPort: {dapr}\n");
        let told_of = if told { announcement(ports) } else { Vec::new() };
        let app = serve(places, "hello", &ports.app.to_string(), &wasm, ports.app, told_of)?;
        let servers = vec![app, start_daprd(places, tools, core, "hello", ports)?];
        contenders.push(Contender { name, servers, url: invoke_url(ports, "hello", "hello"), header: None });
    }
    Ok(contenders)
}

/// A guest that calls another, in one process and through daprd, and each of them alone.
fn hops(places: &Places, tools: &Path) -> Result<Vec<Contender>> {
    let front = guests::built("http-call")?.display().to_string();
    let back = places.guest("hello", "")?.display().to_string();
    let wasm = format!(
        "      guests: {{ front: {{ source: {front} }}, back: {{ source: {back} }} }}\n      routes: [{{ path: /front, guest: front }}, {{ path: /back, guest: back }}]\n      allow: {{ invoke: [{SHOP}] }}\n"
    );
    let (back_alone, front_alone) = (free_ports()?, free_ports()?);
    let (within, through) = (free_ports()?, free_ports()?);
    let contender = |name, servers, ports: Ports, path: &str, calls: bool| Contender {
        name,
        servers,
        url: format!("http://127.0.0.1:{}{path}", ports.app),
        header: calls.then(|| format!("x-url={}", invoke_url(ports, SHOP, "back"))),
    };
    let app = serve(places, SHOP, "through", &wasm, through.app, announcement(through))?;
    let servers = vec![app, start_daprd(places, tools, APPS, SHOP, through)?];
    Ok(vec![
        contender(BACK, vec![up(places, "back", &wasm, back_alone)?], back_alone, "/back", false),
        contender(FRONT, vec![up(places, "front", &wasm, front_alone)?], front_alone, "/front", false),
        contender(HOP, vec![up(places, "within", &wasm, within)?], within, "/front", true),
        contender(HOP_DAPRD, servers, through, "/front", true),
    ])
}

/// Every app of a manifest in one process, without a daprd.
fn up(places: &Places, name: &str, wasm: &str, ports: Ports) -> Result<Server> {
    let wasm = format!("{wasm}    daprHTTPPort: {}\n", ports.http);
    let file = places.manifest_of(SHOP, name, &wasm, ports.app)?.display().to_string();
    Server::start_at(&places.pillion(&format!("up {file} --metrics-port 0 --log-level error")), root(), ports.app)
}

/// How `dapr run` tells an app of its daprd.
fn announcement(ports: Ports) -> Vec<String> {
    vec![format!("DAPR_HTTP_PORT={}", ports.http), format!("DAPR_GRPC_PORT={}", ports.grpc)]
}

/// One app of a manifest, as `dapr run` starts it with these variables.
fn serve(places: &Places, app_id: &str, name: &str, wasm: &str, port: u16, variables: Vec<String>) -> Result<Server> {
    let file = places.manifest_of(app_id, &format!("behind-{name}"), wasm, port)?.display().to_string();
    let mut command = vec!["env".to_owned(), format!("APP_ID={app_id}")];
    command.extend(variables);
    command.extend(places.pillion(&format!("serve --run-file {file} --metrics-port 0 --log-level error")));
    Server::start_at(&command, root(), port)
}

fn start_daprd(places: &Places, tools: &Path, core: &str, app_id: &str, ports: Ports) -> Result<Server> {
    let config = places.scratch.join("daprd.yaml");
    let names = places.scratch.join(format!("names-{}.db", ports.http));
    // By a file: daprd's default finds names by multicast.
    fs::write(
        &config,
        format!(
            "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {{name: bench}}\nspec:\n  tracing: {{samplingRate: \"0\"}}\n  nameResolution:\n    component: sqlite\n    version: v1\n    configuration: {{connectionString: {}}}\n",
            names.display()
        ),
    )?;
    let flags = [
        format!("--app-id={app_id}"),
        format!("--app-port={}", ports.app),
        format!("--dapr-http-port={}", ports.http),
        format!("--dapr-grpc-port={}", ports.grpc),
        format!("--dapr-internal-grpc-port={}", free_port()?),
        "--dapr-listen-addresses=127.0.0.1".to_owned(),
        "--dapr-internal-grpc-listen-address=127.0.0.1".to_owned(),
        "--enable-metrics=false".to_owned(),
        "--log-level=fatal".to_owned(),
        format!("--config={}", config.display()),
        format!("--resources-path={}", places.scratch.join("empty").display()),
    ];
    let command: Vec<String> =
        ["env".to_owned(), "DAPR_HOST_IP=127.0.0.1".to_owned(), tools.join("daprd").display().to_string()]
            .into_iter()
            .chain(flags)
            .collect();
    Server::start_on(core, &command, root(), ports.http)
}

fn free_ports() -> Result<Ports> {
    Ok(Ports { app: free_port()?, http: free_port()?, grpc: free_port()? })
}

fn invoke_url(ports: Ports, app_id: &str, method: &str) -> String {
    format!("http://127.0.0.1:{}/v1.0/invoke/{app_id}/method/{method}", ports.http)
}

fn measure(places: &Places, contenders: &[Contender], rounds: usize) -> Result<Vec<Way>> {
    let way = |contender: &Contender| Way { name: contender.name.to_owned(), rounds: Vec::new(), peak_mib: 0.0 };
    let mut ways: Vec<Way> = contenders.iter().map(way).collect();
    // The first round warms: daprd answers well only once it has seen that the app is there.
    for round in 0..=rounds {
        for (contender, way) in contenders.iter().zip(&mut ways) {
            let header = contender.header.as_deref();
            let ask = Ask { url: &contender.url, connections: CONNECTIONS, seconds: SECONDS, header, ..Ask::default() };
            let seen = load_all(&places.release.join("load"), &contender.servers, &ask)
                .map_err(|error| format!("{}: {error}", contender.name))?;
            if round > 0 {
                way.rounds.push(seen);
            }
        }
    }
    for (contender, way) in contenders.iter().zip(&mut ways) {
        way.peak_mib = contender.servers.iter().map(Server::peak_mib).sum::<Result<f64>>()?;
        if way.rounds.iter().any(|round| round.errors > 0.0) {
            return Err(format!("{}: not every request was answered well", contender.name).into());
        }
    }
    Ok(ways)
}

fn judge(through: &[Way], apart: &[Way], between: &[Way]) -> Reaches {
    fn find<'a>(ways: &'a [Way], name: &str) -> Option<&'a Way> {
        ways.iter().find(|way| way.name == name)
    }
    let cpu = |seen: &Seen| seen.cpu_ms;
    let mut reaches = Reaches::default();
    for (ways, of) in [(through, "on one core"), (apart, "the app on its own core")] {
        let way = |name| find(ways, name);
        let ratio = format!("pillion / a native app, through one daprd, {of}");
        reaches.ratio(&ratio, 1.10, way(FRESH), way(NATIVE), cpu);
        reaches.ratio(&format!("{ratio}, mode: reuse"), 1.10, way(REUSE), way(NATIVE), cpu);
    }
    let way = |name| find(through, name);
    for (name, untold) in [(FRESH, FRESH_UNTOLD), (REUSE, REUSE_UNTOLD)] {
        reaches.ratio(
            &format!("{name}, on one core / the same that doesn't give way"),
            1.0,
            way(name),
            way(untold),
            cpu,
        );
    }
    let way = |name| find(between, name);
    if let (Some(front), Some(hop), Some(daprd)) = (way(FRONT), way(HOP), way(HOP_DAPRD)) {
        let rounds = front.rounds.iter().zip(&hop.rounds).zip(&daprd.rounds);
        let ratios = rounds.map(|((front, hop), daprd)| (hop.cpu_ms - front.cpu_ms) / (daprd.cpu_ms - front.cpu_ms));
        reaches.at_most("a call in process / through one daprd", 0.10, "", spread(ratios.collect()));
    }
    reaches
}
