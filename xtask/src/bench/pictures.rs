//! The article's work: grey pictures and classes, the article's way against a native handler against this.

use super::{
    places,
    process::{Ask, Seen, Server, load},
    table::{Way, spread, table},
};
use crate::{
    Result, guests,
    run::{cargo, check, find, read, root, target},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

const SECONDS: f64 = 3.0;
const CONNECTIONS: [u32; 2] = [1, 8];
/// Inferences of one round of the engine alone.
const INFERENCES: &str = "100";

/// Where built programs, pictures and real models are.
struct Places {
    release: PathBuf,
    picture: PathBuf,
    models: Option<PathBuf>,
}

pub(super) fn run(rounds: usize) -> Result<()> {
    let places = prepare()?;
    let mut report = head()?;
    let anchors = grayscale(&places, rounds, &mut report)?;
    classify(&places, rounds, &mut report)?;
    start_and_idle(&places, rounds, &mut report)?;
    report.push_str(&anchors);
    println!("{report}");
    let file = root().join("benches/results/pictures.md");
    fs::create_dir_all(root().join("benches/results"))?;
    fs::write(&file, report)?;
    println!("written to {}", file.display());
    Ok(())
}

fn prepare() -> Result<Places> {
    guests::run(&["grayscale", "classify", "hello"])?;
    let build = ["build", "--release", "-p", "pillion", "-p", "pillion-benches", "--bins"];
    check(Command::new(cargo()).args(build).current_dir(root()))?;
    check(
        Command::new(cargo())
            .args(["build", "--release", "-p", "pillion-nn", "--example", "infer"])
            .current_dir(root()),
    )?;
    let models = std::env::var_os("PILLION_MODELS_DIR").map_or_else(|| root().join("../shared/models"), PathBuf::from);
    let models = models.join("food.jpg").exists().then_some(models);
    let sample = root().join("examples/dapr-wasm/web-port/static/samples/cat.jpg");
    let picture = models.as_ref().map_or(sample, |models| models.join("food.jpg"));
    Ok(Places { release: target().join("release"), picture, models })
}

fn head() -> Result<String> {
    let head = places::head("Pictures", "pictures")?;
    Ok(format!(
        "{head}Servers on core 1, the load on core 0;\nrounds interleaved; medians. CPU is the server's, its children's included, from the kernel.\n\n"
    ))
}

fn post<'a>(url: &'a str, places: &'a Places, connections: u32, seconds: f64) -> Ask<'a> {
    Ask { url, file: Some(&places.picture), connections, seconds, ..Ask::default() }
}

fn grayscale(places: &Places, rounds: usize, report: &mut String) -> Result<String> {
    let bin = |name: &str| places.release.join(name).display().to_string();
    let printed = |line: &str| line.strip_prefix("listening on ").map(|address| format!("http://{address}/"));
    let native = Server::start(&[bin("native-grayscale")], root(), printed)?;
    let spawned = Server::start(&per_request(places)?, root(), printed)?;
    let up = up(places, "dapr.yaml")?;
    let ours = "http://127.0.0.1:9004/api/image".to_owned();
    let servers = [
        ("native handler", &native, native.address.clone()),
        ("pillion", &up, ours),
        ("a process a request, precompiled", &spawned, spawned.address.clone()),
    ];
    for connections in CONNECTIONS {
        let mut ways: Vec<Way> = servers
            .iter()
            .map(|(name, ..)| Way { name: (*name).to_owned(), rounds: Vec::new(), peak_mib: 0.0 })
            .collect();
        for _ in 0..rounds {
            for ((_, server, url), way) in servers.iter().zip(&mut ways) {
                let ask = post(url, places, connections, SECONDS);
                way.rounds.push(load(&places.release.join("load"), server, &ask)?);
            }
        }
        for ((_, server, _), way) in servers.iter().zip(&mut ways) {
            way.peak_mib = server.peak_mib()?;
        }
        report.push_str(&format!(
            "## Grey, {connections} connection(s), {}\n\n{}\n",
            shown(&places.picture),
            table(&ways)
        ));
        if let [native, pillion, process] = ways.as_slice() {
            report.push_str(&format!(
                "pillion / native: **{:.2}** (reach 1.7); pillion / process a request: **{:.2}** (reach 0.35)\n\n",
                pillion.cpu() / native.cpu(),
                pillion.cpu() / process.cpu()
            ));
        }
    }
    let program = per_request(places)?;
    let name = Path::new(&program[1]).file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(format!("The process a request is `{name} run` with compiled code.\n"))
}

/// Wasmtime's own command line with precompiled code where it is installed, else this program's plain run with its cache.
fn per_request(places: &Places) -> Result<Vec<String>> {
    let host = places.release.join("process-per-request").display().to_string();
    let guest = root().join("guests/out/grayscale.wasm").display().to_string();
    if let Some(wasmtime) = std::env::var_os("WASMTIME").map(PathBuf::from).or_else(|| find("wasmtime")) {
        let code = std::env::temp_dir().join("pillion-bench-grayscale.cwasm").display().to_string();
        check(Command::new(&wasmtime).args(["compile", "-o", &code, &guest]))?;
        let wasmtime = wasmtime.display().to_string();
        return Ok([&host, &wasmtime, "run", "--allow-precompiled", &code].map(|word: &str| word.to_owned()).to_vec());
    }
    let pillion = places.release.join("pillion").display().to_string();
    Ok([&host, &pillion, "run", &guest].map(|word: &str| word.to_owned()).to_vec())
}

fn up(places: &Places, file: &str) -> Result<Server> {
    let example = root().join("examples/dapr-wasm").join(file).display().to_string();
    let pillion = places.release.join("pillion").display().to_string();
    let command =
        [pillion, "up".into(), example, "--metrics-port".into(), "0".into(), "--log-level".into(), "warn".into()];
    Server::start(&command, root(), |line| line.contains("You're up and running").then(|| "up".to_owned()))
}

/// Whole requests of the real MobileNet against the engine alone, and the engine against XNNPACK.
fn classify(places: &Places, rounds: usize, report: &mut String) -> Result<()> {
    let Some(models) = &places.models else {
        report.push_str("## Classes\n\nskipped: no folder of real models\n\n");
        return Ok(());
    };
    let model = models.join("mobilenet_v1_1.0_224_quant.tflite");
    let input = models.join("vectors/mobilenet_v1_1.0_224_quant.in");
    keep_in_store(models)?;
    let up = up(places, "dapr.mobilenet.yaml")?;
    let mut whole: Vec<Seen> = Vec::new();
    let (mut engine, mut xnnpack) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let ask = post("http://127.0.0.1:9003/api/image", places, 1, SECONDS);
        whole.push(load(&places.release.join("load"), &up, &ask)?);
        engine.push(micros(pinned(&places.release.join("examples/infer")).arg(&model).arg(&input).arg(INFERENCES))?);
        if let Some(python) = std::env::var_os("XNNPACK_PYTHON") {
            let script = root().join("benches/xnnpack.py");
            xnnpack.push(micros(pinned(Path::new(&python)).arg(script).arg(&model).arg(&input).arg(INFERENCES))?);
        }
    }
    let (engine, xnnpack) = (spread(engine), spread(xnnpack));
    let way = Way { name: "pillion, whole request".into(), rounds: whole, peak_mib: up.peak_mib()? };
    let cpu = way.cpu();
    report.push_str(&format!(
        "## Classes, MobileNet V1 1.0 224, 1 connection, {}\n\n{}\n",
        shown(&places.picture),
        table(&[way])
    ));
    report.push_str(&format!(
        "| engine | CPU ms an inference [least..most] |\n|---|---|\n| pillion-nn | {:.2} [{:.2}..{:.2}] |\n| TensorFlow Lite with XNNPACK | {:.2} [{:.2}..{:.2}] |\n\n",
        engine.0 / 1e3, engine.1 / 1e3, engine.2 / 1e3, xnnpack.0 / 1e3, xnnpack.1 / 1e3, xnnpack.2 / 1e3
    ));
    report.push_str(&format!(
        "whole request / engine alone: **{:.2}** (reach 1.15); engine / XNNPACK: **{:.2}** (reach 0.7)\n\n",
        cpu / (engine.0 / 1e3),
        engine.0 / xnnpack.0
    ));
    Ok(())
}

