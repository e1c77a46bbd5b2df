//! What no guest shows: that statements end which nobody waits for, and that nobody waits for who can't come.

use super::{DatabaseFile, Databases, MAX_AT_ONCE, MAX_CONNECTIONS};
use pillion_api::sql::{Bounds, Connection, Databases as _, Failure, Value};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

fn databases() -> (tempfile::TempDir, Databases) {
    let dir = tempfile::tempdir().expect("a folder");
    let file = DatabaseFile { path: dir.path().join("app.db"), size: 1 << 20 };
    let databases = Databases::open([("default".to_owned(), file)]).expect("a database");
    (dir, databases)
}

async fn open(databases: &Databases) -> Arc<dyn Connection> {
    databases.open("default", Instant::now() + PATIENCE).await.expect("a connection")
}

fn within(time: Duration) -> Bounds {
    Bounds { deadline: Instant::now() + time, bytes: 1 << 20 }
}

async fn run(connection: &Arc<dyn Connection>, statement: &str) -> Result<Vec<Vec<Value>>, Failure> {
    Ok(connection.execute(statement.to_owned(), Vec::new(), within(PATIENCE)).await?.rows)
}

#[tokio::test]
async fn a_statement_ends_at_its_deadline_and_the_connection_goes_on() {
    let (_dir, databases) = databases();
    let connection = open(&databases).await;
    let late = connection.execute(ENDLESS.to_owned(), Vec::new(), within(Duration::from_millis(50))).await;
    assert_eq!(late, Err(Failure::Late));
    assert_eq!(run(&connection, "SELECT 1").await, Ok(vec![vec![Value::Integer(1)]]));
    let past = connection.execute("SELECT 1".to_owned(), Vec::new(), within(Duration::ZERO)).await;
    assert_eq!(past, Err(Failure::Late));
}

#[tokio::test]
async fn slow_functions_end_with_the_one_that_runs() {
    let (_dir, databases) = databases();
    let connection = open(&databases).await;
    let slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                SELECT sum(instr(printf('%.*c', 400000, 'a'), printf('%.*c', 200000, 'a') || i)) FROM n";
    let began = Instant::now();
    let late = connection.execute(slow.to_owned(), Vec::new(), within(Duration::from_millis(50))).await;
    assert_eq!(late, Err(Failure::Late));
    assert!(began.elapsed() < PATIENCE, "it looked at nothing but the clock, after {:?}", began.elapsed());
}

#[tokio::test]
async fn a_statement_that_nobody_waits_for_ends() {
    let (_dir, databases) = databases();
    let connection = open(&databases).await;
    let forgotten = tokio::time::timeout(Duration::from_millis(50), run(&connection, ENDLESS)).await;
    forgotten.expect_err("endless");
    assert_eq!(run(&connection, "SELECT 1").await, Err(Failure::Closed));
    let all = databases.at_once.acquire_many(MAX_AT_ONCE as u32);
    tokio::time::timeout(PATIENCE, all).await.expect("it has ended").expect("open").forget();
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_that_wait_do_not_keep_out_the_one_that_they_wait_for() {
    let (_dir, databases) = databases();
    let first = open(&databases).await;
    run(&first, "CREATE TABLE t (n)").await.expect("a table");
    run(&first, "BEGIN IMMEDIATE").await.expect("a transaction");
    let count = MAX_AT_ONCE + 4;
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..count {
        let connection = open(&databases).await;
        waiting.spawn(async move { run(&connection, "INSERT INTO t VALUES (1)").await });
    }
    while databases.at_once.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    run(&first, "INSERT INTO t VALUES (1)").await.expect("written");
    run(&first, "COMMIT").await.expect("committed");
    while let Some(written) = waiting.join_next().await {
        written.expect("no panic").expect("written");
    }
    let count = i64::try_from(count + 1).expect("small");
    assert_eq!(run(&first, "SELECT count(*) FROM t").await, Ok(vec![vec![Value::Integer(count)]]));
}

#[tokio::test]
async fn connections_are_bounded_and_what_is_closed_makes_room() {
    let (_dir, databases) = databases();
    let mut all = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        all.push(open(&databases).await);
    }
    let one_more = databases.open("default", Instant::now() + Duration::from_millis(10)).await.err();
    assert!(matches!(one_more, Some(Failure::Failed(why)) if why.contains("open connections")));
    let closed = all.pop().expect("many");
    closed.close();
    drop(closed);
    open(&databases).await;
    assert_eq!(databases.open("other", Instant::now() + PATIENCE).await.err(), Some(Failure::NotNamed));
}

#[tokio::test]
async fn an_answer_ends_where_its_room_does() {
    let (_dir, databases) = databases();
    let connection = open(&databases).await;
    for (statement, bytes, expected) in [
        ("SELECT zeroblob(5000)", 4000, Err(Failure::TooLarge)),
        ("SELECT zeroblob(3000)", 4000, Ok(1)),
        ("SELECT 1 FROM json_each('[1,2,3,4,5,6,7,8,9]')", 300, Err(Failure::TooLarge)),
        ("SELECT 1 FROM json_each('[1,2]')", 300, Ok(2)),
    ] {
        let bounds = Bounds { bytes, ..within(PATIENCE) };
        let answer = connection.execute(statement.to_owned(), Vec::new(), bounds).await;
        assert_eq!(answer.map(|answer| answer.rows.len()), expected, "{statement}");
    }
}

#[tokio::test]
async fn a_file_can_be_opened_again_with_less_room_than_it_has() {
    let (dir, databases) = databases();
    let connection = open(&databases).await;
    run(&connection, "CREATE TABLE t (n)").await.expect("a table");
    run(&connection, "INSERT INTO t VALUES (zeroblob(200000))").await.expect("written");
    drop((connection, databases));
    let file = DatabaseFile { path: dir.path().join("app.db"), size: 64 << 10 };
    let smaller = Databases::open([("default".to_owned(), file)]).expect("a database");
    let connection = open(&smaller).await;
    assert_eq!(run(&connection, "SELECT length(n) FROM t").await, Ok(vec![vec![Value::Integer(200_000)]]));
    let full = run(&connection, "INSERT INTO t VALUES (zeroblob(200000))").await;
    assert_eq!(full, Err(Failure::Full(64 << 10)));
}
