//! A component for Spin with its databases: what it reads and writes, what it may not, and where its limits end it.

mod common;

use common::{Answer, PATIENCE, Running, free_ports, get, on_free_ports, post, run};
use std::{fs, path::Path, thread, time::Instant};

/// Counts without an end.
const ENDLESS: &str = "sql do WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

/// An app over the folder `dir`, with these keys of `wasm:`.
struct App {
    running: Running,
    url: String,
}

impl App {
    fn start(dir: &Path, keys: &str) -> Self {
        Self::of("wasi-cases", dir, keys)
    }

    fn of(guest: &str, dir: &Path, keys: &str) -> Self {
        fs::copy(common::guest(guest), dir.join("cases.wasm")).expect("a guest");
        on_free_ports(|| {
            let [app, dapr, admin] = free_ports();
            let manifest = format!(
                "version: 1\napps:\n  - appID: shop\n    appDirPath: .\n    appPort: {app}\n    daprHTTPPort: {dapr}\n    \
                 wasm: {{source: cases.wasm, {keys}}}\n"
            );
            fs::write(dir.join("dapr.yaml"), manifest).expect("written");
            let running = Running::start(&["up", "--metrics-port", &admin.to_string()], dir)?;
            Ok(Self { running, url: format!("http://127.0.0.1:{app}/") })
        })
    }

    fn run(&self, lines: &[&str]) -> Answer {
        at(&self.url, lines)
    }

    /// Each line with what it answers.
    #[track_caller]
    fn check(&mut self, table: &[(&str, &str)]) {
        let script: Vec<&str> = table.iter().map(|(line, _)| *line).collect();
        let answer = self.run(&script).text();
        for ((line, expected), found) in table.iter().zip(answer.lines()) {
            assert_eq!(found, *expected, "{line}\n{}", self.running.printed());
        }
        assert_eq!(answer.lines().count(), table.len(), "{answer}\n{}", self.running.printed());
    }
}

fn at(url: &str, lines: &[&str]) -> Answer {
    post(url, lines.join("\n").as_bytes())
}

#[test]
fn every_type_of_value_comes_back_and_survives_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(dir.path().join("data")).expect("a folder");
    let keys = "databases: {default: {file: data/app.db}, other: {file: data/other.db}}";
    let mut app = App::start(dir.path(), keys);
    app.check(&[
        ("sql open default", "()"),
        ("sql do CREATE TABLE things (id INTEGER PRIMARY KEY, a, b, c, d, e)", "|"),
        ("sql do INSERT INTO things VALUES (1, ?, ?, ?, ?, ?) :: i:-7 r:1.5 t:text b:bytes null", "|"),
        ("sql do SELECT a, b, c, d, e FROM things", "a b c d e|i:-7 r:1.5 t:text b:bytes null"),
        ("sql do SELECT ?1 AS high, ?2 AS none :: i:9223372036854775807 b:", "high none|i:9223372036854775807 b:"),
        ("sql do SELECT id FROM things WHERE id > 1", "id|"),
        ("sql do INSERT INTO things (id) VALUES (2), (3) RETURNING id", "id|i:2,i:3"),
        ("sql do BEGIN", "|"),
        ("sql do DELETE FROM things", "|"),
        ("sql do ROLLBACK", "|"),
        ("sql do SELECT count(*) AS n FROM things;", "n|i:3"),
        // The other database is another file.
        ("sql open other", "()"),
        ("sql do SELECT count(*) FROM things", "Error::Io(\"no such table: things\")"),
    ]);
    assert!(app.running.interrupt().0.success());
    let mut again = App::start(dir.path(), keys);
    again.check(&[("sql open default", "()"), ("sql do SELECT count(a) FROM things", "count(a)|i:1")]);
}

