//! Every state store through one script each: `get` answers the value or `-`, writes answer `ok` or the status.

use crate::harness::{World, component, stop};
use pillion_api::{
    Code, Metadata, Result, Sidecar,
    state::{BulkGet, Concurrency, Delete, Get, Operation, Options, Set, Transaction},
};
use pillion_sidecar::{Embedded, run::Limits};
use std::{sync::Arc, time::Duration};

/// The stores that every script runs on.
fn stores() -> [String; 4] {
    [
        component("store", "state.in-memory", &[]),
        component("store", "state.sqlite", &[("connectionString", "data.db")]),
        component("store", "state.sqlite", &[("connectionString", ":memory:")]),
        component(
            "store",
            "state.sqlite",
            &[("connectionString", "file:other.db?mode=rwc"), ("disableWAL", "true"), ("tableName", "t1")],
        ),
    ]
}

async fn check(script: &str, expected: &str) {
    for yaml in stores() {
        let world = World::new();
        let sidecar = world.open("shop", &yaml).await;
        let mut script_run = Script { world: &world, sidecar: &sidecar, mark: String::new() };
        let mut answers = Vec::new();
        for command in script.split(';') {
            answers.extend(script_run.run(command.trim()).await);
        }
        assert_eq!(answers.join(" "), expected, "{script}\n{yaml}");
        stop(&sidecar).await;
    }
}

struct Script<'a> {
    world: &'a World,
    sidecar: &'a Embedded,
    mark: String,
}

impl Script<'_> {
    async fn run(&mut self, command: &str) -> Option<String> {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[0] {
            "wait" => {
                self.world.clock.advance(Duration::from_secs(words[1].parse().expect("seconds")));
                None
            }
            "mark" => {
                self.mark = self.get(words[1]).await.expect("no error").expect("an item").etag;
                None
            }
            "get" => Some(shown(self.get(words[1]).await.expect("no error"), self.world)),
            "bulk" => {
                let keys = words[1..].iter().map(|key| (*key).to_owned()).collect();
                let items = self
                    .sidecar
                    .get_bulk_state("store", BulkGet { keys, parallelism: 10, ..BulkGet::default() })
                    .await
                    .expect("no error");
                let shown = items
                    .into_iter()
                    .map(|item| format!("{}={}", item.key, shown(item.item.expect("no error"), self.world)));
                Some(shown.collect::<Vec<_>>().join(","))
            }
            "tx" => {
                let steps = command[2..].split('|').map(|step| self.operation(step.trim()));
                let transaction = Transaction { operations: steps.collect(), metadata: Metadata::new() };
                Some(status(self.sidecar.execute_state_transaction("store", transaction).await))
            }
            _ => Some(status(match self.operation(command) {
                Operation::Upsert(set) => self.sidecar.save_state("store", vec![set]).await,
                Operation::Delete(delete) => self.sidecar.delete_state("store", delete).await,
            })),
        }
    }

    async fn get(&self, key: &str) -> Result<Option<pillion_api::state::Item>> {
        self.sidecar.get_state("store", Get { key: key.to_owned(), ..Get::default() }).await
    }

    fn operation(&self, text: &str) -> Operation {
        let words: Vec<&str> = text.split_whitespace().collect();
        let option = |name: &str| words.iter().find_map(|word| word.strip_prefix(name));
        let etag = option("etag=").map(|etag| if etag == "@" { self.mark.clone() } else { etag.to_owned() });
        let concurrency = if words.contains(&"first") { Concurrency::FirstWrite } else { Concurrency::LastWrite };
        let options = Options { concurrency, ..Options::default() };
        let metadata = option("ttl=").map(|ttl| ("ttlInSeconds".to_owned(), ttl.to_owned())).into_iter().collect();
        let key = words[1].to_owned();
        match words[0] {
            "set" => Operation::Upsert(Set { key, value: words[2].to_owned().into(), etag, metadata, options }),
            "del" => Operation::Delete(Delete { key, etag, metadata, options }),
            other => panic!("no command: {other}"),
        }
    }
}

fn shown(item: Option<pillion_api::state::Item>, world: &World) -> String {
    use pillion_sidecar::clock::Clock;
    let Some(item) = item else { return "-".to_owned() };
    let value = String::from_utf8(item.value.to_vec()).expect("text");
    match item.expires {
        Some(at) => format!("{value}@{}", at.duration_since(world.clock.now()).expect("the future").as_secs()),
        None => value,
    }
}

fn status(result: Result<()>) -> String {
    result.map_or_else(|error| error.code().http().to_string(), |()| "ok".to_owned())
}

