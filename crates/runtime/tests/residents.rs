//! Code in memory: one of a file, a bounded number of them, and back at the next call.

mod common;

use common::{app, post};
use futures_util::future::join_all;
use pillion_api::Code;
use pillion_runtime::{App, Guest, Limits, LoadOptions, Mode, Options, Runtime};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Waiting for what happens by itself ends here.
const PATIENCE: Duration = Duration::from_secs(60);

fn runtime(directory: &Path, resident: usize) -> Runtime {
    with(Options { cache_dir: Some(directory.into()), resident_code: Some(resident), ..Options::default() })
}

fn with(options: Options) -> Runtime {
    Runtime::new(Options { max_instances: 64, ..options }).expect("a runtime")
}

/// A program that says four digits, after `work`.
fn says_after(number: usize, work: &str) -> String {
    format!(
        r#"(module (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 8) "{number:04}")
        (func (export "_start") (local $i i32) {work}
          (i32.store (i32.const 0) (i32.const 8)) (i32.store (i32.const 4) (i32.const 4))
          (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#
    )
}

fn load(runtime: &Runtime, number: usize) -> Guest {
    runtime.load(&format!("guest-{number}"), says_after(number, "").into_bytes(), None).expect("a guest")
}

fn app_of(runtime: &Runtime, number: usize) -> App {
    app(runtime, load(runtime, number), Limits::default())
}

async fn answer(app: &App) -> String {
    let (_, bytes) = post(app, "").await.expect("an answer");
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let list = fs::read_dir(directory).expect("a directory").flatten().map(|entry| entry.path());
    list.filter(|path| path.extension().is_some_and(|extension| extension == "artefact")).collect()
}

#[tokio::test]
async fn a_file_that_is_loaded_twice_is_one_code() {
    let runtime = common::runtime();
    let (first, second) = (app_of(&runtime, 1), app_of(&runtime, 1));
    assert_eq!(runtime.code().resident, 1);
    let third = app_of(&runtime, 2);
    assert_eq!(runtime.code().resident, 2);
    assert_eq!(
        (answer(&first).await, answer(&second).await, answer(&third).await),
        ("0001".into(), "0001".into(), "0002".into())
    );
    drop((first, second, third));
    assert_eq!(runtime.code().resident, 0, "what nobody has is dropped");
}

#[test]
fn a_file_that_is_loaded_twice_at_once_is_compiled_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = runtime(folder.path(), 10);
    let guests: Vec<Guest> = std::thread::scope(|scope| {
        let loads: Vec<_> = (0..8).map(|_| scope.spawn(|| load(&runtime, 1))).collect();
        loads.into_iter().map(|load| load.join().expect("no panic")).collect()
    });
    assert_eq!((runtime.code().resident, guests.len()), (1, 8));
}

#[test]
fn another_call_or_mode_is_other_code() {
    let runtime = common::runtime();
    let bytes = common::built("bindgen-classic");
    let load = |call: &str| runtime.load("guest", bytes.clone(), Some(call)).expect("a guest");
    let one = load("reverse");
    let other = one.inspection().calls.iter().find(|call| *call != "reverse").expect("a second export");
    let two = load(other);
    assert_eq!(runtime.code().resident, 2);
    let again = load("reverse");
    assert_eq!(runtime.code().resident, 2);
    drop((one, two, again));
}

#[tokio::test]
async fn a_thousand_guests_answer_with_the_code_of_ten_in_memory() {
    const GUESTS: usize = 1000;
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = runtime(folder.path(), 10);
    let apps: Vec<App> = (0..GUESTS).map(|number| app_of(&runtime, number)).collect();
    assert!(runtime.code().resident <= 10);
    for (number, app) in apps.iter().enumerate() {
        assert_eq!(answer(app).await, format!("{number:04}"));
        assert!(runtime.code().resident <= 10, "{:?}", runtime.code());
    }
    let stats = runtime.code();
    assert_eq!((stats.bound, stats.evicted), (10, GUESTS as u64 + stats.returned - stats.resident as u64));
    assert!(stats.returned >= (GUESTS - 10) as u64, "{stats:?}");
    assert_eq!(entries(folder.path()).len(), GUESTS);
}

#[tokio::test]
async fn who_is_called_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = runtime(folder.path(), 10);
    let busy = app_of(&runtime, 0);
    let mut others = Vec::new();
    for number in 1..50 {
        others.push(app_of(&runtime, number));
        assert_eq!(answer(&busy).await, "0000");
    }
    assert_eq!(runtime.code().returned, 0, "its code never left");
}

#[tokio::test]
async fn idle_code_leaves_and_many_calls_bring_it_back_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let idle =
        Options { code_idle: Duration::from_millis(20), cache_dir: Some(folder.path().into()), ..Options::default() };
    let runtime = with(idle);
    let app = app_of(&runtime, 7);
    let began = Instant::now();
    while runtime.code().resident > 0 {
        assert!(began.elapsed() < PATIENCE, "{:?}", runtime.code());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let before = runtime.code();
    let answers = join_all((0..50).map(|_| answer(&app))).await;
    assert!(answers.iter().all(|answer| answer == "0007"), "{answers:?}");
    let after = runtime.code();
    // It may have left meanwhile, and come back for that.
    assert!(after.returned - before.returned <= 1 + after.evicted - before.evicted, "{before:?} {after:?}");
}

