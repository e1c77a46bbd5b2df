//! Configuration: values, and subscriptions that last as long as their stream.

use super::{Daprd, status, status::Call};
use dapr::dapr::proto::{
    common::v1::ConfigurationItem,
    runtime::v1::{GetConfigurationRequest, SubscribeConfigurationRequest, SubscribeConfigurationResponse},
};
use futures_util::{StreamExt, stream};
use pillion_api::{
    Code, Error, Result,
    configuration::{Get, Item, Items, Subscription},
};
use std::{collections::HashMap, sync::Arc};
use tonic::Streaming;

pub(super) const GET: Call = Call { name: "configuration", rows: &[], failed: Code::ConfigurationGet };
pub(super) const SUBSCRIBE: Call = Call { name: "configuration", rows: &[], failed: Code::ConfigurationSubscribe };
pub(super) const UNSUBSCRIBE: Call = Call { name: "configuration", rows: &[], failed: Code::ConfigurationUnsubscribe };

pub(super) fn get(store: &str, get: Get) -> GetConfigurationRequest {
    let Get { keys, metadata } = get;
    GetConfigurationRequest { store_name: store.to_owned(), keys, metadata: metadata.into_iter().collect() }
}

pub(super) fn items(items: HashMap<String, ConfigurationItem>) -> Items {
    let item = |item: ConfigurationItem| Item {
        value: item.value,
        version: item.version,
        metadata: item.metadata.into_iter().collect(),
    };
    items.into_iter().map(|(key, value)| (key, item(value))).collect()
}

impl Daprd {
    /// Opens the stream, whose first message names the subscription.
    pub(super) async fn follow(&self, store: &str, get: Get) -> Result<Subscription> {
        let Get { keys, metadata } = get;
        let store_name = store.to_owned();
        let request = SubscribeConfigurationRequest { store_name, keys, metadata: metadata.into_iter().collect() };
        let open =
            |mut client: super::call::Client, request| async move { client.subscribe_configuration(request).await };
        let mut updates = self.call(&SUBSCRIBE, request, open).await?;
        let limit = self.config.call_timeout;
        let first = tokio::time::timeout(limit, updates.message()).await;
        let first = first.map_err(|_| status::late(SUBSCRIBE.name, limit))?;
        let first = first.map_err(|answer| self.failed(&SUBSCRIBE, &answer))?;
        let Some(SubscribeConfigurationResponse { id, items }) = first else {
            return Err(Error::new(Code::ConfigurationSubscribe, "daprd ended the subscription at once"));
        };
        Ok(Subscription { id, updates: follow(items, updates, self.config.app_id.as_str().into()) })
    }
}

/// What the first message held, if it held anything, and what comes after it.
fn follow(
    first: HashMap<String, ConfigurationItem>,
    updates: Streaming<SubscribeConfigurationResponse>,
    app_id: Arc<str>,
) -> stream::BoxStream<'static, Result<Items>> {
    let first = stream::iter((!first.is_empty()).then(|| Ok(items(first))));
    let updates = updates.map(move |update| match update {
        Ok(update) => Ok(items(update.items)),
        Err(answer) => Err(status::error(&answer, &SUBSCRIBE, &app_id)),
    });
    first.chain(updates).boxed()
}