#[test]
fn version_3_also_says_what_the_last_statement_left() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut app = App::start(dir.path(), "databases: {default: {file: app.db}}");
    app.check(&[
        ("sql3 open other", "Error::AccessDenied"),
        ("sql3 open default", "()"),
        ("sql3 rowid", "0"),
        ("sql3 changes", "0"),
        ("sql3 do CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE)", "|"),
        ("sql3 do INSERT INTO t VALUES (41, ?) :: a", "|"),
        ("sql3 rowid", "41"),
        ("sql3 do INSERT INTO t (name) VALUES ('b'), ('c')", "|"),
        ("sql3 rowid", "43"),
        ("sql3 changes", "2"),
        ("sql3 do UPDATE t SET name = name || '!'", "|"),
        ("sql3 changes", "3"),
        ("sql3 do INSERT INTO t (name) VALUES ('a!')", "Error::Io(\"UNIQUE constraint failed: t.name\")"),
        ("sql3 rowid", "43"),
        ("sql3 do SELECT name FROM t WHERE id = 41", "name|Some(Value::Text(\"a!\"))"),
        // Each connection has its own.
        ("sql3 open default", "()"),
        ("sql3 rowid", "0"),
    ]);
}

#[test]
fn functions_of_version_3_1_stream_rows_to_guests_of_wasi_0_3() {
    let dir = tempfile::tempdir().expect("a folder");
    let keys = "databases: {default: {file: app.db}}, mode: concurrent, limits: {hostBuffers: 1Mi}";
    let mut app = App::of("http-candidate", dir.path(), keys);
    app.url.push_str("sql");
    let thousand = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000) SELECT i, 'text' FROM n";
    app.check(&[
        ("open other", "Error::AccessDenied"),
        ("open default", "opened"),
        ("left", "0 0"),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE)", "||Ok(())"),
        ("INSERT INTO t VALUES (41, 'a'), (42, 'b')", "||Ok(())"),
        ("left", "42 2"),
        ("SELECT name, id FROM t", "name id|a,b|Ok(())"),
        ("INSERT INTO t VALUES (7, 'a')", "||Err(Error::Io(\"UNIQUE constraint failed: t.name\"))"),
        ("SELEC 1", "||Err(Error::Io(\"near \\\"SELEC\\\": syntax error\"))"),
        (&format!("both {thousand}"), "1000 1000"),
        (&format!("both {thousand}"), "1000 1000"),
    ]);
    // Rows that nobody has read yet count, too.
    let answer = app.run(&["open default", &format!("both {}", thousand.replace("1000", "8000"))]);
    assert!(answer.status >= 500 && answer.text().contains("limits.hostBuffers"), "{}", answer.text());
}

#[test]
fn what_is_wrong_is_told_and_what_reaches_out_is_denied() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut app = App::start(dir.path(), "databases: {default: {file: app.db}}");
    let denied = "Error::Io(\"not authorized\")";
    app.check(&[
        ("sql open default", "()"),
        ("sql do SELEC 1", "Error::Io(\"near \\\"SELEC\\\": syntax error\")"),
        ("sql do SELECT ?, ? :: i:1", "Error::Io(\"Wrong number of parameters passed to query. Got 1, needed 2\")"),
        ("sql do SELECT 1; SELECT 2", "Error::Io(\"Multiple statements provided\")"),
        ("sql do ATTACH 'stolen.db' AS stolen", denied),
        ("sql do ATTACH ? AS stolen :: t:stolen.db", denied),
        ("sql do DETACH main", denied),
        ("sql do VACUUM INTO 'copy.db'", "Error::Io(\"authorization denied\")"),
        (
            "sql do SELECT load_extension('evil.so')",
            "Error::Io(\"not authorized to use function: load_extension, at byte 7 of 32\")",
        ),
        ("sql do PRAGMA temp_store_directory = '/'", denied),
        ("sql do PRAGMA writable_schema = ON", denied),
        ("sql do PRAGMA database_list", denied),
        ("sql do SELECT file FROM pragma_database_list", denied),
        ("sql do PRAGMA trusted_schema = ON", denied),
        // What the host decides stays as it is, whatever a program begins with.
        ("sql do PRAGMA journal_mode = DELETE", "|"),
        ("sql do PRAGMA journal_mode", "journal_mode|t:wal"),
        ("sql do PRAGMA max_page_count = 1000000", "|"),
        ("sql do PRAGMA max_page_count", "max_page_count|i:65536"),
        ("sql do PRAGMA user_version = 3", "|"),
        ("sql do PRAGMA user_version", "user_version|i:3"),
        ("sql do SELECT length(randomblob(2000000))", "Error::Io(\"string or blob too big\")"),
    ]);
    let names = ["stolen.db", "copy.db"];
    assert!(names.iter().all(|name| !dir.path().join(name).exists()), "a file was made");
}

