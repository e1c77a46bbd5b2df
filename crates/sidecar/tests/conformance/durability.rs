//! What was acknowledged is there after `kill -9`: a copy of this test binary writes, says so, and is killed.

use crate::harness::{World, component, stop};
use pillion_api::{
    Sidecar,
    state::{BulkGet, Operation, Set, Transaction},
};
use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Stdio},
};

/// Kills per test run, and acknowledgements seen before each.
const LOOPS: usize = 8;
const ACKNOWLEDGED: usize = 12;
/// Tells the copy where to write, and the number of its first row.
const FOLDER: &str = "PILLION_TEST_DURABILITY_FOLDER";
const FIRST: &str = "PILLION_TEST_DURABILITY_FIRST";

fn yaml() -> String {
    component("store", "state.sqlite", &[("connectionString", "data.db")])
}

fn row(key: String) -> Operation {
    Operation::Upsert(Set { key, value: "v".into(), ..Set::default() })
}

/// Writes pairs until it is killed. Runs only as a copy; by itself it has nothing to do.
#[tokio::test]
async fn writes_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let first: usize = std::env::var(FIRST).expect("set").parse().expect("a number");
    let world = World::with(|config| config.directory = folder);
    let sidecar = world.open("shop", &yaml()).await;
    for n in first.. {
        let operations = vec![row(format!("a{n}")), row(format!("b{n}"))];
        sidecar
            .execute_state_transaction("store", Transaction { operations, ..Transaction::default() })
            .await
            .expect("written");
        // The harness would hold back what `println!` writes.
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {n}").and_then(|()| out.flush()).expect("a reader");
    }
}

#[tokio::test]
async fn acknowledged_writes_survive_a_kill_and_none_is_half_there() {
    let world = World::new();
    let mut acknowledged = Vec::new();
    for round in 0..LOOPS {
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "durability::writes_until_killed", "--nocapture"])
            .env(FOLDER, world.path())
            // What a killed copy leaves behind goes with this folder.
            .env("TMPDIR", world.path())
            .env(FIRST, (round * 1_000_000).to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a copy of this binary");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let numbers =
            lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<usize>().ok());
        let seen: Vec<usize> = numbers.take(ACKNOWLEDGED).collect();
        child.kill().expect("killed");
        child.wait().expect("ended");
        assert_eq!(seen.len(), ACKNOWLEDGED, "the copy ended by itself");
        acknowledged.extend(seen);
    }
    let sidecar = world.open("shop", &yaml()).await;
    let keys: Vec<String> = acknowledged.iter().flat_map(|n| [format!("a{n}"), format!("b{n}")]).collect();
    let items = sidecar.get_bulk_state("store", BulkGet { keys, ..BulkGet::default() }).await.expect("read");
    let lost: Vec<String> =
        items.into_iter().filter(|item| !matches!(item.item, Ok(Some(_)))).map(|item| item.key).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    stop(&sidecar).await;
    let file = rusqlite::Connection::open(world.path().join("data.db")).expect("a database");
    let count = |prefix: &str| {
        file.query_row("SELECT count(*) FROM state WHERE key LIKE ?", [format!("shop||{prefix}%")], |row| {
            row.get::<_, i64>(0)
        })
    };
    assert_eq!(count("a").expect("a count"), count("b").expect("a count"), "a transaction is half there");
    assert_eq!(file.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).expect("a check"), "ok");
}
