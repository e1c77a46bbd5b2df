//! The cost of a request: a guest that answers `hello world`, beside native handlers and other runtimes.

use super::{
    anchors::{self, Contender},
    places::{self, Places},
    plot::{self, Bar},
    process::{Ask, Seen, load},
    reach::Reaches,
    table::{Way, micros_table, spread},
};
use crate::{Result, guests, run::root};

const SECONDS: f64 = 2.0;
const CONNECTIONS: [u32; 2] = [1, 16];
const HYPER: &str = "native hyper";
const FRESH: &str = "pillion";
const REUSE: &str = "pillion, mode: reuse";
const RESET: &str = "pillion, mode: reset";
const COMMAND: &str = "pillion, a command";
/// A guest whose start takes longer than its calls, as that of an interpreter does.
const DEAR: &str = "pillion, a dear start at each call";
const DEAR_RESET: &str = "pillion, a dear start, mode: reset";
const SERVE: &str = "wasmtime serve";
const SERVE_REUSE: &str = "wasmtime serve, reused 1000 times";
const WAZERO: &str = "wazero, a module a request";

pub(super) fn run(rounds: usize) -> Result<()> {
    let places = Places::build()?;
    let mut report = places::head("A request that does nothing", "http")?;
    report.push_str("Servers on core 1, each with one thread for requests; the load on core 0; rounds interleaved, 2 s each; medians. CPU is the\nserver's, from the kernel. Every limit, metrics, policy and a span of each call are on, as by default.\n\n");
    let (contenders, absent) = contenders(&places)?;
    let (mut plots, mut reaches) = (Vec::new(), Reaches::default());
    for connections in CONNECTIONS {
        let ways = measure(&places, &contenders, connections, rounds)?;
        report.push_str(&format!("## {connections} connection(s)\n\n{}\n", micros_table(&ways, &[HYPER, SERVE])));
        plots.push(plot(&ways, connections));
        judge(&mut reaches, &ways, connections);
    }
    report.push_str(&format!(
        "## Reach\n\nRatios of CPU a request if not said otherwise, by round.\n\n{}",
        reaches.table()
    ));
    if !absent.is_empty() {
        report.push_str(&format!("## Absent\n\n{}\n", absent.join("\n")));
    }
    let plots: Vec<(&str, String)> = ["http-1", "http-16"].into_iter().zip(plots).collect();
    places::keep("http", &report, &plots)
}

/// Who takes part, and why the others don't.
fn contenders(places: &Places) -> Result<(Vec<Contender>, Vec<String>)> {
    let hello = places.guest("hello", "")?;
    let command = places.assemble(&root().join("benches/guests/hello-command.wat"))?;
    let (hello, command) = (hello.display().to_string(), command.display().to_string());
    let dear = guests::built("http-prepared")?.display().to_string();
    let asked: Vec<(&str, Result<anchors::Started>)> = vec![
        (HYPER, anchors::printing(&[places.program("native-hyper")])),
        ("native axum", anchors::axum()),
        (FRESH, anchors::pillion(places, &hello)),
        (REUSE, anchors::pillion_mode(places, &hello, "reuse")),
        (RESET, anchors::pillion_mode(places, &hello, "reset")),
        (DEAR, anchors::pillion(places, &dear)),
        (DEAR_RESET, anchors::pillion_mode(places, &dear, "reset")),
        (SERVE, anchors::serve(&hello, &[])),
        (SERVE_REUSE, anchors::serve(&hello, &["--max-instance-reuse-count", "1000"])),
        (COMMAND, anchors::pillion(places, &command)),
        (WAZERO, anchors::wazero(places, &command)),
    ];
    let (mut contenders, mut absent) = (Vec::new(), Vec::new());
    for (name, started) in asked {
        match started {
            Ok((server, url)) => contenders.push(Contender { name: name.to_owned(), server, url }),
            Err(error) => absent.push(format!("- {name}: {error}")),
        }
    }
    Ok((contenders, absent))
}

fn measure(places: &Places, contenders: &[Contender], connections: u32, rounds: usize) -> Result<Vec<Way>> {
    let way = |contender: &Contender| Way { name: contender.name.clone(), rounds: Vec::new(), peak_mib: 0.0 };
    let mut ways: Vec<Way> = contenders.iter().map(way).collect();
    // The first round warms: caches, the other side's allocator, Go's heap.
    for round in 0..=rounds {
        for (contender, way) in contenders.iter().zip(&mut ways) {
            let ask = Ask { url: &contender.url, connections, seconds: SECONDS, ..Ask::default() };
            let seen = load(&places.release.join("load"), &contender.server, &ask)
                .map_err(|error| format!("{}: {error}", contender.name))?;
            if round > 0 {
                way.rounds.push(seen);
            }
        }
    }
    for (contender, way) in contenders.iter().zip(&mut ways) {
        way.peak_mib = contender.server.peak_mib()?;
    }
    Ok(ways)
}

fn judge(reaches: &mut Reaches, ways: &[Way], connections: u32) {
    let way = |name: &str| ways.iter().find(|way| way.name == name);
    let cpu = |seen: &Seen| seen.cpu_ms;
    let at = format!("{connections} connection(s)");
    reaches.ratio(&format!("pillion / wasmtime serve, {at}"), 0.40, way(FRESH), way(SERVE), cpu);
    if connections == 1 {
        reaches.ratio(&format!("pillion / hyper, {at}"), 3.0, way(FRESH), way(HYPER), cpu);
        reaches.ratio(&format!("pillion / hyper, p50, {at}"), 2.3, way(FRESH), way(HYPER), |seen| seen.p50_ms);
        return;
    }
    reaches.ratio(&format!("reuse / hyper, {at}"), 1.6, way(REUSE), way(HYPER), cpu);
    reaches.ratio(&format!("reuse / wasmtime serve with reuse, {at}"), 0.40, way(REUSE), way(SERVE_REUSE), cpu);
    reaches.ratio(&format!("reset / hyper, {at}"), 2.0, way(RESET), way(HYPER), cpu);
    reaches.ratio(&format!("a dear start, reset / fresh, {at}"), 0.1, way(DEAR_RESET), way(DEAR), cpu);
    reaches.ratio(&format!("a command / wazero, {at}"), 0.25, way(COMMAND), way(WAZERO), cpu);
}

fn plot(ways: &[Way], connections: u32) -> String {
    // Beside a dear start all others would be nothing.
    let bars: Vec<Bar> = ways
        .iter()
        .filter(|way| way.name != DEAR)
        .map(|way| {
            let (median, least, most) = spread(way.rounds.iter().map(|round| round.cpu_ms * 1e3).collect());
            Bar { label: way.name.clone(), median, least, most, own: way.name.starts_with("pillion") }
        })
        .collect();
    plot::bars(&format!("hello world, {connections} connection(s): CPU a request"), "µs, less is better", &bars)
}
