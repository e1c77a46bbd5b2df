//! The benchmarks' programs do what the benchmarks take them for.

use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// Ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The native anchor and its URL.
fn hyper() -> (Server, String) {
    let mut child =
        Command::new(env!("CARGO_BIN_EXE_native-hyper")).stdout(Stdio::piped()).spawn().expect("the server starts");
    let stdout = child.stdout.take().expect("piped");
    let server = Server(child);
    let line = BufReader::new(stdout).lines().next().expect("a line").expect("text");
    let address = line.strip_prefix("listening on ").expect("an address");
    (server, format!("http://{address}/"))
}

fn json(program: &str, args: &[&str]) -> Value {
    let output = Command::new(program).args(args).env_remove("RUST_BACKTRACE").output().expect("it starts");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn a_closed_loop_counts_every_answer() {
    let (_server, url) = hyper();
    let seen = json(env!("CARGO_BIN_EXE_load"), &[&url, "-", "2", "1"]);
    assert!(seen["requests"].as_u64() >= Some(2) && seen["errors"] == 0, "{seen}");
}

#[test]
fn an_open_loop_sends_at_its_rate_and_no_more() {
    let (_server, url) = hyper();
    let seen = json(env!("CARGO_BIN_EXE_load"), &[&url, "-", "8", "0.5", "rate=100"]);
    assert_eq!(seen["requests"], 50, "{seen}");
}

#[test]
fn guests_of_the_figures_are_called_and_answer() {
    for guest in ["hello", "hello-command", "bindgen"] {
        let file = format!("{}/guests/{guest}.wat", env!("CARGO_MANIFEST_DIR"));
        let seen = json(env!("CARGO_BIN_EXE_once"), &[&file, "2"]);
        assert!(seen["cpu_us"].as_f64() > Some(0.0), "{guest}: {seen}");
    }
}

#[test]
fn calls_of_a_dapr_guest_are_timed() {
    let guest = format!("{}/../guests/out/dapr-calls.wasm", env!("CARGO_MANIFEST_DIR"));
    let seen = json(env!("CARGO_BIN_EXE_calls"), &[&guest, "1"]);
    for figure in ["native_us", "event_us"] {
        assert!(seen[figure].as_f64() > Some(0.0), "{seen}");
    }
    assert!(seen["over_us"].is_number(), "{seen}");
}

#[test]
fn what_many_guests_hold_is_counted() {
    let cache = tempfile::tempdir().expect("a folder");
    let cache = cache.path().to_str().expect("text");
    let seen = json(env!("CARGO_BIN_EXE_density"), &[cache, "distinct", "2"]);
    assert!(seen["mappings_each"].as_f64() >= Some(1.0), "{seen}");
}
