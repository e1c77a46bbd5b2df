//! Guests in this very process: a runtime, apps of one guest each, and a sidecar that has nothing to give.

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use pillion_api::{
    AppChannel, Body, Code, Error, Invocation, Metadata, Sidecar, body, metadata::SidecarMetadata, pubsub, secrets,
    state,
};
use pillion_runtime::{App, AppSpec, DaprHttp, Guest, GuestSpec, Limits, Options, Runtime};
use rustix::time::{ClockId, clock_gettime};
use std::{path::Path, sync::Arc};

/// The largest answer that a benchmark reads.
const MAX_ANSWER: u64 = 1 << 20;

/// Options of a runtime of one guest thread, so that counts and times are of one order of events.
pub fn options(max_instances: u32, cache: Option<&Path>) -> Options {
    Options { guest_threads: 1, max_instances, cache_dir: cache.map(Path::to_owned), ..Options::default() }
}

/// An app of one guest.
///
/// # Errors
/// The guest doesn't fit its limits.
pub fn app(runtime: &Runtime, name: &str, guest: Guest, limits: Limits) -> Result<App> {
    app_of(runtime, name, guest, limits, Arc::new(Nothing { next: None }))
}

/// An app whose guest can call another: whatever app it names is `next`.
///
/// # Errors
/// As [`app`].
pub fn app_before(next: App, runtime: &Runtime, name: &str, guest: Guest) -> Result<App> {
    app_of(runtime, name, guest, Limits::default(), Arc::new(Nothing { next: Some(next) }))
}

/// The same over a sidecar.
///
/// # Errors
/// As [`app`].
pub fn app_of(runtime: &Runtime, name: &str, guest: Guest, limits: Limits, sidecar: Arc<dyn Sidecar>) -> Result<App> {
    let guests = vec![GuestSpec { limits, ..GuestSpec::new("guest", guest) }];
    let spec = AppSpec { app_id: name.into(), guests, ..AppSpec::default() };
    let no_dapr: DaprHttp = Arc::new(|_| Box::pin(async { not_here().dapr_response() }));
    Ok(runtime.app(spec, sidecar, no_dapr)?)
}

/// CPU time of all threads of this process, in microseconds.
pub fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    #[allow(clippy::cast_precision_loss)]
    let (seconds, nanos) = (time.tv_sec as f64, time.tv_nsec as f64);
    seconds * 1e6 + nanos / 1e3
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// One call without a body, its answer read to the end.
///
/// # Errors
/// The guest failed, or answered something else than 200.
pub async fn call(app: &App, path: &str) -> Result<Bytes> {
    send(app, Request::post(path).body(body::empty()).context("a request")?).await
}

/// The same with a request of one's own.
///
/// # Errors
/// As [`call`].
pub async fn send(app: &App, request: Request<Body>) -> Result<Bytes> {
    let response = app.invoke(request).await?;
    ensure!(response.status() == http::StatusCode::OK, "answered {}", response.status());
    Ok(body::collect(response.into_body(), MAX_ANSWER).await?)
}

/// A sidecar without components.
struct Nothing {
    next: Option<App>,
}

fn not_here() -> Error {
    Error::new(Code::ApiUnimplemented, "not in a benchmark")
}

#[async_trait]
impl Sidecar for Nothing {
    fn app_id(&self) -> &str {
        "bench"
    }

    fn is_in_process(&self) -> bool {
        self.next.is_some()
    }

    async fn invoke(&self, invocation: Invocation) -> pillion_api::Result<Response<Body>> {
        match &self.next {
            Some(next) => next.invoke(invocation.request).await,
            None => Err(not_here()),
        }
    }

    async fn get_state(&self, _: &str, _: state::Get) -> pillion_api::Result<Option<state::Item>> {
        Err(not_here())
    }

    async fn get_bulk_state(&self, _: &str, _: state::BulkGet) -> pillion_api::Result<Vec<state::BulkItem>> {
        Err(not_here())
    }

    async fn save_state(&self, _: &str, _: Vec<state::Set>) -> pillion_api::Result<()> {
        Err(not_here())
    }

    async fn delete_state(&self, _: &str, _: state::Delete) -> pillion_api::Result<()> {
        Err(not_here())
    }

    async fn execute_state_transaction(&self, _: &str, _: state::Transaction) -> pillion_api::Result<()> {
        Err(not_here())
    }

    async fn publish(&self, _: &str, _: &str, _: pubsub::Publish) -> pillion_api::Result<()> {
        Err(not_here())
    }

    async fn publish_bulk(
        &self,
        _: &str,
        _: &str,
        _: Vec<pubsub::BulkEntry>,
        _: Metadata,
    ) -> pillion_api::Result<Vec<pubsub::FailedEntry>> {
        Err(not_here())
    }

    async fn get_secret(&self, _: &str, _: &str, _: Metadata) -> pillion_api::Result<secrets::Secret> {
        Err(not_here())
    }

    async fn get_bulk_secrets(&self, _: &str, _: Metadata) -> pillion_api::Result<secrets::Secrets> {
        Err(not_here())
    }

    async fn metadata(&self) -> pillion_api::Result<SidecarMetadata> {
        Err(not_here())
    }

    async fn set_metadata(&self, _: String, _: String) -> pillion_api::Result<()> {
        Err(not_here())
    }
}