#[test]
fn a_database_that_the_manifest_does_not_name_is_denied_with_the_line_to_add() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut without = App::start(dir.path(), "");
    without.check(&[("sql open default", "Error::AccessDenied")]);
    let line = "add `databases: { default: { file: <path> } }` to the app's `wasm:`";
    assert!(without.running.wait_for(line), "{}", without.running.printed());
    let mut with = App::start(dir.path(), "databases: {default: {file: app.db}}");
    with.check(&[("sql open ../app.db", "Error::AccessDenied"), ("sql open default", "()")]);
}

#[test]
fn an_endless_query_ends_at_the_deadline_and_harms_nobody() {
    let dir = tempfile::tempdir().expect("a folder");
    let keys = "databases: {default: {file: app.db}}, limits: {timeout: 2s}";
    let mut app = App::start(dir.path(), keys);
    app.check(&[("sql open default", "()"), ("sql do CREATE TABLE t (n)", "|")]);
    let mut neighbours = 0;
    let url = &app.url;
    thread::scope(|scope| {
        let endless = [0; 4].map(|_| scope.spawn(|| at(url, &["sql open default", ENDLESS])));
        while endless.iter().any(|thread| !thread.is_finished()) {
            let answer = at(url, &["sql open default", "sql do INSERT INTO t VALUES (1) RETURNING n"]);
            assert_eq!(answer.text(), "()\nn|i:1\n");
            neighbours += 1;
        }
        for thread in endless {
            let answer = thread.join().expect("an answer");
            assert!(answer.status == 504 && answer.text().contains("limits.timeout"), "{}", answer.text());
        }
    });
    assert!(neighbours > 1, "nobody else was served");
    app.check(&[("sql open default", "()"), ("sql do SELECT count(*) FROM t", &format!("count(*)|i:{neighbours}"))]);
}

#[test]
fn an_answer_and_a_file_have_their_bounds() {
    let dir = tempfile::tempdir().expect("a folder");
    let keys = "databases: {default: {file: app.db, size: 64Ki}}, limits: {hostBuffers: 64Ki}";
    let mut app = App::start(dir.path(), keys);
    let many = "sql do WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    let answer = app.run(&["sql open default", many]);
    assert!(answer.status >= 500 && answer.text().contains("limits.hostBuffers"), "{}", answer.text());
    app.check(&[
        ("sql open default", "()"),
        ("sql do CREATE TABLE t (n)", "|"),
        ("sql do INSERT INTO t VALUES (?) :: b:#40000", "|"),
        ("sql do INSERT INTO t VALUES (?) :: b:#40000", "Error::DatabaseFull"),
        ("sql do SELECT length(n) FROM t", "length(n)|i:40000"),
    ]);
    assert!(app.running.wait_for("raise its `size` under `databases:`"), "{}", app.running.printed());
}

