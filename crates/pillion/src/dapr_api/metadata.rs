//! What a sidecar says of itself: metadata, health, and its end.

use super::{ApiContext, Call, Readiness, ShutdownKind, json_answer, no_content};
use http::{HeaderMap, Response};
use pillion_api::{Body, Code, Error, Result, Sidecar, body};

pub(super) async fn get(sidecar: &dyn Sidecar) -> Result<Response<Body>> {
    json_answer(&sidecar.metadata().await?)
}

/// The raw body is the value.
pub(super) async fn set(sidecar: &dyn Sidecar, key: String, call: Call) -> Result<Response<Body>> {
    let value = body::collect(call.body, call.max_body).await?;
    sidecar.set_metadata(key, String::from_utf8_lossy(&value).into_owned()).await?;
    Ok(no_content())
}

pub(super) fn healthz(sidecar: &dyn Sidecar, readiness: &Readiness, call: &Call) -> Result<Response<Body>> {
    if !readiness.is_healthy() {
        return Err(Error::new(Code::HealthNotReady, "dapr is not ready"));
    }
    match call.query.get("appid") {
        Some(app_id) if app_id != sidecar.app_id() => {
            Err(Error::new(Code::HealthAppIdNotMatch, "dapr app-id does not match"))
        }
        _ => Ok(no_content()),
    }
}

pub(super) fn healthz_outbound(readiness: &Readiness) -> Result<Response<Body>> {
    if readiness.is_outbound() {
        return Ok(no_content());
    }
    Err(Error::new(Code::OutboundHealthNotReady, "dapr outbound is not ready"))
}

/// The answer is given while the end has begun: it is in flight, so a graceful end waits for it.
pub(super) fn shutdown(context: &ApiContext, headers: &HeaderMap) -> Result<Response<Body>> {
    let forced = headers.get("dapr-force-shutdown").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    let Some(on_shutdown) = &context.on_shutdown else {
        return Err(Error::new(Code::NotAllowed, "a guest may not end the run that it is in"));
    };
    on_shutdown(if forced { ShutdownKind::Forced } else { ShutdownKind::Graceful });
    Ok(no_content())
}
