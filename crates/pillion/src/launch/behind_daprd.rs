//! An app of guests behind a real daprd: what of its port is daprd's, as its part of the manifest says.

use super::{actors, plan::PlannedApp, start::largest_request};
use crate::{
    channel::{Bounds, Channel, Guests, Reserved},
    dapr_api::ApiToken,
    environment,
    manifest::{RouteTarget, TriggerKind},
};
use pillion_api::path::Path;
use pillion_runtime::App;
use std::sync::Arc;

/// Where daprd looks for the app's health unless its flag says otherwise.
const HEALTH: &str = "/healthz";

/// The channel of a running app.
pub(super) fn channel(planned: &PlannedApp, app: &Arc<App>) -> Channel {
    let token = environment::app_api_token().and_then(ApiToken::new);
    let bounds = Bounds { request: largest_request(planned), answer: planned.app.max_body_size };
    Channel::new(app.clone(), app.clone(), reserved(planned), token, bounds)
}

impl Guests for App {
    fn asks(&self, method: &http::Method, path: &Path) -> bool {
        self.asks_guest(method, path)
    }

    fn is_typed(&self, path: &Path) -> bool {
        self.takes_events(path)
    }
}

fn reserved(planned: &PlannedApp) -> Reserved {
    let mut reserved = Reserved::default();
    let triggers = planned.app.wasm().map(|wasm| wasm.triggers.as_slice()).unwrap_or_default();
    for trigger in triggers {
        match &trigger.kind {
            // What is streamed comes by no port, so that nobody else can send it.
            TriggerKind::Topic { streaming: true, .. } => {}
            TriggerKind::Topic { .. } => reserved.topic(&trigger.guest),
            TriggerKind::Binding(name) => reserved.binding(name),
            TriggerKind::Job(name) => reserved.job(name),
            TriggerKind::Configuration { store, .. } => reserved.configuration(store),
        }
    }
    // The same holds for actors.
    let actors = planned.app.wasm().map(|wasm| wasm.actors.as_slice()).unwrap_or_default();
    if !actors::are_streamed(&planned.app) {
        actors.iter().for_each(|actor| reserved.actor(actor.hosted.clone()));
    }
    let health = planned.app.health_check.as_ref().map_or(HEALTH, |check| &check.path);
    if !is_routed(planned, health) {
        reserved.health(health);
    }
    reserved
}

/// Whether a route says who answers the health probe. One for everything doesn't: its guest was not written for probes, and
/// would be called for each.
fn is_routed(planned: &PlannedApp, health: &str) -> bool {
    let Ok(health) = pillion_api::path::normalise(health) else { return false };
    let routes = planned.app.wasm().map(|wasm| wasm.routes.as_slice()).unwrap_or_default();
    let mut guests = routes.iter().filter(|route| matches!(route.target, RouteTarget::Guest(_)));
    guests.any(|route| route.path.as_str() != "/" && health.starts_with(&route.path))
}
