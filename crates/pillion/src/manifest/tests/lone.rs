//! `pillion run` without a file.

use super::{folder, shown};
use crate::manifest::{AppKind, Manifest, Places, RouteTarget, RunFlags};
use std::time::Duration;

#[test]
fn a_lone_guest_is_a_manifest_of_one_app() {
    let dir = folder();
    let flags = RunFlags {
        app_port: 8080,
        memory: Some(1 << 20),
        timeout: Some(Duration::from_secs(1)),
        directories: vec![format!("{}::/data:ro", dir.path().join("data").display())],
        allow: vec!["state=orders".to_owned(), "hosts=example.org".to_owned()],
        args: vec!["one".to_owned()],
        ..RunFlags::default()
    };
    let places = Places { home: Some(dir.path().join("home")), ..Places::default() };
    let manifest = Manifest::for_file(&dir.path().join("guest.wasm"), &flags, &places).expect("good");
    let [app] = manifest.apps.as_slice() else { panic!("one app") };
    assert_eq!((app.app_id.as_str(), app.app_port, app.max_body_size), ("guest", 8080, 4 << 20));
    assert_eq!(app.resources_paths, [dir.path().join("home/.dapr/components")]);
    let wasm = app.wasm().expect("a Wasm app");
    let guest = &wasm.guests["guest"];
    assert_eq!((guest.limits.memory, guest.limits.timeout), (Some(1 << 20), Some(Duration::from_secs(1))));
    assert_eq!((guest.args.as_slice(), wasm.routes[0].path.as_str()), (["one".to_owned()].as_slice(), "/"));
    assert_eq!(wasm.routes[0].target, RouteTarget::Guest("guest".to_owned()));
    assert_eq!((wasm.directories[0].guest.as_str(), wasm.directories[0].read_only), ("/data", true));
    assert_eq!((wasm.allow.state.as_slice(), wasm.allow.hosts.len()), (["orders".to_owned()].as_slice(), 1));
}

#[test]
fn a_command_is_a_native_app() {
    let flags = RunFlags { app_id: Some("shell".to_owned()), ..RunFlags::default() };
    let command = vec!["sh".to_owned(), "-c".to_owned(), "true".to_owned()];
    let manifest = Manifest::for_command(command.clone(), &flags, &Places::default()).expect("good");
    assert_eq!((manifest.apps[0].app_id.as_str(), &manifest.apps[0].command), ("shell", &command));
    assert!(matches!(manifest.apps[0].kind, AppKind::Native));
}

#[test]
fn wrong_flags_are_all_said_at_once() {
    let dir = folder();
    let flags = RunFlags {
        app_id: Some("a/b".to_owned()),
        directories: vec!["data".to_owned(), "nowhere-at-all::/x".to_owned()],
        allow: vec!["state".to_owned(), "sate=a".to_owned(), "hosts=*a".to_owned()],
        resources_paths: vec![dir.path().join("none")],
        config: Some(dir.path().join("components")),
        ..RunFlags::default()
    };
    let found = Manifest::for_file(&dir.path().join("none.wasm"), &flags, &Places::default()).expect_err("wrong");
    assert_eq!(
        shown(dir.path(), &found),
        "error: none.wasm: `none.wasm` does not exist\n\
         error: --dir: it must be `host-folder:guest-folder`, with `:ro` after it for reading only\n\
         error: --dir: `nowhere-at-all` does not exist\n\
         error: --allow: `state` must be LIST=NAME, as `state=orders`\n\
         error: --allow: there is no list `sate`; did you mean `state`?\n\
         error: --allow: a `*` stands alone or as `*.domain`\n\
         error: --app-id: the app id `a/b` has characters other than letters, digits, `-`, `_` and `.`\n\
         error: --resources-path: `none` does not exist\n\
         error: --config: `components` is not a file\n"
    );
}

#[test]
fn a_file_name_becomes_an_app_id() {
    let dir = folder();
    for (name, id) in [("my guest.wasm", "my-guest"), ("über.wat", "-ber"), ("v1.2.wasm", "v1.2"), ("...wasm", "guest")]
    {
        let path = dir.path().join(name);
        std::fs::write(&path, "").expect("a file");
        let manifest = Manifest::for_file(&path, &RunFlags::default(), &Places::default()).expect("good");
        assert_eq!(manifest.apps[0].app_id, id);
    }
}
