//! `pillion:dapr/configuration`.

use super::{Answer, check_items, convert};
use crate::instance::Host;
use pillion_api::{Metadata, configuration as dapr};
use pillion_wit::pillion::dapr::configuration::{self as wit};

impl wit::Host for Host {
    async fn get(
        &mut self,
        store: String,
        keys: Vec<String>,
        metadata: Vec<(String, String)>,
    ) -> Answer<Vec<(String, wit::ConfigurationItem)>> {
        check_items(keys.len())?;
        let get = dapr::Get { keys, metadata: Metadata::from_iter(metadata) };
        let items = self.sidecar()?.get_configuration(&store, get).await?;
        self.check_answer(items.iter().map(|(key, item)| key.len() + item.value.len()))?;
        Ok(of_items(items))
    }

    async fn subscribe(&mut self, store: String, keys: Vec<String>, metadata: Vec<(String, String)>) -> Answer<String> {
        check_items(keys.len())?;
        let get = dapr::Get { keys, metadata: Metadata::from_iter(metadata) };
        let sidecar = self.sidecar()?;
        Ok(self.call.hosted.follow(&self.call.edge, sidecar, store, get).await?)
    }

    async fn unsubscribe(&mut self, store: String, id: String) -> Answer<()> {
        let sidecar = self.sidecar()?;
        Ok(self.call.hosted.follows.end(sidecar, &store, &id).await?)
    }
}

/// Values as a guest gets them.
pub(crate) fn of_items(items: dapr::Items) -> Vec<(String, wit::ConfigurationItem)> {
    let item = |item: dapr::Item| wit::ConfigurationItem {
        value: item.value,
        version: item.version,
        metadata: convert::metadata(item.metadata),
    };
    items.into_iter().map(|(key, value)| (key, item(value))).collect()
}
