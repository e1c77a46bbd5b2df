//! `POST /configuration/<store>/<key>`: values that changed, for an app that subscribed over HTTP.

use super::{Channel, empty};
use http::{Request, Response, StatusCode};
use pillion_api::{
    Body, Code, Error, Metadata, Result, body,
    configuration::{Item, Update},
};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct UpdateJson {
    #[serde(default)]
    id: String,
    #[serde(default)]
    items: BTreeMap<String, ItemJson>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ItemJson {
    value: String,
    version: String,
    metadata: Option<Metadata>,
}

pub(super) async fn update(channel: &Channel, store: String, request: Request<Body>) -> Result<Response<Body>> {
    let bytes = body::collect(request.into_body(), channel.bounds.request).await?;
    let update: UpdateJson = serde_json::from_slice(&bytes).map_err(|error| {
        Error::new(Code::MalformedRequest, format!("the update of `{store}` can't be read: {error}"))
    })?;
    let item =
        |item: ItemJson| Item { value: item.value, version: item.version, metadata: item.metadata.unwrap_or_default() };
    let items = update.items.into_iter().map(|(key, value)| (key, item(value))).collect();
    channel.app.configuration_update(Update { store, id: update.id, items }).await?;
    Ok(empty(StatusCode::OK))
}