/// The run file fetches by URL; here the store has the files already, under their digests.
fn keep_in_store(models: &Path) -> Result<()> {
    let cache = std::env::var_os("PILLION_CACHE_DIR").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/pillion"));
    let store = cache.or_else(home).ok_or("no HOME")?.join("models");
    fs::create_dir_all(&store)?;
    for file in ["mobilenet_v1_1.0_224_quant.tflite", "labels_mobilenet_quant_v1_224.txt"] {
        let digest = read(Command::new("sha256sum").arg(models.join(file)))?;
        fs::copy(models.join(file), store.join(digest.split(' ').next().unwrap_or_default()))?;
    }
    Ok(())
}

fn pinned(program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "1"]).arg(program);
    command
}

/// The median that a timing program prints, in microseconds: the number behind `median`.
fn micros(command: &mut Command) -> Result<f64> {
    let text = read(command)?;
    let after = text.split("median").nth(1).ok_or("no median was printed")?;
    let number: String =
        after.chars().skip_while(|c| !c.is_ascii_digit()).take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    Ok(number.parse()?)
}

/// From the start of the process to its first answer, with a warm cache; and what it holds while idle.
fn start_and_idle(places: &Places, rounds: usize, report: &mut String) -> Result<()> {
    let (mut times, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let began = Instant::now();
        let server = up(places, "dapr.yaml")?;
        let ask = post("http://127.0.0.1:9004/api/image", places, 1, 0.001);
        let seen = load(&places.release.join("load"), &server, &ask)?;
        let load_itself = Duration::from_secs_f64(seen.p50_ms / 1e3);
        times.push((began.elapsed().max(load_itself)).as_secs_f64() * 1e3);
        idle.push(server.resident_mib()?);
    }
    let (time, idle) = (spread(times), spread(idle));
    report.push_str(&format!(
        "## Start and idle\n\n`pillion up` of the three apps to its first grey picture, warm cache: **{:.0} ms** [{:.0}..{:.0}] (reach 300), the load program's own start included.\nResident after it: **{:.0} MiB** [{:.0}..{:.0}] (reach 120).\n\n",
        time.0, time.1, time.2, idle.0, idle.1, idle.2
    ));
    Ok(())
}

fn shown(picture: &Path) -> String {
    let name = picture.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let bytes = fs::metadata(picture).map_or(0, |metadata| metadata.len());
    format!("{name} ({} KiB)", bytes / 1024)
}
