//! Cryptography: documents that stream both ways.

use super::{Daprd, status, status::Call};
use bytes::Bytes;
use dapr::dapr::proto::{
    common::v1::StreamPayload,
    runtime::v1::{
        DecryptRequest, DecryptRequestOptions, DecryptResponse, EncryptRequest, EncryptRequestOptions, EncryptResponse,
    },
};
use futures_util::{Stream, StreamExt, stream};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use pillion_api::{
    Body, Code, Error, Result,
    crypto::{Decrypt, Encrypt},
};
use std::sync::{Arc, Mutex, PoisonError};
use tonic::Streaming;

const CRYPTO: Call = Call { name: "cryptography", rows: &[], failed: Code::Crypto };
/// A message holds at most so many bytes of a document: a quarter of what daprd takes by default.
const CHUNK: usize = 1024 * 1024;
/// A document's own error: a stream of requests can't hold one, so that it waits for the answer's end here.
type Broken = Arc<Mutex<Option<Error>>>;

impl Daprd {
    pub(super) async fn encrypt_body(&self, component: &str, how: Encrypt, plain: Body) -> Result<Body> {
        let options = EncryptRequestOptions {
            component_name: component.to_owned(),
            key_name: how.key_name,
            key_wrap_algorithm: how.key_wrap_algorithm,
            data_encryption_cipher: how.data_encryption_cipher.unwrap_or_default(),
            omit_decryption_key_name: how.omit_decryption_key_name,
            decryption_key_name: how.decryption_key_name.unwrap_or_default(),
        };
        let (broken, first) = (Broken::default(), Mutex::new(Some(options)));
        let requests = payloads(plain, broken.clone()).map(move |payload| EncryptRequest {
            options: first.lock().unwrap_or_else(PoisonError::into_inner).take(),
            payload: Some(payload),
        });
        let mut client = self.grpc.clone();
        let request = self.request(requests, None);
        self.answer(client.encrypt_alpha1(request), broken, |answer: EncryptResponse| answer.payload).await
    }

    pub(super) async fn decrypt_body(&self, component: &str, how: Decrypt, encrypted: Body) -> Result<Body> {
        let options =
            DecryptRequestOptions { component_name: component.to_owned(), key_name: how.key_name.unwrap_or_default() };
        let (broken, first) = (Broken::default(), Mutex::new(Some(options)));
        let requests = payloads(encrypted, broken.clone()).map(move |payload| DecryptRequest {
            options: first.lock().unwrap_or_else(PoisonError::into_inner).take(),
            payload: Some(payload),
        });
        let mut client = self.grpc.clone();
        let request = self.request(requests, None);
        self.answer(client.decrypt_alpha1(request), broken, |answer: DecryptResponse| answer.payload).await
    }

    /// The first message is waited for, so that what fails at once is an error and not a body that breaks.
    async fn answer<A: Send + 'static>(
        &self,
        opening: impl Future<Output = Result<tonic::Response<Streaming<A>>, tonic::Status>>,
        broken: Broken,
        payload: fn(A) -> Option<StreamPayload>,
    ) -> Result<Body> {
        let limit = self.config.call_timeout;
        let first = async {
            let mut answers = opening.await?.into_inner();
            let first = answers.message().await?;
            Ok::<_, tonic::Status>((first, answers))
        };
        let first = tokio::time::timeout(limit, first).await.map_err(|_| status::late(CRYPTO.name, limit))?;
        let (first, answers) = first.map_err(|answer| {
            let own = broken.lock().unwrap_or_else(PoisonError::into_inner).take();
            own.unwrap_or_else(|| self.failed(&CRYPTO, &answer))
        })?;
        let app_id = self.config.app_id.clone();
        let rest = answers.map(move |answer| answer.map_err(|answer| status::error(&answer, &CRYPTO, &app_id)));
        let whole = stream::iter(first.map(Ok)).chain(rest).chain(end(broken));
        let frames = whole.map(move |answer| answer.map(|answer| Frame::data(bytes(payload(answer)))));
        Ok(StreamBody::new(frames).boxed_unsync())
    }
}

fn bytes(payload: Option<StreamPayload>) -> Bytes {
    payload.map(|payload| payload.data.into()).unwrap_or_default()
}

/// An answer is good only if the whole document was sent: a document that broke ends it with its own error.
fn end<A>(broken: Broken) -> impl Stream<Item = Result<A>> + Send
where
    A: Send,
{
    stream::once(async move { broken.lock().unwrap_or_else(PoisonError::into_inner).take() })
        .filter_map(|error| async move { error.map(Err) })
}

/// A body as numbered pieces, none larger than [`CHUNK`]. An empty one is one empty piece, because the first one carries the
/// options.
fn payloads(body: Body, broken: Broken) -> impl Stream<Item = StreamPayload> + Send + 'static {
    let pieces = stream::unfold((body, Bytes::new()), move |(mut body, mut left)| {
        let broken = broken.clone();
        async move {
            while left.is_empty() {
                match body.frame().await? {
                    Ok(frame) => left = frame.into_data().unwrap_or_default(),
                    Err(error) => {
                        *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        return None;
                    }
                }
            }
            let piece = left.split_to(left.len().min(CHUNK));
            Some((piece, (body, left)))
        }
    });
    // The last, empty piece of any other body says nothing and harms nothing.
    let pieces = pieces.chain(stream::once(async { Bytes::new() }));
    pieces.enumerate().map(|(seq, data)| StreamPayload { data: data.into(), seq: seq as u64 })
}
