//! The secrets API over HTTP.

use super::{Call, json_answer};
use http::Response;
use pillion_api::{Body, Result, Sidecar};
use std::collections::BTreeMap;

pub(super) async fn get(sidecar: &dyn Sidecar, store: &str, key: &str, call: Call) -> Result<Response<Body>> {
    let secret = sidecar.get_secret(store, key, call.query.metadata()).await?;
    json_answer(&secret.0)
}

pub(super) async fn get_bulk(sidecar: &dyn Sidecar, store: &str, call: Call) -> Result<Response<Body>> {
    let secrets = sidecar.get_bulk_secrets(store, call.query.metadata()).await?;
    json_answer(&secrets.iter().map(|(name, secret)| (name, &secret.0)).collect::<BTreeMap<_, _>>())
}