#[tokio::test]
async fn a_value_is_read_back_until_it_is_deleted() {
    check("get k; set k v; get k; set k w; get k; del k; get k; del k", "- ok v ok w ok - ok").await;
    check(r#"set k "a"; get k"#, r#"ok "a""#).await;
}

#[tokio::test]
async fn a_write_needs_the_current_etag_if_it_names_one() {
    check("set k v; set k w etag=bad; get k", "ok 409 v").await;
    check("set k v; mark k; set k w etag=@; get k; set k x etag=@; get k", "ok ok w 409 w").await;
    check("set k v etag=bad; get k", "409 -").await;
    check("set k v; mark k; set k w; del k etag=@; del k etag=bad; get k", "ok ok 409 409 w").await;
    check("set k v; mark k; del k etag=@; get k", "ok ok -").await;
    check("del k etag=bad", "409").await;
    check("set k v; set k w etag=; get k", "ok ok w").await;
}

#[tokio::test]
async fn the_first_write_wins_if_asked_for() {
    check("set k v first; set k w first; get k", "ok 409 v").await;
    check("set k v; mark k; set k w first etag=@; get k", "ok ok w").await;
    check("set k v; del k; set k w first; get k", "ok ok ok w").await;
    check("set k v ttl=5; wait 6; set k w first; get k", "ok ok w").await;
}

#[tokio::test]
async fn a_key_is_gone_after_its_time() {
    check("set k v ttl=10; get k; wait 4; get k; wait 7; get k", "ok v@10 v@6 -").await;
    check("set k v ttl=10; set k w; wait 60; get k", "ok ok w").await;
    check("set k v ttl=10; set k w ttl=-1; wait 60; get k", "ok ok w").await;
    check("set k v ttl=10; set k w ttl=0; wait 60; get k", "ok ok w").await;
    // A negative one is what each store of Dapr makes of it: the test against a real daprd compares.
    check("set k v ttl=soon; get k", "500 -").await;
    check("set k v ttl=10; mark k; wait 11; set k w etag=@; bulk k", "ok 409 k=-").await;
}

#[tokio::test]
async fn keys_are_read_in_the_order_asked() {
    check("set a 1; set c 3 ttl=9; bulk c b a a", "ok ok c=3@9,b=-,a=1,a=1").await;
}

#[tokio::test]
async fn a_transaction_is_all_or_nothing_in_order() {
    check("set b 2; tx set a 1 | del b | set c 3; bulk a b c", "ok ok a=1,b=-,c=3").await;
    check("tx set a 1 | del a; get a; tx del a | set a 2; get a", "ok - ok 2").await;
    check("set b 2; tx set a 1 | del b | set c 3 etag=bad; bulk a b c", "ok 500 a=-,b=2,c=-").await;
    check("tx set a 1 | set b 2 ttl=soon; bulk a b", "500 a=-,b=-").await;
    check("tx set a 1 ttl=5 | set b 2; wait 6; bulk a b", "ok a=-,b=2").await;
}

#[tokio::test]
async fn bytes_of_any_kind_come_back() {
    for yaml in stores() {
        let world = World::new();
        let sidecar = world.open("shop", &yaml).await;
        for value in [&b""[..], b"\0", b"a\0b", &[0xff, 0xfe], "ä€".as_bytes()] {
            let set = Set { key: "k".to_owned(), value: value.to_vec().into(), ..Set::default() };
            sidecar.save_state("store", vec![set]).await.expect("saved");
            let item = sidecar.get_state("store", Get { key: "k".to_owned(), ..Get::default() }).await.expect("read");
            assert_eq!(item.expect("an item").value, value, "{yaml}");
        }
        stop(&sidecar).await;
    }
}

#[tokio::test]
async fn of_first_writes_at_the_same_time_one_wins() {
    for yaml in stores() {
        let world = World::new();
        let sidecar = world.open("shop", &yaml).await;
        let writes = (0..20).map(|n| {
            let sidecar = Arc::clone(&sidecar);
            let options = Options { concurrency: Concurrency::FirstWrite, ..Options::default() };
            let set = Set { key: "k".to_owned(), value: n.to_string().into(), options, ..Set::default() };
            tokio::spawn(async move { sidecar.save_state("store", vec![set]).await })
        });
        let writes: Vec<_> = writes.collect();
        let mut won = 0;
        for write in writes {
            match write.await.expect("no panic") {
                Ok(()) => won += 1,
                Err(error) => assert_eq!(error.code(), Code::StateSaveEtagMismatch, "{error:?}"),
            }
        }
        assert_eq!(won, 1, "{yaml}");
        stop(&sidecar).await;
    }
}

#[tokio::test]
async fn each_of_several_writes_stands_alone() {
    for yaml in stores() {
        let world = World::new();
        let sidecar = world.open("shop", &yaml).await;
        let set = |key: &str, etag: Option<&str>| Set {
            key: key.to_owned(),
            value: "v".into(),
            etag: etag.map(str::to_owned),
            ..Set::default()
        };
        let items = vec![set("a", None), set("b", Some("bad")), set("c", None)];
        let error = sidecar.save_state("store", items).await.expect_err("one is wrong");
        assert_eq!(error.status(), 409, "{yaml}");
        let start = "failed saving state in state store store: possible etag mismatch. error from state store: possible etag mismatch";
        assert!(error.message().starts_with(start), "{}", error.message());
        let found = sidecar.get_bulk_state(
            "store",
            BulkGet { keys: ["a", "b", "c"].map(str::to_owned).to_vec(), ..BulkGet::default() },
        );
        let found: Vec<bool> =
            found.await.expect("read").into_iter().map(|item| item.item.expect("read").is_some()).collect();
        assert_eq!(found, [true, false, true], "{yaml}");
        stop(&sidecar).await;
    }
}

#[tokio::test]
async fn unknown_stores_and_illegal_keys_have_daprs_errors() {
    let world = World::new();
    let get = || Get { key: "k".to_owned(), ..Get::default() };
    let none = world.open("app1", &component("bus", "pubsub.in-memory", &[])).await;
    let error = none.get_state("nostore", get()).await.expect_err("none");
    assert_eq!(
        (error.code(), error.message()),
        (Code::StateStoreNotConfigured, "state store nostore is not configured")
    );
    let sidecar = world.open("app1", &component("store", "state.in-memory", &[])).await;
    let error = sidecar.get_state("nostore", get()).await.expect_err("none");
    let answer = pillion_api::body::collect(error.dapr_response().into_body(), 10_000).await.expect("a body");
    assert_eq!(
        String::from_utf8_lossy(&answer),
        concat!(
            r#"{"errorCode":"ERR_STATE_STORE_NOT_FOUND","message":"state store nostore is not found","details":[{"#,
            r#""@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io","metadata":{"appID":"app1"},"reason":"DAPR_STATE_NOT_FOUND"}]}"#
        )
    );
    let error =
        sidecar.get_state("store", Get { key: "a||b".to_owned(), ..Get::default() }).await.expect_err("illegal");
    assert_eq!((error.code(), error.status().as_u16()), (Code::MalformedRequest, 400));
}

#[tokio::test]
async fn apps_have_keys_of_their_own_unless_the_prefix_is_shared() {
    for (prefix, shared) in [("appid", false), ("name", true), ("none", true), ("common", true)] {
        let world = World::new();
        let yaml = component("store", "state.in-memory", &[("keyPrefix", prefix)]);
        let (a, b) = (world.open("a", &yaml).await, world.open("b", &yaml).await);
        let set = Set { key: "k".to_owned(), value: "v".into(), ..Set::default() };
        a.save_state("store", vec![set]).await.expect("saved");
        let seen = b.get_state("store", Get { key: "k".to_owned(), ..Get::default() }).await.expect("read");
        assert_eq!(seen.is_some(), shared, "{prefix}");
    }
}

#[tokio::test]
async fn a_full_memory_refuses_writes_and_takes_them_again_when_there_is_room() {
    let world = World::with(|config| config.limits = Limits { state_memory: 2000, ..Limits::default() });
    let sidecar = world.open("shop", &component("store", "state.in-memory", &[])).await;
    let set = |key: &str, size: usize| Set { key: key.to_owned(), value: vec![b'x'; size].into(), ..Set::default() };
    sidecar.save_state("store", vec![set("a", 1000)]).await.expect("room");
    let error = sidecar.save_state("store", vec![set("b", 1000)]).await.expect_err("full");
    assert_eq!(error.code(), Code::StateSave);
    assert_eq!(error.reached().expect("a limit").value, 2000);
    sidecar.save_state("store", vec![set("a", 1100)]).await.expect("grown in place");
    sidecar.delete_state("store", Delete { key: "a".to_owned(), ..Delete::default() }).await.expect("deleted");
    sidecar.save_state("store", vec![set("b", 1000)]).await.expect("room again");
}

#[tokio::test]
async fn sqlite_keeps_values_between_runs_in_daprs_table() {
    let world = World::new();
    let yaml = component("store", "state.sqlite", &[("connectionString", "kept.db"), ("cleanupInterval", "1h")]);
    let sidecar = world.open("shop", &yaml).await;
    let set = Set { key: "k".to_owned(), value: r#"{"a":1}"#.into(), ..Set::default() };
    sidecar.save_state("store", vec![set]).await.expect("saved");
    stop(&sidecar).await;
    let file = rusqlite::Connection::open(world.path().join("kept.db")).expect("a database");
    let row = file.query_row("SELECT key, value, is_binary, expiration_time FROM state", [], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, bool>(2)?,
            row.get::<_, Option<String>>(3)?,
        ))
    });
    assert_eq!(row.expect("a row"), ("shop||k".to_owned(), r#"{"a":1}"#.to_owned(), false, None));
    let migrations =
        file.query_row("SELECT value FROM metadata WHERE key = 'migrations'", [], |row| row.get::<_, String>(0));
    assert_eq!(migrations.expect("a row"), "1");
    drop(file);
    let again = world.open("shop", &yaml).await;
    let item = again.get_state("store", Get { key: "k".to_owned(), ..Get::default() }).await.expect("read");
    assert_eq!(item.expect("an item").value, r#"{"a":1}"#);
    stop(&again).await;
}

#[tokio::test]
async fn sqlite_deletes_what_expired_at_each_interval() {
    let world = World::new();
    let plain = component("store", "state.sqlite", &[("connectionString", "data.db")]);
    let cleaned = component("store", "state.sqlite", &[("connectionString", "data.db"), ("cleanupInterval", "1h")]);
    let sidecar = world.open("shop", &plain).await;
    let ttl = [("ttlInSeconds".to_owned(), "5".to_owned())];
    let set =
        |key: &str, metadata: Metadata| Set { key: key.to_owned(), value: "v".into(), metadata, ..Set::default() };
    sidecar.save_state("store", vec![set("gone", ttl.into()), set("kept", Metadata::new())]).await.expect("saved");
    stop(&sidecar).await;
    world.clock.advance(Duration::from_secs(60));
    let sidecar = world.open("shop", &cleaned).await;
    let file = rusqlite::Connection::open(world.path().join("data.db")).expect("a database");
    let rows = || file.query_row("SELECT count(*) FROM state", [], |row| row.get::<_, i64>(0)).expect("a count");
    let cleaning = async {
        while rows() == 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), cleaning).await.expect("a cleanup at the start");
    assert_eq!(rows(), 1);
    stop(&sidecar).await;
}

#[tokio::test]
async fn apps_that_name_one_file_share_its_component() {
    let world = World::new();
    world.write("a.yaml", &component("store", "state.in-memory", &[("keyPrefix", "none")]));
    std::fs::create_dir(world.path().join("below")).expect("a folder");
    let open = async |app_id: &str, path: &str| {
        let resources = Arc::new(pillion_sidecar::Resources::load(&[world.path().join(path)]));
        Embedded::open(pillion_sidecar::EmbeddedConfig::new(app_id, resources, Arc::clone(&world.run)))
            .await
            .expect("open")
    };
    let (a, b) = (open("a", "a.yaml").await, open("b", "below/../a.yaml").await);
    let set = || Set { key: "k".to_owned(), value: "v".into(), ..Set::default() };
    let get = || Get { key: "k".to_owned(), ..Get::default() };
    a.save_state("store", vec![set()]).await.expect("saved");
    stop(&a).await;
    stop(&a).await;
    assert!(b.get_state("store", get()).await.expect("read").is_some(), "one stops, the other goes on");
    stop(&b).await;
    let again = open("c", "a.yaml").await;
    assert!(again.get_state("store", get()).await.expect("read").is_none(), "the last one closed it");
}

#[tokio::test]
async fn a_closed_or_unwritable_store_says_so() {
    let world = World::new();
    let config =
        world.config("shop", &component("store", "state.sqlite", &[("connectionString", "no/such/folder/data.db")]));
    let diagnostics = pillion_sidecar::Embedded::open(config).await.err().expect("no folder");
    let text = diagnostics[0].to_string();
    assert!(text.contains("resources.yaml:1:1: component `store` (state.sqlite): failed to open"), "{text}");
    let sidecar = world.open("shop", &component("store", "state.sqlite", &[("connectionString", "data.db")])).await;
    stop(&sidecar).await;
    let error = sidecar.get_state("store", Get { key: "k".to_owned(), ..Get::default() }).await.expect_err("closed");
    assert_eq!(error.message(), "fail to get k from state store store: the state store is closed");
}
