//! Actors in other languages than Rust do the same.

use super::{Plane, ask, call, logs};
use crate::{
    common::{root, run},
    harness::until,
};

fn check(guest: &'static str) {
    let Some(plane) = Plane::at_port(guest) else { return };
    let file = root().join("guests/out").join(guest).with_extension("wasm");
    if !file.exists() {
        println!("skipped: {guest}: it is not built: `cargo xtask languages` says what is missing");
        return;
    }
    // Compiles the guest into the cache, which takes longer than a start may.
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::copy(file, dir.path().join("guest.wasm")).expect("the guest");
    let manifest = "version: 1\napps: [{ appDirPath: ., wasm: { source: guest.wasm, actors: [{ type: Counter }] } }]";
    std::fs::write(dir.path().join("dapr.yaml"), manifest).expect("written");
    let checked = run(&["check"], dir.path());
    assert!(checked.status.success(), "{}", checked.stderr);
    let limits = ", limits: { memory: 256Mi, timeout: 30s }";
    let mut behind = plane.start_setup(plane.setup_of(guest, "", limits));
    assert_eq!(ask(&mut behind, "a", "add", "1"), "1");
    assert_eq!(ask(&mut behind, "a", "add", "2"), "3");
    assert_eq!(ask(&mut behind, "a", "turns", ""), "3");
    let failed = call(&behind, "a", "nothing", "");
    assert!(failed.status == 500 && failed.text().contains("no method nothing"), "{}", failed.text());
    ask(&mut behind, "a", "remind", "now");
    let reminded = until(|| call(&behind, "a", "get", "").text() == "103");
    assert!(reminded, "{}", logs(&mut behind));
    let (status, printed) = behind.terminate();
    assert_eq!(status.code(), Some(0), "{printed}");
}

#[test]
fn an_actor_in_javascript() {
    check("js-shop");
}

#[test]
fn an_actor_in_python() {
    check("py-shop");
}
