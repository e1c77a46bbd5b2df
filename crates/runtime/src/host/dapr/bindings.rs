//! `pillion:dapr/bindings`.

use super::{Answer, convert};
use crate::instance::Host;
use pillion_api::bindings as dapr;
use pillion_wit::pillion::dapr::bindings::{self as wit};

impl wit::Host for Host {
    async fn invoke(
        &mut self,
        binding: String,
        operation: String,
        data: Vec<u8>,
        metadata: Vec<(String, String)>,
    ) -> Answer<wit::Answer> {
        let metadata = convert::onward(&self.call, metadata);
        let request = dapr::Request { operation, data: data.into(), metadata };
        let answer = self.ask_sidecar(|sidecar| async move { sidecar.invoke_binding(&binding, request).await }).await?;
        self.check_answer([answer.data.len()])?;
        Ok(wit::Answer { data: answer.data.into(), metadata: convert::metadata(answer.metadata) })
    }
}
