//! `new`, `build`, `invoke`, `publish`: from a template to an answer.

mod common;

use common::{Running, free_ports, on_free_ports, pillion, root, run};
use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

/// Whether a program is installed; a line that counts as a skip if not.
fn has(program: &str, test: &str) -> bool {
    let found = std::process::Command::new(program).arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_err() {
        println!("skipped: {test}: no {program}");
    }
    found.is_ok()
}

/// Starts the folder's run file on other ports than the template's.
fn up(dir: &Path) -> (Running, [u16; 2]) {
    let original = fs::read_to_string(dir.join("dapr.yaml")).expect("a run file");
    on_free_ports(|| {
        let [app, dapr] = free_ports();
        let text = original.replace("8080", &app.to_string()).replace("3500", &dapr.to_string());
        fs::write(dir.join("dapr.yaml"), text).expect("written");
        Ok((Running::start(&["up", "--metrics-port", "0"], dir)?, [app, dapr]))
    })
}

#[test]
fn templates_are_listed_and_each_is_a_good_manifest_once_built() {
    let dir = tempfile::tempdir().expect("a folder");
    let listed = run(&["new", "--output", "json"], dir.path());
    assert!(listed.status.success(), "{}", listed.stderr);
    let templates: Vec<serde_json::Value> = serde_json::from_str(&listed.stdout).expect("JSON");
    assert!(templates.len() >= 4, "{templates:?}");
    for template in &templates {
        let name = template["name"].as_str().expect("a name");
        let made = run(&["new", name, &format!("my-{name}")], dir.path());
        assert!(made.status.success(), "{}", made.stderr);
        let folder = dir.path().join(format!("my-{name}"));
        assert!(folder.join(".gitignore").exists() && folder.join("README.md").exists());
        let check = run(&["check"], &folder);
        assert!(check.stderr.contains("build it first, by `pillion build`"), "{name}: {}", check.stderr);
        let text = fs::read_to_string(folder.join("dapr.yaml")).expect("a run file");
        assert!(!text.contains("{{name}}") && text.contains(&format!("appID: my-{name}")), "{text}");
    }
}

#[test]
fn a_wrong_template_name_or_folder_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(dir.path().join("there")).expect("a folder");
    fs::write(dir.path().join("there/file"), "").expect("written");
    for (args, wanted) in [
        (&["new", "rust-htp", "x"][..], "did you mean `rust-http`?"),
        (&["new", "rust-http"], "`pillion new TEMPLATE NAME`"),
        (&["new", "rust-http", "../x"], "can't be a name"),
        (&["new", "rust-http", "X"], "can't be a name"),
        (&["new", "rust-http", "there"], "is there already"),
    ] {
        let refused = run(args, dir.path());
        assert!(!refused.status.success() && refused.stderr.contains(wanted), "{args:?}: {}", refused.stderr);
    }
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 1, "nothing was made");
}

/// The folder of a new guest, built and its cases run; none, counted as a skip, without its compiler.
fn made_built_and_tested(template: &str, compiler: &str, dir: &Path) -> Option<std::path::PathBuf> {
    if !has(compiler, &format!("made_built_and_tested {template}")) {
        return None;
    }
    let made = run(&["new", template, "greeter"], dir);
    assert!(made.status.success() && made.stdout.contains("`pillion test`"), "{}{}", made.stdout, made.stderr);
    let folder = dir.join("greeter");
    // The folder's own target folder is where the manifest looks, whatever this test was built into.
    let built = pillion().arg("build").env_remove("CARGO_TARGET_DIR").current_dir(&folder).output();
    let built = built.expect("the binary starts");
    assert!(built.status.success(), "{template}: {}", String::from_utf8_lossy(&built.stderr));
    let tested = run(&["test"], &folder);
    assert!(tested.status.success(), "{template}: {}{}", tested.stdout, tested.stderr);
    assert!(tested.stdout.contains("tests/hello.test.yaml\n  ok "), "{template}: {}", tested.stdout);
    Some(folder)
}

#[test]
fn a_template_of_go_is_made_built_tested_served_and_called() {
    let dir = tempfile::tempdir().expect("a folder");
    let Some(folder) = made_built_and_tested("go-command", "go", dir.path()) else { return };
    assert!(folder.join("greeter.wasm").exists());
    let (_running, _) = up(&folder);
    // The run file of the folder says which port.
    let answer = run(&["invoke", "--app-id", "greeter", "--method", "hello", "--data", "you"], &folder);
    assert_eq!((answer.status.success(), answer.stdout.as_str()), (true, "hello you\n"), "{}", answer.stderr);
}

