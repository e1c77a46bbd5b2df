//! What can be loaded, and how the rest is refused.

mod common;

use common::{built, guest, refused, runtime};
use pillion_api::{Code, Error};
use pillion_runtime::{GuestKind, LoadOptions, Options, Runtime, inspect};

#[test]
fn what_can_not_be_run_is_refused_with_what_to_do() {
    let runtime = runtime();
    let check = |error: Error, message: &str, hint: &str| {
        assert_eq!(error.code(), Code::GuestInvalid);
        assert!(error.message().starts_with("guest `guest` ") && error.message().contains(message), "{error:?}");
        assert!(error.help().unwrap_or_default().contains(hint), "{error:?}");
    };
    let load = |bytes: &[u8]| runtime.load("guest", bytes.to_vec(), None).expect_err("refused");
    check(load(b"#!/bin/sh"), "is not WebAssembly", "wasm32-wasip1");
    check(load(b""), "is not WebAssembly", "");
    check(load(b"\0asm\x01\0\0\0\x01\xff"), "is damaged", "again");
    check(load(b"(module (func $f"), "is not valid WebAssembly text", "");
    check(refused(&runtime, "(module)"), "exports no `_start`", "");
    check(
        refused(&runtime, r#"(module (func (export "_start") (drop (i64.const 1)) i32.const 1))"#),
        "is not valid",
        "",
    );
    let unknown = r#"(module (import "env" "a" (func)) (import "env" "b" (func (param i32))) (import "host" "c" (func))
        (func (export "_start")))"#;
    check(
        refused(&runtime, unknown),
        "`a`, `b` of `env`; `c` of `host`",
        "`env` is a symbol that the linker left open",
    );
    check(
        refused(&runtime, r#"(module (import "gojs" "x" (func)) (func (export "run")))"#),
        "`x` of `gojs`",
        "GOOS=wasip1",
    );
    let wrong = r#"(module (import "wasi_snapshot_preview1" "fd_write" (func)) (func (export "_start")))"#;
    check(refused(&runtime, wrong), "can't be linked", "");
    check(refused(&runtime, "(component)"), "exports none of", "");
    let handler = |version: &str, import: &str| {
        format!(r#"(component {import} (instance $i) (export "wasi:http/handler@{version}" (instance $i)))"#)
    };
    check(refused(&runtime, &handler("0.3.0", "")), "can't be linked", "");
    check(refused(&runtime, &handler("0.3.0-rc-2026-03-15", "")), "a release candidate of WASI 0.3", "");
    let mixed = r#"(import "wasi:http/outgoing-handler@0.2.0" (instance))"#;
    check(refused(&runtime, &handler("0.3.0", mixed)), "`wasi:http/outgoing-handler@0.2.0`", "for one, 0.2 or 0.3");
    let command = r#"(component (instance $i) (export "wasi:cli/run@0.3.0" (instance $i)))"#;
    check(refused(&runtime, command), "a command of WASI 0.3", "");
    let foreign = r#"(component (import "fermyon:spin/http" (instance)))"#;
    check(refused(&runtime, foreign), "`fermyon:spin/http`", "an SDK for Spin 2");
    let of_0_3 = r#"(component (import "spin:key-value/key-value@3.0.0" (instance)))"#;
    check(refused(&runtime, of_0_3), "`spin:key-value/key-value@3.0.0`", "for guests of WASI 0.3");
}

#[test]
fn the_kind_is_read_from_the_file() {
    let runtime = runtime();
    for (name, call, kind) in [
        ("echo-command", None, GuestKind::Command),
        ("http-echo", None, GuestKind::Http),
        ("bindgen-classic", Some("reverse"), GuestKind::Bindgen),
        ("bindgen-wasmedge", Some("infer"), GuestKind::Bindgen),
        ("bindgen-web-slot", Some("reverse"), GuestKind::Bindgen),
        ("tf-first", None, GuestKind::Bindgen),
        ("tf-second", None, GuestKind::Bindgen),
    ] {
        let guest = runtime.load(name, built(name), call).expect(name);
        assert_eq!(guest.kind(), kind, "{name}");
    }
}

#[test]
fn a_guest_that_needs_references_to_the_host_is_refused_with_the_flag_that_helps() {
    let error = runtime().load("g", built("bindgen-web"), Some("reverse")).expect_err("refused");
    assert!(error.help().expect("a hint").contains("target-cpu=mvp"), "{error:?}");
}

#[test]
fn a_call_that_is_not_there_is_refused_with_the_nearest_name() {
    let runtime = runtime();
    let error = runtime.load("guest", built("bindgen-classic"), Some("revers")).expect_err("unknown");
    assert_eq!(error.help(), Some("did you mean `reverse`?"));
    let error = runtime.load("guest", built("bindgen-classic"), None).expect_err("ambiguous");
    assert!(error.help().expect("a hint").contains("call:"), "{error:?}");
}

#[test]
fn an_inspection_says_what_a_guest_needs() {
    let http = inspect(&built("http-call")).expect("a guest");
    assert_eq!(http.kind, Some(GuestKind::Http));
    assert_eq!(http.building_blocks, ["invocation", "outgoing HTTP"]);
    assert_eq!(http.allow, ["invoke: [<app-id>]", "hosts: [<host>]"]);
    let old = inspect(&built("tf-first")).expect("a guest");
    assert_eq!((old.kind, &old.calls[..]), (Some(GuestKind::Bindgen), &["classify".to_owned()][..]));
    assert_eq!(old.building_blocks, ["inference", "picture decoding"]);
    let library = inspect(b"(module (memory 3) (func (export \"f\")))").expect("a module");
    assert_eq!((library.kind, library.memory), (None, 3 << 16));
    assert!(library.problem.expect("a problem").contains("_start"));
}

#[test]
fn compiled_code_is_loaded_only_where_it_was_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let with_cache = |name: &str| {
        Runtime::new(Options { cache_dir: Some(folder.path().join(name)), max_instances: 4, ..Options::default() })
            .expect("a runtime")
    };
    let (here, elsewhere) = (with_cache("here"), with_cache("elsewhere"));
    let wat = br#"(module (memory (export "memory") 1) (func (export "_start")))"#;
    let artefact = here.compile(wat).expect("compiled");
    assert_eq!(here.load("g", artefact.clone(), None).expect("its own").kind(), GuestKind::Command);
    assert_eq!(inspect(&artefact).expect("readable"), inspect(wat).expect("readable"));
    let error = elsewhere.load("g", artefact.clone(), None).expect_err("foreign");
    assert!(error.message().contains("compiled elsewhere"), "{error:?}");
    elsewhere
        .load_with("g", artefact.clone(), None, &LoadOptions { trust_precompiled: true, ..LoadOptions::default() })
        .expect("trusted");
    let mut damaged = artefact;
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let error = elsewhere
        .load_with("g", damaged, None, &LoadOptions { trust_precompiled: true, ..LoadOptions::default() })
        .expect_err("damaged");
    assert!(error.message().contains("damaged"), "{error:?}");
}

#[test]
fn a_file_over_the_limit_is_refused() {
    let runtime = Runtime::new(Options { wasm_bytes: 10, max_instances: 4, ..Options::default() }).expect("a runtime");
    let error = runtime.load("g", built("echo-command"), None).expect_err("too large");
    assert!(error.message().contains("over the limit of 10"), "{error}");
    let runtime = common::runtime();
    guest(&runtime, r#"(module (func (export "_start")))"#);
}
