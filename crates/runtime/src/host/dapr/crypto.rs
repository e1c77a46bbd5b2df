//! `pillion:dapr/crypto`.

use super::{Answer, duplex::Duplex};
use crate::instance::Host;
use bytes::Bytes;
use pillion_api::{Body, Error, Sidecar, body, crypto as dapr};
use pillion_wit::pillion::dapr::crypto::{self as wit};
use std::sync::Arc;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};

impl wit::Host for Host {
    async fn encrypt(&mut self, component: String, data: Vec<u8>, options: wit::EncryptOptions) -> Answer<Vec<u8>> {
        self.check_body(data.len())?;
        let how = of_options(options);
        let limit = self.largest_document();
        let answer = self.ask_sidecar(move |sidecar| async move {
            whole(sidecar.encrypt(&component, how, body::full(data)).await?, limit).await
        });
        let document = answer.await?;
        self.document(document)
    }

    async fn decrypt(&mut self, component: String, data: Vec<u8>, key_name: Option<String>) -> Answer<Vec<u8>> {
        self.check_body(data.len())?;
        let limit = self.largest_document();
        let answer = self.ask_sidecar(move |sidecar| async move {
            whole(sidecar.decrypt(&component, dapr::Decrypt { key_name }, body::full(data)).await?, limit).await
        });
        let document = answer.await?;
        self.document(document)
    }

    async fn encrypt_streaming(
        &mut self,
        component: String,
        options: wit::EncryptOptions,
    ) -> Answer<Resource<wit::Document>> {
        let how = of_options(options);
        let ask = move |sidecar: Arc<dyn Sidecar>, plain| async move {
            Ok(((), sidecar.encrypt(&component, how, plain).await?))
        };
        Ok(Resource::new_own(self.begin(true, ask)?.rep()))
    }

    async fn decrypt_streaming(
        &mut self,
        component: String,
        key_name: Option<String>,
    ) -> Answer<Resource<wit::Document>> {
        let ask = move |sidecar: Arc<dyn Sidecar>, encrypted| async move {
            Ok(((), sidecar.decrypt(&component, dapr::Decrypt { key_name }, encrypted).await?))
        };
        Ok(Resource::new_own(self.begin(true, ask)?.rep()))
    }
}

/// What a guest has a handle of.
fn of_handle(handle: &Resource<wit::Document>) -> Resource<Duplex<()>> {
    Resource::new_borrow(handle.rep())
}

impl wit::HostDocument for Host {
    async fn input(&mut self, handle: Resource<wit::Document>) -> wasmtime::Result<Option<Resource<DynOutputStream>>> {
        Host::input(self, &of_handle(&handle))
    }

    async fn finish(&mut self, handle: Resource<wit::Document>) -> Answer<()> {
        self.finish_input(&of_handle(&handle))
    }

    async fn subscribe(&mut self, handle: Resource<wit::Document>) -> wasmtime::Result<Resource<DynPollable>> {
        self.watch(&of_handle(&handle))
    }

    async fn output(&mut self, handle: Resource<wit::Document>) -> Answer<Resource<DynInputStream>> {
        let ((), stream) = Host::output(self, &of_handle(&handle)).await?;
        Ok(stream)
    }

    async fn drop(&mut self, handle: Resource<wit::Document>) -> wasmtime::Result<()> {
        self.end::<()>(Resource::new_own(handle.rep()))
    }
}

fn of_options(options: wit::EncryptOptions) -> dapr::Encrypt {
    dapr::Encrypt {
        key_name: options.key_name,
        key_wrap_algorithm: options.key_wrap_algorithm,
        data_encryption_cipher: options.data_encryption_cipher,
        omit_decryption_key_name: options.omit_decryption_key_name,
        decryption_key_name: options.decryption_key_name,
    }
}

impl Host {
    fn largest_document(&self) -> u64 {
        self.call.hosted.limits().outgoing_body
    }

    /// One that goes on past the limit is none, rather than the beginning of one.
    fn document(&self, (bytes, more): (Bytes, bool)) -> Answer<Vec<u8>> {
        self.check_body(bytes.len() + usize::from(more))?;
        Ok(bytes.into())
    }
}

async fn whole(document: Body, limit: u64) -> Result<(Bytes, bool), Error> {
    body::collect_start(document, limit).await
}