#[test]
fn a_template_of_c_is_made_built_and_tested() {
    let clang = ["clang", "clang-22"].into_iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    if clang.is_none() || !Path::new("/usr/lib/wasm32-wasi/crt1.o").exists() {
        return println!("skipped: a_template_of_c_is_made_built_and_tested: no clang with wasi-libc");
    }
    let dir = tempfile::tempdir().expect("a folder");
    assert!(run(&["new", "c-command", "greeter"], dir.path()).status.success());
    let folder = dir.path().join("greeter");
    let mut build = pillion();
    let built =
        build.arg("build").env("CC", clang.unwrap_or_default()).current_dir(&folder).output().expect("it starts");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let tested = run(&["test"], &folder);
    assert!(tested.status.success() && tested.stdout.contains("2 passed"), "{}{}", tested.stdout, tested.stderr);
}

#[test]
fn a_template_of_rust_is_made_built_and_tested() {
    let targets = Command::new("rustc").args(["--print", "target-libdir", "--target", "wasm32-wasip1"]).output();
    let there = |output: std::process::Output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).exists();
    if !targets.is_ok_and(there) {
        return println!("skipped: a_template_of_rust_is_made_built_and_tested: no target wasm32-wasip1");
    }
    let dir = tempfile::tempdir().expect("a folder");
    made_built_and_tested("rust-command", "cargo", dir.path());
}

#[test]
fn a_build_says_what_failed_and_what_is_missing() {
    let dir = tempfile::tempdir().expect("a folder");
    let manifest = |build: &str| {
        let text = format!(
            "version: 1\napps:\n  - appID: a\n    appDirPath: .\n    wasm:\n      source: out/a.wat\n      {build}\n"
        );
        fs::write(dir.path().join("dapr.yaml"), text).expect("written");
    };
    let cat = root().join("examples/hello/cat.wat").display().to_string();
    manifest("build: { command: exit 3 }");
    let failed = run(&["build"], dir.path());
    assert!(!failed.status.success() && failed.stderr.contains("exit status: 3"), "{}", failed.stderr);
    manifest("build: { command: 'true' }");
    let empty = run(&["build"], dir.path());
    assert!(empty.stderr.contains("left no `out/a.wat`, the source of a/a"), "{}", empty.stderr);
    manifest(&format!("build: {{ command: mkdir -p out && cp {cat} out/a.wat }}"));
    let built = run(&["build"], dir.path());
    assert!(built.status.success() && built.stdout.is_empty(), "{}", built.stderr);
    assert!(run(&["check"], dir.path()).status.success());
    let other = run(&["build", "--app-id", "b"], dir.path());
    assert!(other.stderr.contains("no guest of an app `b`"), "{}", other.stderr);
}

/// An echo that takes events, too.
fn echo(dir: &Path) -> (Running, [u16; 2]) {
    fs::copy(common::guest("echo-command"), dir.join("echo.wasm")).expect("a guest");
    let component = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: pubsub}\nspec: {type: pubsub.in-memory, version: v1}\n";
    fs::create_dir_all(dir.join("components")).expect("a folder");
    fs::write(dir.join("components/pubsub.yaml"), component).expect("written");
    let manifest = "version: 1
common: { resourcesPath: ./components }
apps:
  - appID: echo
    appDirPath: .
    appPort: 8080
    daprHTTPPort: 3500
    wasm: { source: echo.wasm, on: [{ pubsub: pubsub, topic: orders }] }
";
    fs::write(dir.join("dapr.yaml"), manifest).expect("written");
    up(dir)
}

#[test]
fn an_app_is_invoked_and_gets_what_is_published() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut running, [_, dapr]) = echo(dir.path());
    let port = dapr.to_string();
    fs::write(dir.path().join("body"), "from a file").expect("written");
    for (more, wanted) in [
        (&["--data", "typed"][..], "typed"),
        (&["--data-file", "body"], "from a file"),
        (&["-v", "get"], "env REQUEST_METHOD=GET"),
    ] {
        let args = [&["invoke", "-a", "echo", "-m", "/deep/path?x=1", "-H", &port], more].concat();
        let answer = run(&args, dir.path());
        assert!(
            answer.status.success() && answer.stdout.contains(wanted),
            "{args:?}: {}{}",
            answer.stdout,
            answer.stderr
        );
        assert!(answer.stdout.contains("env QUERY_STRING=x=1"), "{}", answer.stdout);
    }
    let published = run(
        &[
            "publish",
            "-i",
            "echo",
            "-p",
            "pubsub",
            "-t",
            "orders",
            "-d",
            "{\"id\": 7}",
            "-m",
            "{\"cloudevent.id\": \"e7\"}",
        ],
        dir.path(),
    );
    assert_eq!(published.stdout, "Event published successfully\n", "{}", published.stderr);
    assert!(running.wait_for("echoed"), "{}", running.printed());
}

