//! The actors of an app: what the runtime and daprd are told of them, and where they can't be hosted.

use super::{plan::PlannedApp, start::largest_request};
use crate::{
    environment::{self, Announced},
    manifest::{App, AppProtocol, Manifest, WasmApp},
};
use anyhow::{Result, bail};
use pillion_api::{Diagnostic, actors::HostedType};
use pillion_runtime::{ActorType, Actors, GuestSpec};
use pillion_sidecar::daprd::actor_stream::TurnBounds;
use std::{path::Path, time::Duration};

/// After how long Dapr deactivates who is idle, if nothing is said.
const DAPRS_IDLE: Duration = Duration::from_secs(3600);
/// Dapr comes first: an actor that it didn't deactivate so long after its time has been forgotten.
const IDLE_GRACE: Duration = Duration::from_secs(30);
/// The handler that an actor's guest has.
const HANDLER: &str = "actor-handler";

/// What the runtime is told.
pub(super) fn spec(wasm: &WasmApp) -> Actors {
    let hosted = |actor: &crate::manifest::Actor| ActorType {
        kind: actor.hosted.kind.clone(),
        guest: actor.guest.clone(),
        idle: actor.hosted.idle_timeout.unwrap_or(DAPRS_IDLE).saturating_add(IDLE_GRACE),
    };
    Actors { types: wasm.actors.iter().map(hosted).collect(), most_active: wasm.max_active_actors }
}

/// Instances that the actors of all apps may take, beside those of calls.
pub(crate) fn instances(manifest: &Manifest) -> u32 {
    let hosting = manifest.apps.iter().filter_map(App::wasm).filter(|wasm| !wasm.actors.is_empty());
    hosting.map(|wasm| u32::try_from(wasm.max_active_actors).unwrap_or(u32::MAX)).fold(0, u32::saturating_add)
}

/// Whether every type's guest can be an actor; one that could not be loaded has its finding already.
pub(super) fn check(manifest: &Path, app: &App, wasm: &WasmApp, guests: &[GuestSpec], findings: &mut Vec<Diagnostic>) {
    for actor in &wasm.actors {
        let guest = guests.iter().find(|guest| guest.name == actor.guest);
        if guest.is_some_and(|guest| !guest.guest.inspection().handlers.iter().any(|handler| handler == HANDLER)) {
            let (app, kind, guest) = (&app.app_id, &actor.hosted.kind, &actor.guest);
            let message = format!("app `{app}`: actor type `{kind}`: guest `{guest}` has no {HANDLER}");
            let hint = "export `pillion:dapr/actor-handler@0.1.0` from the guest, or name another one by `guest:`";
            findings.push(Diagnostic::error(manifest, message).at(actor.at.0, actor.at.1).hint(hint));
        }
    }
}

/// What `check` says of actors, which it can't know to be hosted.
pub(crate) fn notes(manifest: &Manifest) -> Vec<Diagnostic> {
    let note = |(app, actor): (&App, &crate::manifest::Actor)| {
        let message = format!("app `{}`: actors need a daprd: `pillion up` alone hosts none", app.app_id);
        let hint = "start it by `pillion serve` beside a daprd with placement";
        Diagnostic::warning(&manifest.path, message).at(actor.at.0, actor.at.1).hint(hint)
    };
    hosting(manifest).map(note).collect()
}

fn hosting(manifest: &Manifest) -> impl Iterator<Item = (&App, &crate::manifest::Actor)> {
    manifest.apps.iter().filter_map(|app| Some((app, app.wasm()?.actors.first()?)))
}

/// Refuses a start that would host nothing.
///
/// # Errors
/// No daprd.
pub(crate) fn check_hosted(manifest: &Manifest, daprd: Option<&Announced>) -> Result<()> {
    let Some((app, _)) = hosting(manifest).next() else { return Ok(()) };
    let id = &app.app_id;
    if daprd.is_none() {
        bail!(
            "app `{id}` hosts actors, and actors need a daprd: this process has no placement, no timers and no reminders of its own\nhint: start it by `pillion serve` beside a daprd, or remove `actors:`"
        );
    }
    Ok(())
}

/// Whether daprd asks for an app's turns on a stream of the app's own: by the app protocol gRPC it calls no actor at the port.
pub(super) fn are_streamed(app: &App) -> bool {
    let given = environment::app_protocol();
    given.as_deref().unwrap_or(app.app_protocol.name()).starts_with(AppProtocol::Grpc.name())
}

/// The types of an app that daprd asks for so.
pub(super) fn streamed(app: &App) -> Vec<HostedType> {
    let actors = app.wasm().filter(|_| are_streamed(app)).map(|wasm| wasm.actors.as_slice()).unwrap_or_default();
    actors.iter().map(|actor| actor.hosted.clone()).collect()
}

/// How large a turn may be that comes so.
pub(super) fn turn_bounds(planned: &PlannedApp) -> TurnBounds {
    let bytes = |bound| usize::try_from(bound).unwrap_or(usize::MAX);
    TurnBounds { asked: bytes(largest_request(planned)), answer: bytes(planned.app.max_body_size) }
}
