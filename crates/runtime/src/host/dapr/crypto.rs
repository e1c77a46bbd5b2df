//! `pillion:dapr/crypto`.

use super::Answer;
use crate::instance::Host;
use bytes::Bytes;
use pillion_api::{Body, Error, body, crypto as dapr};
use pillion_wit::pillion::dapr::crypto::{self as wit};

impl wit::Host for Host {
    async fn encrypt(&mut self, component: String, data: Vec<u8>, options: wit::EncryptOptions) -> Answer<Vec<u8>> {
        self.check_body(data.len())?;
        let how = dapr::Encrypt {
            key_name: options.key_name,
            key_wrap_algorithm: options.key_wrap_algorithm,
            data_encryption_cipher: options.data_encryption_cipher,
            omit_decryption_key_name: options.omit_decryption_key_name,
            decryption_key_name: options.decryption_key_name,
        };
        let limit = self.largest_document();
        let answer = self.at_edge(move |sidecar| async move {
            whole(sidecar.encrypt(&component, how, body::full(data)).await?, limit).await
        });
        let document = answer.await?;
        self.document(document)
    }

    async fn decrypt(&mut self, component: String, data: Vec<u8>, key_name: Option<String>) -> Answer<Vec<u8>> {
        self.check_body(data.len())?;
        let limit = self.largest_document();
        let answer = self.at_edge(move |sidecar| async move {
            whole(sidecar.decrypt(&component, dapr::Decrypt { key_name }, body::full(data)).await?, limit).await
        });
        let document = answer.await?;
        self.document(document)
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
