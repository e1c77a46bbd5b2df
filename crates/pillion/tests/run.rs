//! `pillion run`: a lone guest as a plain WASI program, or as an app.

mod common;

use common::{Running, ask, get, pillion, post, root, run};
use std::{
    io::Write,
    process::Stdio,
    time::{Duration, Instant},
};

fn with_input(args: &[&str], input: &[u8]) -> (Option<i32>, Vec<u8>, String) {
    let mut child = pillion()
        .args(args)
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("it ends");
    let _ = writer.join();
    (output.status.code(), output.stdout, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn wat(dir: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = dir.path().join(name).with_extension("wat");
    std::fs::write(&path, text).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn a_command_runs_as_a_wasi_program_would() {
    let (code, out, err) = with_input(&["run", "examples/hello/hello.wat"], b"");
    assert_eq!((code, out.as_slice()), (Some(0), b"hello from a sandbox\n".as_slice()), "{err}");
    let input = vec![b'x'; 300_000];
    let (code, out, err) = with_input(&["run", "examples/hello/cat.wat"], &input);
    assert_eq!(code, Some(0), "{err}");
    assert!(out == input);
}

#[test]
fn arguments_environment_and_exit_code_are_passed() {
    let guest = common::guest("echo-command");
    let guest = guest.to_str().expect("UTF-8");
    let (code, out, err) = with_input(&["run", guest, "--env", "EXIT=7", "--env", "K=V", "--", "one", "two"], b"input");
    let out = String::from_utf8_lossy(&out);
    assert_eq!(code, Some(7), "{err}");
    assert!(out.contains("one") && out.contains("two") && out.contains("K=V") && out.ends_with("input"), "{out}");
}

#[test]
fn a_folder_is_seen_only_if_it_is_granted() {
    let guest = common::guest("echo-command");
    let guest = guest.to_str().expect("UTF-8");
    let (code, ..) = with_input(&["run", guest, "--dir", "nonexistent-folder::/x"], b"");
    assert_eq!(code, Some(1));
    let (code, _, err) = with_input(&["run", guest, "--dir", "crates::/x:ro"], b"");
    assert_eq!(code, Some(0), "{err}");
}

#[test]
fn an_endless_loop_ends_at_its_timeout() {
    let dir = tempfile::tempdir().expect("a folder");
    let guest =
        wat(&dir, "spin", r#"(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))"#);
    let began = Instant::now();
    let (code, _, err) = with_input(&["run", &guest, "--timeout", "200ms"], b"");
    assert_ne!(code, Some(0));
    assert!(err.contains("timeout") || err.contains("deadline") || err.contains("longer than"), "{err}");
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn what_compile_made_runs_and_damaged_code_does_not() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().join("hello.cwasm");
    let out = out.to_str().expect("UTF-8");
    let finished = run(&["compile", "examples/hello/hello.wat", "-o", out], &root());
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let (code, printed, err) = with_input(&["run", out], b"");
    assert_eq!((code, printed.as_slice()), (Some(0), b"hello from a sandbox\n".as_slice()), "{err}");
    let mut bytes = std::fs::read(out).expect("the artefact");
    let last = bytes.len() - 1;
    bytes[last / 2] ^= 1;
    std::fs::write(out, bytes).expect("written");
    let (code, _, err) = with_input(&["run", out], b"");
    assert_eq!(code, Some(1));
    assert!(err.contains("damaged") && err.contains("hint: "), "{err}");
}

#[test]
fn what_cannot_run_says_why_and_what_would_help() {
    let dir = tempfile::tempdir().expect("a folder");
    let cases = [
        (wat(&dir, "no-start", r#"(module (memory (export "memory") 1))"#), "_start"),
        (wat(&dir, "import", r#"(module (import "nobody" "provides" (func)) (func (export "_start")))"#), "nobody"),
        (wat(&dir, "text", "not wasm at all"), "text.wat"),
        (dir.path().join("missing.wasm").to_str().expect("UTF-8").to_owned(), "missing.wasm"),
    ];
    for (guest, word) in &cases {
        let (code, _, err) = with_input(&["run", guest], b"");
        assert_eq!(code, Some(1), "{guest}: {err}");
        assert!(err.lines().any(|line| line.starts_with("error: ")) && err.contains(word), "{guest}: {err}");
        assert!(!err.contains("panicked"), "{guest}: {err}");
    }
}

#[test]
fn an_http_guest_is_served() {
    let guest = common::guest("http-echo");
    let args = ["run", guest.to_str().expect("UTF-8"), "--app-id", "echo", "-p", "0", "-H", "0", "--metrics-port", "0"];
    let mut running = Running::start(&args, &root()).expect("it runs");
    let url = printed_url(&running.printed());
    let answer = post(&format!("{url}/some/path?q=1"), b"a body");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("/some/path?q=1") && answer.text().ends_with("a body"), "{}", answer.text());
    let (status, printed) = running.interrupt();
    assert_eq!(status.code(), Some(0), "{printed}");
}

#[test]
fn a_served_command_takes_the_body_and_answers_its_output() {
    let args = ["run", "examples/hello/cat.wat", "--app-id", "cat", "-p", "0", "-H", "0", "--metrics-port", "0"];
    let mut running = Running::start(&args, &root()).expect("it runs");
    let url = printed_url(&running.printed());
    assert_eq!(post(&format!("{url}/"), b"abc").body, b"abc");
    assert_eq!(ask("DELETE", &format!("{url}/any/path"), &[], b"x").body, b"x");
    assert_eq!(get(&format!("{url}/../x")).status, 400);
}

#[test]
fn a_native_app_gets_daprs_environment_and_its_output_is_prefixed() {
    let script = "echo id=$APP_ID port=$APP_PORT dapr=$DAPR_HTTP_PORT; exec sleep 60";
    let args = ["run", "--app-id", "shell", "-H", "0", "--metrics-port", "0", "--", "sh", "-c", script];
    let mut running = Running::start(&args, &root()).expect("it runs");
    assert!(running.wait_for("== APP - shell == id=shell"), "{}", running.printed());
    let (status, printed) = running.interrupt();
    assert_eq!(status.code(), Some(0), "{printed}");
    assert!(printed.contains("Exited App successfully"), "{printed}");
}

/// The address that `run` prints.
fn printed_url(printed: &str) -> String {
    let at = printed.find("http://localhost:").unwrap_or_else(|| panic!("no address:\n{printed}"));
    let url = &printed[at..];
    url[..url.find(char::is_whitespace).unwrap_or(url.len())].trim_end_matches('/').replace("localhost", "127.0.0.1")
}

#[test]
fn flags_of_dapr_run_are_taken_and_those_without_effect_are_named() {
    let args =
        ["run", "-a", "x", "-G", "50001", "--enable-api-logging", "-H", "0", "-M", "0", "--", "sh", "-c", "exit 0"];
    let finished = run(&args, &root());
    assert_eq!(finished.status.code(), Some(0), "{}{}", finished.stdout, finished.stderr);
    assert!(finished.stderr.contains("warning: `--dapr-grpc-port` is not yet acted on"), "{}", finished.stderr);
    assert!(finished.stderr.contains("`--enable-api-logging`"), "{}", finished.stderr);
}

#[test]
fn what_is_no_regular_file_is_not_read() {
    for (path, word) in [("/dev/zero", "no regular file"), (".", "no regular file")] {
        let finished = run(&["inspect", path], &root());
        assert_eq!(finished.status.code(), Some(1));
        assert!(finished.stderr.contains(word), "{path}: {}", finished.stderr);
    }
}

#[test]
fn the_version_is_printed() {
    let finished = run(&["version"], &root());
    assert_eq!(finished.stdout, format!("pillion {}\n", env!("CARGO_PKG_VERSION")));
}
