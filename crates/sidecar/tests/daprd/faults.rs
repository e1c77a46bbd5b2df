//! A daprd that isn't there, goes, comes back, wants another token, or takes too long: each call ends with a definite error
//! in bounded time, and goes on when daprd does.

use crate::process::{Ports, Process, Start, tools, write_config};
use http::Request;
use pillion_api::{
    Code, Invocation, Result, Sidecar, Target,
    actors::Actor,
    body, crypto,
    state::{Get, Set},
};
use pillion_sidecar::{Daprd, DaprdConfig};
use std::{
    net::Ipv4Addr,
    path::Path,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, net::TcpListener};

/// The time of a call, or the wait for a daprd, where a test wants to see its end.
const SHORT: Duration = Duration::from_millis(300);
/// A call that has such a bound may take so long on a busy machine.
const BOUND: Duration = Duration::from_secs(20);
/// How often what needs no waiting line is asked again, and how often at most.
const AGAIN: Duration = Duration::from_millis(50);
const MOST: u32 = 1200;

fn client(ports: Ports, change: impl FnOnce(&mut DaprdConfig)) -> Daprd {
    let mut config = DaprdConfig { patience: SHORT, ..ports.config("app") };
    change(&mut config);
    Daprd::new(config).expect("a client")
}

fn folder() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    write_config(folder.path(), "");
    let text = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: { name: store }\nspec: { type: state.in-memory, version: v1 }\n";
    std::fs::write(folder.path().join("resources/all.yaml"), text).expect("a file");
    folder
}

async fn daprd(tools: &Path, folder: &TempDir, token: Option<&str>, ports: Ports) -> Process {
    Start { tools, folder: folder.path(), app_id: "app", app_port: None, token, ports }.ready().await
}

async fn get(daprd: &Daprd) -> Result<()> {
    daprd.get_state("store", Get { key: "k".into(), ..Get::default() }).await.map(drop)
}

/// One call of each way to daprd: gRPC, a stream of it, HTTP, and invocation.
async fn each_way(daprd: &Daprd) -> Vec<(&'static str, Result<()>)> {
    let request = Request::builder().uri("/hello").body(body::full("x")).expect("a request");
    let invocation = Invocation { target: Target::App("nobody".into()), request };
    let how =
        crypto::Encrypt { key_name: "k".into(), key_wrap_algorithm: "A256KW".into(), ..crypto::Encrypt::default() };
    let actor = Actor { kind: "a".into(), id: "1".into() };
    vec![
        ("get state", get(daprd).await),
        ("encrypt", daprd.encrypt("none", how, body::full("x")).await.map(drop)),
        ("reminder", daprd.get_actor_reminder(&actor, "r").await.map(drop)),
        ("invoke", daprd.invoke(invocation).await.map(drop)),
    ]
}

async fn all_fail(daprd: &Daprd, code: Code) {
    let began = Instant::now();
    for (way, answer) in each_way(daprd).await {
        assert_eq!(answer.expect_err(way).code(), code, "{way}");
    }
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
}

#[tokio::test]
async fn calls_to_a_daprd_that_is_not_there_end_and_later_ones_find_it() {
    let ports = Ports::free();
    let client = client(ports, |_| ());
    all_fail(&client, Code::SidecarUnavailable).await;
    let Some(tools) = tools("daprd comes late") else { return };
    let folder = folder();
    let _daprd = daprd(&tools, &folder, None, ports).await;
    get(&client).await.expect("it is there now");
}

#[tokio::test]
async fn a_call_waits_for_a_daprd_that_starts() {
    let Some(tools) = tools("a call waits for daprd") else { return };
    let (ports, folder) = (Ports::free(), folder());
    let client = client(ports, |config| config.patience = BOUND);
    // Not ready: the call begins while nobody listens.
    let start = Start { tools: &tools, folder: folder.path(), app_id: "app", app_port: None, token: None, ports };
    let (answer, mut process) = tokio::join!(get(&client), async { start.spawn() });
    answer.expect("it was waited for");
    process.ready(ports).await;
}

