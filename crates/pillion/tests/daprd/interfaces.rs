//! Components that were built for other hosts, over components that only daprd has.

use crate::harness::{Network, Setup, component, tools};

const CASES: &str = "{ guests: { cases: { source: wasi-cases.wasm } }, routes: [{ path: /, guest: cases }], allow: { bindings: [files], conversation: [echo] } }";

#[test]
fn objects_are_files_of_local_storage_and_a_model_is_daprds() {
    let Some(tools) = tools("objects and models of other hosts' guests behind daprd") else { return };
    let network = Network::new(tools);
    let files = network.dir.path().join("files");
    let root = files.to_str().expect("UTF-8");
    let resources = component("files", "bindings.localstorage", &[("rootPath", root)])
        + &component("echo", "conversation.echo", &[]);
    let app = Setup::new("cases", CASES, resources).start_in(&network);
    let table = [
        ("blob open default", "()"),
        ("blob list", "[\"0 skipped\"]"),
        ("blob write a/b abcd", "()"),
        ("blob write quoted \"x\"", "()"),
        ("blob read a/b 0 end", "\"abcd\""),
        ("blob read quoted 0 end", "\"\\\"x\\\"\""),
        ("blob list", "[\"1 skipped\", \"quoted\"]"),
        ("blob has none", "false"),
        ("blob move files/a/b files/c", "()"),
        ("blob delete none", "()"),
        ("blob size c", "4"),
        ("llm infer any hello", "\"hello\""),
    ];
    let script = table.map(|(line, _)| line).join("\n");
    let answer = app.app("POST", "/", &[], script.as_bytes()).text();
    assert_eq!(answer.lines().collect::<Vec<_>>(), table.map(|(_, expected)| expected));
    assert_eq!(std::fs::read(files.join("c")).expect("a file"), b"abcd");
    assert_eq!(std::fs::read(files.join("quoted")).expect("a file"), b"\"x\"");
    let cleared = app.app("POST", "/", &[], b"blob open files\nblob clear\nblob list").text();
    assert_eq!(cleared, "()\n()\n[\"0 skipped\"]\n");
}
