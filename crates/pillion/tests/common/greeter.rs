//! A gRPC client of the guest `http-grpc`.

use futures_util::{Stream, stream};
use http::uri::PathAndQuery;
use prost::Message;
use std::{future::Future, time::Duration};
use tokio::{sync::mpsc, time::timeout};
use tonic::{
    Code, Request, Response, Status, Streaming,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::{Channel, Endpoint},
};

/// Nothing here takes so long, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The message of every method.
#[derive(Clone, PartialEq, Message)]
struct Text {
    #[prost(string, tag = "1")]
    text: String,
}

#[derive(Clone, Copy, Default)]
struct Texts;

impl Codec for Texts {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Texts {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, text: String, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Text { text }.encode(into).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for Texts {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let read = Text::decode(from).map_err(|error| Status::internal(error.to_string()))?;
        Ok(Some(read.text))
    }
}

/// The service behind a port: the app's own, or a daprd's with the app to call.
pub struct Greeter {
    grpc: Grpc<Channel>,
    metadata: Vec<(&'static str, &'static str)>,
}

impl Greeter {
    /// Within a Tokio runtime.
    pub fn at(port: u16, metadata: &[(&'static str, &'static str)]) -> Self {
        let endpoint = Endpoint::try_from(format!("http://127.0.0.1:{port}")).expect("an address");
        Self { grpc: Grpc::new(endpoint.connect_lazy()), metadata: metadata.to_vec() }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        for (name, value) in &self.metadata {
            request.metadata_mut().insert(*name, value.parse().expect("a value"));
        }
        request
    }

    /// A client for one call.
    async fn client(&self) -> Grpc<Channel> {
        let mut client = self.grpc.clone();
        client.ready().await.expect("a connection");
        client
    }

    pub async fn unary(&self, method: &str, text: &str) -> Result<Response<String>, Status> {
        let mut client = self.client().await;
        in_time(client.unary(self.request(text.to_owned()), path(method), Texts)).await
    }

    async fn streaming(
        &self,
        method: &str,
        texts: impl Stream<Item = String> + Send + 'static,
    ) -> Result<Streaming<String>, Status> {
        let mut client = self.client().await;
        let request = self.request(texts);
        in_time(client.streaming(request, path(method), Texts)).await.map(Response::into_inner)
    }
}

/// A method of the service; with its own path, one of another.
fn path(method: &str) -> PathAndQuery {
    let path = if method.starts_with('/') { method.to_owned() } else { format!("/pillion.test.Greeter/{method}") };
    path.parse().expect("a path")
}

async fn in_time<T>(call: impl Future<Output = T>) -> T {
    timeout(PATIENCE, call).await.expect("an answer in time")
}

/// Everything that a service may do, called one after the other.
pub async fn check_every_form(greeter: &Greeter) {
    let said = greeter.unary("Say", "you").await.expect("an answer");
    assert_eq!(said.get_ref(), "hello you");
    let refused = greeter.unary("Say", "").await.expect_err("no name");
    assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, "the name is missing"));
    let unknown = greeter.unary("Sing", "you").await.expect_err("no method");
    assert_eq!(unknown.code(), Code::Unimplemented, "{unknown:?}");

    let mut counted = greeter.streaming("Count", stream::iter(["100".to_owned()])).await.expect("a stream");
    for n in 1..=100 {
        assert_eq!(in_time(counted.message()).await.expect("no failure"), Some(n.to_string()));
    }
    assert_eq!(in_time(counted.message()).await.expect("OK in the trailers"), None);

    let words = stream::iter(["a", "b", "c"].map(str::to_owned));
    let mut collected = greeter.streaming("Collect", words).await.expect("a stream");
    assert_eq!(in_time(collected.message()).await.expect("no failure").as_deref(), Some("a b c"));

    // What is said next hangs on the answer before it: nothing on the way may wait for the whole of either stream.
    let (say, said) = mpsc::channel(1);
    let said = stream::unfold(said, |mut said| async { Some((said.recv().await?, said)) });
    say.send("0".to_owned()).await.expect("room");
    let mut chat = greeter.streaming("Chat", said).await.expect("a stream");
    for n in 0..5 {
        assert_eq!(in_time(chat.message()).await.expect("no failure"), Some(format!("you said {n}")));
        say.send((n + 1).to_string()).await.expect("room");
    }
    drop(say);
    assert_eq!(in_time(chat.message()).await.expect("no failure").as_deref(), Some("you said 5"));
    assert_eq!(in_time(chat.message()).await.expect("OK in the trailers"), None);
}