#[tokio::test]
async fn a_daprd_that_crashes_is_found_again() {
    let Some(tools) = tools("daprd crashes") else { return };
    let (ports, folder) = (Ports::free(), folder());
    let client = client(ports, |_| ());
    for round in 0..3 {
        let process = daprd(&tools, &folder, None, ports).await;
        let set = Set { key: "k".into(), value: "v".into(), ..Set::default() };
        client.save_state("store", vec![set]).await.unwrap_or_else(|error| panic!("round {round}: {error:?}"));
        process.kill().await;
        let error = get(&client).await.expect_err("nobody is there");
        assert_eq!(error.code(), Code::SidecarUnavailable, "{error:?}");
    }
    let _daprd = daprd(&tools, &folder, None, ports).await;
    get(&client).await.expect("it is there again");
}

#[tokio::test]
async fn calls_in_flight_end_when_daprd_does() {
    let Some(tools) = tools("daprd ends under load") else { return };
    let (ports, folder) = (Ports::free(), folder());
    let process = daprd(&tools, &folder, None, ports).await;
    let client = std::sync::Arc::new(client(ports, |_| ()));
    let asking: Vec<_> = (0..8)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                for _ in 0..MOST {
                    if let Err(error) = get(&client).await {
                        return Some(error.code());
                    }
                    tokio::time::sleep(AGAIN / 10).await;
                }
                None
            })
        })
        .collect();
    get(&client).await.expect("it is there");
    process.kill().await;
    for asked in asking {
        let code = tokio::time::timeout(BOUND, asked).await.expect("in time").expect("no panic");
        assert_eq!(code, Some(Code::SidecarUnavailable));
    }
}

#[tokio::test]
async fn a_wrong_token_is_refused_on_every_way() {
    let Some(tools) = tools("daprd's token") else { return };
    let (ports, folder) = (Ports::free(), folder());
    let _daprd = daprd(&tools, &folder, Some("right"), ports).await;
    for token in [None, Some("wrong")] {
        let client = client(ports, |config| config.api_token = token.map(str::to_owned));
        all_fail(&client, Code::SidecarDenied).await;
    }
    let client = client(ports, |config| config.api_token = Some("right".to_owned()));
    get(&client).await.expect("the right token");
    let codes: Vec<Code> =
        each_way(&client).await.into_iter().filter_map(|(_, answer)| answer.err()).map(|error| error.code()).collect();
    assert_eq!(codes, [Code::CryptoProvidersNotConfigured, Code::ActorNoPlacement, Code::DirectInvoke]);
}

/// Listens on both ports and does `to_each` to what connects.
async fn strange(to_each: &'static [u8]) -> Ports {
    let mut ports = Ports::free();
    for port in [&mut ports.http, &mut ports.grpc] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        *port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut socket, _)) = listener.accept().await {
                if !to_each.is_empty() {
                    let _ = socket.write_all(to_each).await;
                    let _ = socket.shutdown().await;
                }
                held.push(socket);
            }
        });
    }
    ports
}

#[tokio::test]
async fn a_daprd_that_never_answers_is_given_up() {
    let client = client(strange(b"").await, |config| config.call_timeout = SHORT);
    let began = Instant::now();
    for (way, answer) in each_but_invocation(&client).await {
        assert_eq!(answer.expect_err(way).code(), Code::SidecarTimeout, "{way}");
    }
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
}

/// An invocation has no deadline of its own: it ends with the call of its guest.
async fn each_but_invocation(client: &Daprd) -> Vec<(&'static str, Result<()>)> {
    let request = Request::new(body::empty());
    let invocation = Invocation { target: Target::App("nobody".into()), request };
    let invoked = tokio::time::timeout(SHORT, client.invoke(invocation)).await;
    assert!(invoked.is_err(), "it waits until it is dropped");
    let actor = Actor { kind: "a".into(), id: "1".into() };
    let how = crypto::Encrypt { key_name: "k".into(), ..crypto::Encrypt::default() };
    vec![
        ("get state", get(client).await),
        ("encrypt", client.encrypt("none", how, body::full("x")).await.map(drop)),
        ("reminder", client.get_actor_reminder(&actor, "r").await.map(drop)),
    ]
}

#[tokio::test]
async fn what_is_no_daprd_is_an_error_and_no_hang() {
    let client = client(strange(b"220 smtp.example ready\r\n").await, |config| config.call_timeout = BOUND);
    all_fail(&client, Code::SidecarUnavailable).await;
}
