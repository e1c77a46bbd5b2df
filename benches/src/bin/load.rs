//! A closed-loop load: `load URL FILE CONNECTIONS SECONDS [HEADER=VALUE…]` posts a file over so many keep-alive
//! connections and prints one line of JSON: requests, errors, requests per second, p50 and p99 in microseconds.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

struct Load {
    uri: Uri,
    body: Bytes,
    headers: Vec<(String, String)>,
    until: Instant,
}

#[derive(Default)]
struct Seen {
    micros: Vec<u64>,
    errors: u64,
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    ensure!(args.len() >= 4, "usage: load URL FILE CONNECTIONS SECONDS [HEADER=VALUE…]");
    let uri: Uri = args[0].parse()?;
    ensure!(
        uri.host().is_some_and(|host| host == "127.0.0.1" || host == "localhost"),
        "the load goes to loopback only"
    );
    let body = Bytes::from(std::fs::read(&args[1]).with_context(|| args[1].clone())?);
    let connections: usize = args[2].parse()?;
    let seconds: f64 = args[3].parse()?;
    ensure!(connections <= 1024 && seconds <= 120.0, "at most 1024 connections and 120 seconds");
    let headers = args[4..].iter().filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let started = Instant::now();
    let load = std::sync::Arc::new(Load { uri, body, headers, until: started + Duration::from_secs_f64(seconds) });
    let seen = runtime.block_on(async {
        let tasks: Vec<_> = (0..connections).map(|_| tokio::spawn(connection(load.clone()))).collect();
        let mut all = Seen::default();
        for task in tasks {
            let one = task.await??;
            all.micros.extend(one.micros);
            all.errors += one.errors;
        }
        anyhow::Ok(all)
    })?;
    print(seen, started.elapsed());
    Ok(())
}

async fn connection(load: std::sync::Arc<Load>) -> Result<Seen> {
    let authority = load.uri.authority().context("the URL has no host")?.as_str();
    let stream = TcpStream::connect(authority.replace("localhost", "127.0.0.1")).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let mut seen = Seen::default();
    while Instant::now() < load.until {
        let mut request =
            Request::post(load.uri.path_and_query().map_or("/", |path| path.as_str())).header("host", authority);
        for (name, value) in &load.headers {
            request = request.header(name, value);
        }
        let began = Instant::now();
        sender.ready().await?;
        let response = sender.send_request(request.body(Full::new(load.body.clone()))?).await?;
        let ok = response.status().is_success();
        response.into_body().collect().await?;
        seen.micros.push(u64::try_from(began.elapsed().as_micros())?);
        seen.errors += u64::from(!ok);
    }
    drop(sender);
    driver.abort();
    Ok(seen)
}

fn print(mut seen: Seen, took: Duration) {
    seen.micros.sort_unstable();
    let at = |share: f64| {
        let last = seen.micros.len().saturating_sub(1);
        // The share of a small count is far below 2^52.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let index = (last as f64 * share) as usize;
        seen.micros.get(index).copied().unwrap_or_default()
    };
    #[allow(clippy::cast_precision_loss)]
    let rate = seen.micros.len() as f64 / took.as_secs_f64();
    println!(
        "{}",
        serde_json::json!({ "requests": seen.micros.len(), "errors": seen.errors, "rps": rate, "p50_us": at(0.5), "p99_us": at(0.99) })
    );
}
