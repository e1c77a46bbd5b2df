//! `pillion:dapr/workflow`: management alone.

use super::{Answer, convert};
use crate::instance::Host;
use pillion_api::workflow::{self as dapr, Steer};
use pillion_wit::pillion::dapr::workflow::{self as wit};

impl wit::Host for Host {
    async fn start(&mut self, name: String, instance_id: Option<String>, input: Vec<u8>) -> Answer<String> {
        let start = dapr::Start { name, instance_id, input: input.into() };
        self.ask_sidecar(|sidecar| async move { sidecar.start_workflow(start).await }).await
    }

    async fn get(&mut self, instance_id: String) -> Answer<wit::Instance> {
        let found = self.ask_sidecar(|sidecar| async move { sidecar.get_workflow(&instance_id).await }).await?;
        self.check_answer(found.properties.values().map(String::len))?;
        Ok(wit::Instance {
            id: found.id,
            name: found.name,
            created: found.created.map(convert::timestamp),
            updated: found.updated.map(convert::timestamp),
            status: found.status,
            properties: convert::metadata(found.properties),
        })
    }

    async fn terminate(&mut self, instance_id: String) -> Answer<()> {
        self.steer(instance_id, Steer::Terminate).await
    }

    async fn pause(&mut self, instance_id: String) -> Answer<()> {
        self.steer(instance_id, Steer::Pause).await
    }

    async fn resume(&mut self, instance_id: String) -> Answer<()> {
        self.steer(instance_id, Steer::Resume).await
    }

    async fn purge(&mut self, instance_id: String) -> Answer<()> {
        self.steer(instance_id, Steer::Purge).await
    }

    async fn raise_event(&mut self, instance_id: String, event: String, data: Vec<u8>) -> Answer<()> {
        self.ask_sidecar(
            move |sidecar| async move { sidecar.raise_workflow_event(&instance_id, &event, data.into()).await },
        )
        .await
    }
}

impl Host {
    async fn steer(&mut self, instance_id: String, steer: Steer) -> Answer<()> {
        self.ask_sidecar(move |sidecar| async move { sidecar.steer_workflow(&instance_id, steer).await }).await
    }
}
