//! The cache of compiled code: whatever happens to its files, the right code runs.

mod common;

use common::{app, post};
use pillion_runtime::{Limits, Options, Runtime};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn runtime(directory: &Path) -> Runtime {
    Runtime::new(Options { cache_dir: Some(directory.into()), max_instances: 4, ..Options::default() })
        .expect("a runtime")
}

/// A program that says one letter.
fn says(letter: char) -> String {
    format!(
        r#"(module (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 8) "{letter}")
        (func (export "_start") (i32.store (i32.const 0) (i32.const 8)) (i32.store (i32.const 4) (i32.const 1))
          (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#
    )
}

async fn answer(runtime: &Runtime, letter: char) -> String {
    let guest = runtime.load("g", says(letter).into_bytes(), None).expect("a guest");
    let (_, bytes) = post(&app(runtime, guest, Limits::default()), "").await.expect("an answer");
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let list = fs::read_dir(directory).expect("a directory").flatten().map(|entry| entry.path());
    let mut list: Vec<_> =
        list.filter(|path| path.extension().is_some_and(|extension| extension == "artefact")).collect();
    list.sort();
    list
}

#[tokio::test]
async fn a_damaged_entry_is_thrown_away_and_made_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = runtime(folder.path());
    assert_eq!(answer(&runtime, 'a').await, "a");
    let [entry] = &entries(folder.path())[..] else { panic!("one entry") };
    let whole = fs::read(entry).expect("readable");
    let mut damages: Vec<Vec<u8>> = Vec::new();
    // A bit in each of 60 places, torn pages, cuts, nothing at all, and something else.
    for place in 0..60 {
        let mut bad = whole.clone();
        let at = place * (whole.len() - 1) / 59;
        bad[at] ^= 1 << (place % 8);
        damages.push(bad);
    }
    for page in (0..whole.len()).step_by(whole.len() / 10 + 1) {
        let mut bad = whole.clone();
        let end = (page + 4096).min(whole.len());
        bad[page..end].fill(0);
        damages.push(bad);
    }
    damages.extend([1, 8, 71, whole.len() / 2, whole.len() - 1].map(|length| whole[..length].to_vec()));
    damages.extend([Vec::new(), vec![0xff; 5000]]);
    for bad in damages.into_iter().filter(|bad| *bad != whole) {
        fs::write(entry, &bad).expect("written");
        assert_eq!(answer(&runtime, 'a').await, "a");
        assert_eq!(fs::read(entry).expect("made again").len(), whole.len());
    }
}

#[tokio::test]
async fn a_swapped_entry_is_not_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = runtime(folder.path());
    assert_eq!((answer(&runtime, 'a').await, answer(&runtime, 'b').await), ("a".into(), "b".into()));
    let [first, second] = &entries(folder.path())[..] else { panic!("two entries") };
    let (one, two) = (fs::read(first).expect("readable"), fs::read(second).expect("readable"));
    fs::write(first, two).expect("written");
    fs::write(second, one).expect("written");
    assert_eq!((answer(&runtime, 'a').await, answer(&runtime, 'b').await), ("a".into(), "b".into()));
}

#[tokio::test]
async fn an_entry_is_used_again_by_the_next_process_but_not_with_another_key() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(answer(&runtime(folder.path()), 'a').await, "a");
    let entry = entries(folder.path()).remove(0);
    let made = fs::read(&entry).expect("readable");
    assert_eq!(answer(&runtime(folder.path()), 'a').await, "a");
    assert_eq!(fs::read(&entry).expect("readable"), made, "used, not made again");
    fs::remove_file(folder.path().join("key")).expect("removed");
    assert_eq!(answer(&runtime(folder.path()), 'a').await, "a");
    assert_ne!(fs::read(&entry).expect("readable"), made, "signed by the new key");
}

#[tokio::test]
async fn an_entry_that_others_can_write_or_that_is_a_link_is_not_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = runtime(folder.path());
    assert_eq!(answer(&runtime, 'a').await, "a");
    let entry = entries(folder.path()).remove(0);
    fs::set_permissions(&entry, fs::Permissions::from_mode(0o666)).expect("set");
    assert_eq!(answer(&runtime, 'a').await, "a");
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&entry, &elsewhere).expect("moved");
    std::os::unix::fs::symlink(&elsewhere, &entry).expect("linked");
    assert_eq!(answer(&runtime, 'a').await, "a");
    assert!(!fs::symlink_metadata(&entry).expect("there").file_type().is_symlink(), "made again as a file");
}

#[test]
fn a_directory_that_others_can_write_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |directory: &Path| {
        let options = Options { cache_dir: Some(directory.into()), max_instances: 4, ..Options::default() };
        Runtime::new(options).err().expect("refused").to_string()
    };
    let open = folder.path().join("open");
    fs::create_dir(&open).expect("made");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).expect("set");
    assert!(refused(&open).contains("others may write"));
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    fs::create_dir(&real).expect("made");
    std::os::unix::fs::symlink(&real, &link).expect("linked");
    assert!(refused(&link).contains("symbolic link"));
    fs::write(folder.path().join("file"), "").expect("written");
    assert!(refused(&folder.path().join("file")).contains("can't be used"));
}

#[tokio::test]
async fn the_least_recently_used_entries_go_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache_dir = Some(folder.path().to_path_buf());
    let runtime = runtime(folder.path());
    answer(&runtime, 'a').await;
    let one = fs::metadata(&entries(folder.path())[0]).expect("there").len();
    drop(runtime);
    let options = Options { cache_dir, cache_bytes: one * 5 / 2, max_instances: 4, ..Options::default() };
    let runtime = Runtime::new(options).expect("a runtime");
    for letter in ['b', 'c', 'd', 'e'] {
        assert_eq!(answer(&runtime, letter).await, letter.to_string());
        assert!(entries(folder.path()).len() <= 2);
    }
}