#[test]
fn a_connection_and_its_transaction_end_with_their_call() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut app = App::start(dir.path(), "mode: reuse, databases: {default: {file: app.db}}");
    let ask = |lines: &[&str]| get(&format!("{}?{}", app.url, lines.join("&").replace(' ', "+"))).text();
    let left = ask(&[
        "sql open default",
        "sql do CREATE TABLE t (n)",
        "sql do BEGIN IMMEDIATE",
        "sql do INSERT INTO t VALUES (1)",
        "sql keep",
    ]);
    assert_eq!(left, "()\n|\n|\n|\nkept\n");
    // The instance serves again a moment after its answer; until then another one does, which has kept nothing.
    let deadline = Instant::now() + PATIENCE;
    let answer = loop {
        let answer = ask(&[
            "sql kept",
            "sql do SELECT count(*) FROM t",
            "sql open default",
            "sql do SELECT n FROM t",
            "sql do COMMIT",
        ]);
        if !answer.starts_with("0 kept") {
            break answer;
        }
        assert!(Instant::now() < deadline, "{answer}");
    };
    let none = "Error::Io(\"cannot commit - no transaction is active\")";
    assert_eq!(answer, format!("1 kept\nError::InvalidConnection\n()\nn|\n{none}\n"));
    // Nobody holds it any more.
    app.check(&[("sql open default", "()"), ("sql do INSERT INTO t VALUES (2) RETURNING n", "n|i:2")]);
}

#[test]
fn each_statement_is_a_host_call() {
    let dir = tempfile::tempdir().expect("a folder");
    let app = App::start(dir.path(), "databases: {default: {file: app.db}}, limits: {hostCalls: 10}");
    assert!(app.run(&["sql open default", "sql times 9 SELECT 1"]).text().ends_with("1|i:1\n"));
    let answer = app.run(&["sql open default", "sql times 10 SELECT 1"]);
    assert!(answer.status >= 500 && answer.text().contains("limits.hostCalls"), "{}", answer.text());
}

#[test]
fn inspect_says_that_databases_are_needed() {
    let dir = tempfile::tempdir().expect("a folder");
    let guest = common::guest("wasi-cases");
    let inspected = run(&["inspect", guest.to_str().expect("UTF-8")], dir.path());
    for import in ["fermyon:spin/sqlite@2.0.0", "spin:sqlite/sqlite@3.0.0"] {
        let line = format!("{import} → files of SQLite, by their names under `databases:`");
        assert!(inspected.stdout.contains(&line), "{}", inspected.stdout);
    }
    assert!(inspected.stdout.contains("SQL databases"), "{}", inspected.stdout);
}

#[test]
fn a_file_that_is_no_database_stops_the_start() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::copy(common::guest("wasi-cases"), dir.path().join("cases.wasm")).expect("a guest");
    fs::write(dir.path().join("app.db"), "no database, whatever it is called, but long enough".repeat(100))
        .expect("a file");
    let manifest =
        "version: 1\napps: [{appID: shop, appDirPath: ., wasm: {source: cases.wasm, databases: {d: {file: app.db}}}}]";
    fs::write(dir.path().join("dapr.yaml"), manifest).expect("written");
    let ended = run(&["up", "--metrics-port", "0"], dir.path());
    assert!(!ended.status.success() && ended.stderr.contains("database `d`"), "{}", ended.stderr);
    assert!(ended.stderr.contains("file is not a database"), "{}", ended.stderr);
}

#[test]
fn each_test_case_has_empty_databases() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::copy(common::guest("wasi-cases"), dir.path().join("cases.wasm")).expect("a guest");
    let manifest =
        "version: 1\napps: [{appID: shop, appDirPath: ., wasm: {source: cases.wasm, databases: {d: {file: app.db}}}}]";
    fs::write(dir.path().join("dapr.yaml"), manifest).expect("written");
    let case = "  - name: a case\n    request: {path: /, method: POST, body: \"sql open d\\nsql do CREATE TABLE t (n)\"}\n    \
                expect: {status: 200, body: \"()\\n|\\n\"}\n";
    fs::write(dir.path().join("a.test.yaml"), format!("cases:\n{case}{}", case.replace("a case", "another")))
        .expect("written");
    let ended = run(&["test"], dir.path());
    assert!(ended.stdout.contains("2 passed"), "{}\n{}", ended.stdout, ended.stderr);
    assert!(!dir.path().join("app.db").exists(), "the app's own file was made");
}
