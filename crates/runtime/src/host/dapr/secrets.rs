//! `pillion:dapr/secrets`: handles whose values stay here until they are revealed.

use super::Answer;
use crate::instance::Host;
use pillion_api::{Metadata, secrets::Secret};
use pillion_wit::pillion::dapr::secrets::{self as wit};
use wasmtime::component::Resource;

impl wit::Host for Host {
    async fn get(&mut self, store: String, key: String, metadata: Vec<(String, String)>) -> Answer<Resource<Secret>> {
        let secret = self.sidecar()?.get_secret(&store, &key, Metadata::from_iter(metadata)).await?;
        self.keep(secret)
    }

    async fn get_bulk(
        &mut self,
        store: String,
        metadata: Vec<(String, String)>,
    ) -> Answer<Vec<(String, Resource<Secret>)>> {
        let secrets = self.sidecar()?.get_bulk_secrets(&store, Metadata::from_iter(metadata)).await?;
        secrets.into_iter().map(|(name, secret)| Ok((name, self.keep(secret)?))).collect()
    }
}

impl Host {
    fn keep(&mut self, secret: Secret) -> Answer<Resource<Secret>> {
        self.hold(size(&secret))?;
        Ok(self.table().push(secret)?)
    }
}

impl wit::HostSecret for Host {
    fn names(&mut self, secret: Resource<Secret>) -> wasmtime::Result<Vec<String>> {
        Ok(self.table().get(&secret)?.0.keys().cloned().collect())
    }

    fn reveal(&mut self, secret: Resource<Secret>, name: String) -> wasmtime::Result<Option<String>> {
        Ok(self.table().get(&secret)?.0.get(&name).cloned())
    }

    fn drop(&mut self, secret: Resource<Secret>) -> wasmtime::Result<()> {
        let secret = self.table().delete(secret)?;
        self.held.bytes = self.held.bytes.saturating_sub(size(&secret));
        Ok(())
    }
}

fn size(secret: &Secret) -> u64 {
    secret.0.iter().map(|(name, value)| (name.len() + value.len()) as u64).sum()
}
