//! What a call of the host and an event cost: `calls GUEST CALLS` prints CPU times of this process in microseconds, medians over
//! batches. `native_us` is a state get of the sidecar, `over_us` what one from the guest costs beyond that, `event_us` a
//! topic event to a fresh instance. The guest is `dapr-calls`; sidecar and policy are the same for both sides.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use pillion_api::{
    AppChannel, Metadata, Sidecar,
    policy::Allow,
    pubsub::{Delivery, Destination, TopicStatus},
    state::{Get, Set},
};
use pillion_benches::host;
use pillion_runtime::{App, Limits, Runtime};
use pillion_sidecar::{Embedded, EmbeddedConfig, Policy, Resources, Run, run::RunConfig};
use std::sync::Arc;

const INSTANCES: u32 = 2;
/// Reads of one call of the guest, so that the call itself is little beside them.
const GETS: usize = 1000;
/// Calls and events that fill caches before the first that is timed.
const WARM: usize = 20;
const BATCHES: usize = 9;
const STORE: &str = "statestore";
const KEY: &str = "k";
const VALUE: &str = "{\"item\":\"tea\",\"count\":2}";

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [guest, calls] = &args[..] else { anyhow::bail!("usage: calls GUEST CALLS") };
    let calls = calls.parse::<usize>().context("CALLS is a number")?.max(1);
    let runtime = Runtime::new(host::options(INSTANCES, None))?;
    let bytes = std::fs::read(guest).with_context(|| guest.clone())?;
    let guest = runtime.load("guest", bytes, None)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let sidecar = sidecar().await?;
        let limits = Limits { host_calls: u64::MAX, ..Limits::default() };
        let app = host::app_of(&runtime, "bench", guest, limits, sidecar.clone())?;
        report(&app, &*sidecar, calls).await
    })
}

/// State in memory, behind the policy of an app.
async fn sidecar() -> Result<Arc<dyn Sidecar>> {
    let resources = Arc::new(Resources::in_memory([STORE], []));
    let config = EmbeddedConfig::new("bench", resources, Run::new(RunConfig::default()));
    let opened = Embedded::open(config).await.map_err(|findings| anyhow::anyhow!("{findings:?}"))?;
    let set = Set { key: KEY.into(), value: VALUE.into(), ..Set::default() };
    opened.save_state(STORE, vec![set]).await?;
    let allow = Allow { state: vec![STORE.into()], ..Allow::default() };
    Ok(Arc::new(Policy::new(opened, allow, "bench")))
}

async fn report(app: &App, sidecar: &dyn Sidecar, calls: usize) -> Result<()> {
    let (mut native, mut over, mut event) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..WARM {
        from_guest(app, GETS).await?;
        deliver(app).await?;
    }
    for _ in 0..BATCHES {
        let [alone, none, gets, events] = batch(app, sidecar, calls).await?;
        native.push(alone);
        #[allow(clippy::cast_precision_loss)]
        over.push((gets - none) / GETS as f64 - alone);
        event.push(events);
    }
    let line = serde_json::json!({
        "native_us": host::median(native), "over_us": host::median(over), "event_us": host::median(event),
    });
    println!("{line}");
    Ok(())
}

/// CPU microseconds of a native get, a call of no gets, a call of many, an event.
async fn batch(app: &App, sidecar: &dyn Sidecar, calls: usize) -> Result<[f64; 4]> {
    let begin = host::cpu();
    for _ in 0..calls * GETS {
        let get = Get { key: KEY.into(), ..Get::default() };
        let item = sidecar.get_state(STORE, get).await?;
        ensure!(item.is_some_and(|item| item.value.len() == VALUE.len()), "the key is there");
    }
    let native = host::cpu();
    for _ in 0..calls {
        from_guest(app, 0).await?;
    }
    let none = host::cpu();
    for _ in 0..calls {
        from_guest(app, GETS).await?;
    }
    let gets = host::cpu();
    for _ in 0..calls {
        deliver(app).await?;
    }
    let events = host::cpu();
    #[allow(clippy::cast_precision_loss)]
    let each = |from: f64, to: f64| (to - from) / calls as f64;
    #[allow(clippy::cast_precision_loss)]
    Ok([each(begin, native) / GETS as f64, each(native, none), each(none, gets), each(gets, events)])
}

async fn from_guest(app: &App, gets: usize) -> Result<()> {
    let answer = host::call(app, &format!("/gets/{gets}")).await?;
    ensure!(answer == (gets * VALUE.len()).to_string(), "the guest read {answer:?}");
    Ok(())
}

async fn deliver(app: &App) -> Result<()> {
    const EVENT: &str = r#"{"id":"5929aaac-a5e2-4ca1-859c-edfe73f11565","source":"checkout","type":"com.dapr.event.sent","specversion":"1.0","datacontenttype":"application/json","topic":"orders","pubsubname":"pubsub","data":{"item":"tea","count":2}}"#;
    let delivery = Delivery {
        pubsub: "pubsub".into(),
        topic: "orders".into(),
        destination: Destination::Guest("guest".into()),
        event: Bytes::from_static(EVENT.as_bytes()),
        metadata: Metadata::new(),
        traceparent: None,
    };
    ensure!(app.deliver(delivery).await? == TopicStatus::Success, "the guest takes it");
    Ok(())
}
