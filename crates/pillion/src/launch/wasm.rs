//! An app of guests made of its part of the plan, whoever its sidecar is.

use super::{actors, plan::PlannedApp};
use crate::dapr_api::{self, ApiContext, Readiness};
use anyhow::{Result, anyhow};
use pillion_api::{Pipeline, Sidecar, sql::Databases};
use pillion_runtime::{App, AppSpec, DaprHttp, GuestSpec, Runtime};
use pillion_sidecar::hops;
use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

/// Makes the app. Its guests ask `allowed`, a sidecar that is narrowed already to what they may use; over HTTP they ask
/// through its pipeline.
///
/// # Errors
/// The runtime's; an app that is not one of guests.
pub(crate) fn app(
    runtime: &Runtime,
    planned: &PlannedApp,
    variables: &[(String, String)],
    (allowed, pipeline): (Arc<dyn Sidecar>, Pipeline),
    dapr_ports: HashMap<u16, String>,
    databases: Option<Arc<dyn Databases>>,
) -> Result<App> {
    let app = &planned.app;
    let Some(wasm) = app.wasm() else { return Err(anyhow!("app `{}` has no guests", app.app_id)) };
    let spec = AppSpec {
        app_id: app.app_id.clone(),
        guests: planned.guests.iter().map(|guest| with_environment(guest, variables)).collect(),
        routes: wasm.routes.iter().map(route).collect(),
        triggers: wasm.triggers.iter().map(trigger).collect(),
        workflows: wasm.workflows.as_ref().map(|workflows| workflows.spec.clone()),
        actors: actors::spec(wasm),
        allow: wasm.allow.clone(),
        dapr_ports,
        databases,
    };
    let dapr_http = dapr_http(allowed.clone(), pipeline, app.max_body_size);
    Ok(runtime.app(spec, allowed, dapr_http)?)
}

/// Dapr's HTTP API for the guests of an app. A guest asks as its app, and is never let past its own `allow`; it needs no
/// token.
fn dapr_http(allowed: Arc<dyn Sidecar>, pipeline: Pipeline, max_body: u64) -> DaprHttp {
    let readiness = Arc::<Readiness>::default();
    readiness.outbound.store(true, Ordering::Release);
    readiness.healthy.store(true, Ordering::Release);
    let context = Arc::new(ApiContext { api_token: None, pipeline, readiness, max_body, on_shutdown: None });
    Arc::new(move |request| {
        let (sidecar, context) = (allowed.clone(), context.clone());
        // The guest's own task is on another thread: the count of apps that it was called through comes by header.
        let hops = hops::of_request(request.headers());
        Box::pin(hops::scope(hops, async move { dapr_api::handle(&sidecar, &context, request).await }))
    })
}

/// A guest's environment tells it what a native app's would.
pub(super) fn with_environment(guest: &GuestSpec, variables: &[(String, String)]) -> GuestSpec {
    let mut guest = guest.clone();
    for (name, value) in variables {
        guest.env.entry(name.clone()).or_insert_with(|| value.clone());
    }
    guest
}

fn route(route: &crate::manifest::Route) -> pillion_runtime::Route {
    use crate::manifest::RouteTarget as Given;
    use pillion_runtime::RouteTarget;
    pillion_runtime::Route {
        path: route.path.to_string(),
        methods: route.methods.clone(),
        target: match &route.target {
            Given::Guest(name) => RouteTarget::Guest(name.clone()),
            Given::Directory(path) => RouteTarget::Directory(path.clone()),
            Given::Redirect(to) => RouteTarget::Redirect(to.clone()),
        },
    }
}

fn trigger(trigger: &crate::manifest::Trigger) -> pillion_runtime::Trigger {
    use crate::manifest::TriggerKind;
    use pillion_runtime::On;
    let on = match trigger.kind.clone() {
        TriggerKind::Topic { pubsub, topic, dead_letter, metadata, streaming, bulk } => {
            On::Topic { pubsub, topic, dead_letter, metadata, streaming, bulk }
        }
        TriggerKind::Binding(name) => On::Binding(name),
        TriggerKind::Job(name) => On::Job(name),
        TriggerKind::Configuration { store, keys } => On::Configuration { store, keys },
    };
    pillion_runtime::Trigger { on, guest: trigger.guest.clone() }
}