#[test]
fn what_cannot_be_asked_is_said_in_words() {
    let dir = tempfile::tempdir().expect("a folder");
    let (_running, [_, dapr]) = echo(dir.path());
    let port = dapr.to_string();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let [closed] = free_ports();
    let closed = closed.to_string();
    for (args, wanted) in [
        (&["invoke", "-a", "nobody", "-m", "x", "-H", &port][..], "the answer is 500"),
        (&["invoke", "-a", "echo", "-m", "x", "-v", "a b", "-H", &port], "`--verb a b`"),
        (&["invoke", "-a", "echo", "-m", "x", "-H", &closed], "no sidecar answers on port"),
        (&["invoke", "-a", "echo", "-m", "x"], "nothing says where a sidecar listens: there is no `dapr.yaml`"),
        (&["publish", "-i", "echo", "-p", "none", "-t", "t", "-d", "x", "-H", &port], "the answer is 404"),
        (&["publish", "-i", "echo", "-p", "pubsub", "-t", "t", "-m", "[]", "-H", &port], "must be a JSON object"),
        (
            &["publish", "-i", "echo", "-p", "pubsub", "-t", "t", "--data-file", "none", "-H", &port],
            "`none` can't be read",
        ),
    ] {
        let refused = pillion().args(args).current_dir(elsewhere.path()).output().expect("the binary starts");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains(wanted), "{args:?}: {said}");
    }
}

/// Every document is what Kubernetes and Dapr read, to the last field; a line that counts as a skip without the tool.
fn held_to_the_types_of_kubernetes(documents: &str) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("cargo's target folder");
    let check = target.join("daprd/k8scheck");
    if !check.is_file() {
        return println!("skipped: held_to_the_types_of_kubernetes: no k8scheck; `cargo xtask daprd` builds it");
    }
    let mut child = std::process::Command::new(check)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tool starts");
    child.stdin.take().expect("a pipe").write_all(documents.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("it ends");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{err}\n{documents}");
    assert_eq!(out.lines().count(), 3, "{out}");
}

#[test]
fn a_run_file_becomes_deployments_and_its_resources() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::copy(root().join("examples/hello/cat.wat"), dir.path().join("cat.wat")).expect("a guest");
    fs::create_dir(dir.path().join("components")).expect("a folder");
    let resources = "# The broker.\napiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: pubsub}\nspec: {type: pubsub.redis, version: v1}\n---\napiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: store}\nspec: {type: state.in-memory, version: v1}\n";
    fs::write(dir.path().join("components/all.yaml"), resources).expect("written");
    let manifest = "version: 1
common: { resourcesPath: ./components }
apps:
  - { appID: cat, appDirPath: ., appPort: 7001, appMaxConcurrency: 5, env: { GREETING: 'a \"b\"' }, wasm: { source: cat.wat } }
  - { appID: native, appDirPath: ., command: [sleep, '1'] }
";
    fs::write(dir.path().join("dapr.yaml"), manifest).expect("written");
    let printed = run(&["k8s", "--image", "registry.example/cat:1", "-n", "shop", "--replicas", "3"], dir.path());
    assert!(printed.status.success(), "{}", printed.stderr);
    for wanted in [
        "  namespace: \"shop\"",
        "  replicas: 3",
        "dapr.io/app-port: \"7001\"",
        "dapr.io/app-max-concurrency: \"5\"",
        "image: \"registry.example/cat:1\"",
        r#"{ name: "GREETING", value: "a \"b\"" }"#,
        "# The broker.",
    ] {
        assert!(printed.stdout.contains(wanted), "no `{wanted}` in\n{}", printed.stdout);
    }
    assert_eq!(printed.stdout.matches("\n---\n").count(), 2, "{}", printed.stdout);
    assert!(printed.stderr.contains("app `native` is left out"), "{}", printed.stderr);
    assert!(
        printed.stderr.contains("`store` (state.in-memory) keeps what it has on one machine"),
        "{}",
        printed.stderr
    );
    held_to_the_types_of_kubernetes(&printed.stdout);
    let wrong = run(&["k8s", "--image", "x", "-n", "Shop"], dir.path());
    assert!(wrong.stderr.contains("`Shop` can't be a namespace"), "{}", wrong.stderr);
}