/// Loads a guest from a file, and another one for which its code leaves.
fn evicted(runtime: &Runtime, source: Option<PathBuf>, mode: Mode, text: String) -> App {
    let options = LoadOptions { source, mode, ..LoadOptions::default() };
    let guest = runtime.load_with("first", text.into_bytes(), None, &options).expect("a guest");
    let app = app(runtime, guest, Limits::default());
    drop(load(runtime, 9999));
    assert_eq!((runtime.code().resident, runtime.code().evicted), (0, 1));
    app
}

#[tokio::test]
async fn code_that_the_cache_lost_is_made_of_its_file_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cache, source) = (folder.path().join("cache"), folder.path().join("guest.wat"));
    let runtime = runtime(&cache, 1);
    fs::write(&source, says_after(1, "")).expect("written");
    let app = evicted(&runtime, Some(source.clone()), Mode::Fresh, says_after(1, ""));
    for entry in entries(&cache) {
        fs::write(entry, "no code").expect("written");
    }
    assert_eq!(answer(&app).await, "0001");
    assert_eq!(runtime.code().returned, 1);
    drop(load(&runtime, 8888));
    assert_eq!(runtime.code().resident, 0);
    fs::write(&source, says_after(2, "")).expect("written");
    entries(&cache).iter().for_each(|entry| fs::remove_file(entry).expect("removed"));
    let error = post(&app, "").await.expect_err("another file");
    assert_eq!(error.code(), Code::Internal);
    assert!(error.message().contains("guest `first`") && error.message().contains("has changed"), "{error}");
    fs::remove_file(&source).expect("removed");
    let error = post(&app, "").await.expect_err("no file");
    assert!(error.message().contains("guest.wat"), "{error}");
    fs::write(&source, says_after(1, "")).expect("written");
    assert_eq!(answer(&app).await, "0001", "a failure is not kept");
}

#[tokio::test]
async fn code_that_is_nowhere_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = runtime(folder.path(), 1);
    let app = evicted(&runtime, None, Mode::Fresh, says_after(1, ""));
    entries(folder.path()).iter().for_each(|entry| fs::remove_file(entry).expect("removed"));
    let error = post(&app, "").await.expect_err("no code");
    assert_eq!(error.code(), Code::Internal);
    assert!(error.message().contains("the cache of code lost it"), "{error}");
}

#[test]
fn code_without_an_entry_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = runtime(folder.path(), 1);
    let first = load(&runtime, 1);
    entries(folder.path()).iter().for_each(|entry| fs::remove_file(entry).expect("removed"));
    let second = load(&runtime, 2);
    assert_eq!((runtime.code().resident, runtime.code().evicted), (1, 1), "only the second could leave");
    drop((first, second));
    assert_eq!(runtime.code().resident, 0);
}

#[tokio::test]
async fn a_call_ends_well_though_its_code_left_meanwhile() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = runtime(folder.path(), 1);
    let work =
        "(loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 200000000))))";
    let guest = runtime.load("slow", says_after(1, work).into_bytes(), None).expect("a guest");
    let slow = app(&runtime, guest, Limits::default());
    let call = tokio::spawn({
        let slow = slow.clone();
        async move { answer(&slow).await }
    });
    while slow.stats()[0].memory_peak == 0 && slow.stats()[0].in_flight == 0 {
        tokio::task::yield_now().await;
    }
    drop(load(&runtime, 2));
    assert_eq!(call.await.expect("no panic"), "0001");
}

/// A start that counts in a global what it was called.
const PREPARED: &str = r#"(module (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1) (global $n (mut i32) (i32.const 48))
    (func (export "wizer-initialize") (global.set $n (i32.add (global.get $n) (i32.const 1))))
    (func (export "_start")
      (i32.store8 (i32.const 8) (global.get $n)) (i32.store (i32.const 0) (i32.const 8)) (i32.store (i32.const 4) (i32.const 1))
      (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#;

#[tokio::test]
async fn prepared_code_comes_back_prepared() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cache, source) = (folder.path().join("cache"), folder.path().join("guest.wat"));
    fs::write(&source, PREPARED).expect("written");
    let runtime = runtime(&cache, 1);
    let app = evicted(&runtime, Some(source), Mode::Reset { init: None }, PREPARED.into());
    assert_eq!(answer(&app).await, "1");
    drop(load(&runtime, 8888));
    entries(&cache).iter().for_each(|entry| fs::remove_file(entry).expect("removed"));
    assert_eq!(answer(&app).await, "1", "prepared another time");
    assert_eq!(runtime.code().returned, 2);
}
