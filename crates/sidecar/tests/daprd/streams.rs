//! Streaming subscriptions at a daprd that is played: how much is in hand, in which order a stream ends, and that the next one
//! is opened.

use async_trait::async_trait;
use dapr::dapr::proto::runtime::v1::{
    SubscribeTopicEventsRequestAlpha1 as Heard, SubscribeTopicEventsResponseAlpha1 as Said, TopicEventRequest,
    subscribe_topic_events_request_alpha1::SubscribeTopicEventsRequestType as Hear,
    subscribe_topic_events_response_alpha1::SubscribeTopicEventsResponseType as Say,
};
use futures_util::{StreamExt, future::BoxFuture, stream, stream::BoxStream};
use http::{Request, Response, Uri};
use pillion_api::{
    AppChannel, Body, Metadata, Result,
    pubsub::{Delivery, Destination, Source, Subscription, TopicStatus},
};
use pillion_sidecar::{
    Daprd, DaprdConfig,
    daprd::{Streams, subscribe::MOST_IN_FLIGHT},
};
use prost::Message;
use std::{
    convert::Infallible,
    marker::PhantomData,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tonic::{
    Status, Streaming,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::Service,
    server::{Grpc, NamedService},
    transport::{Server, server::TcpIncoming},
};

/// Nothing here takes so long, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Messages of `prost`.
struct Prost<E, D>(PhantomData<(E, D)>);

impl<E, D> Default for Prost<E, D> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<E: Message + 'static, D: Message + Default + 'static> Codec for Prost<E, D> {
    type Encode = E;
    type Decode = D;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self::default()
    }

    fn decoder(&mut self) -> Self {
        Self::default()
    }
}

impl<E: Message, D> Encoder for Prost<E, D> {
    type Item = E;
    type Error = Status;

    fn encode(&mut self, message: E, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message.encode(into).map_err(|error| Status::internal(error.to_string()))
    }
}

impl<E, D: Message + Default> Decoder for Prost<E, D> {
    type Item = D;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<D>, Status> {
        D::decode(from).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}

/// What a daprd does with a stream: it sends so many events, and says what it hears.
#[derive(Clone)]
struct Played {
    events: usize,
    /// Whether each stream breaks after its events.
    breaks: bool,
    heard: mpsc::UnboundedSender<String>,
}

impl NamedService for Played {
    const NAME: &'static str = "dapr.proto.runtime.v1.Dapr";
}

impl Service<Request<tonic::body::Body>> for Played {
    type Response = Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        let played = self.clone();
        Box::pin(async move { Ok(Grpc::new(Prost::<Said, Heard>::default()).streaming(Stream(played), request).await) })
    }
}

struct Stream(Played);

impl Service<tonic::Request<Streaming<Heard>>> for Stream {
    type Response = tonic::Response<BoxStream<'static, Result<Said, Status>>>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: tonic::Request<Streaming<Heard>>) -> Self::Future {
        let Played { events, breaks, heard } = self.0.clone();
        let mut messages = request.into_inner();
        tokio::spawn(async move {
            loop {
                let word = match messages.message().await {
                    Ok(Some(message)) => match message.subscribe_topic_events_request_type {
                        Some(Hear::InitialRequest(first)) => format!("subscribe {}", first.topic),
                        Some(Hear::EventProcessed(done)) => {
                            format!("{} {}", done.id, done.status.map_or(-1, |status| status.status))
                        }
                        None => "nothing".to_owned(),
                    },
                    _ => "end".to_owned(),
                };
                let is_end = word == "end";
                if heard.send(word).is_err() || is_end {
                    return;
                }
            }
        });
        let said = |say| Ok(Said { subscribe_topic_events_response_type: Some(say) });
        let first = stream::iter([said(Say::InitialResponse(Default::default()))]);
        let event = move |n: usize| TopicEventRequest { id: n.to_string(), ..TopicEventRequest::default() };
        let events = stream::iter(0..events).map(move |n| said(Say::EventMessage(event(n))));
        let all = first.chain(events);
        let all = if breaks {
            all.chain(stream::iter([Err(Status::unavailable("gone"))])).boxed()
        } else {
            all.chain(stream::pending()).boxed()
        };
        Box::pin(async move { Ok(tonic::Response::new(all)) })
    }
}

/// An app whose events take as long as the test wants.
struct Slow {
    go: Semaphore,
    now: AtomicUsize,
    most: AtomicUsize,
    begun: AtomicUsize,
    ids: Mutex<Vec<String>>,
}

#[async_trait]
impl AppChannel for Slow {
    async fn invoke(&self, _: Request<Body>) -> Result<Response<Body>> {
        unreachable!("nobody calls")
    }

    async fn subscriptions(&self) -> Result<Vec<Subscription>> {
        unreachable!("nobody asks")
    }

    async fn deliver(&self, delivery: Delivery) -> Result<TopicStatus> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.ids.lock().expect("no panic").push(String::from_utf8_lossy(&delivery.event).into_owned());
        self.go.acquire().await.expect("open").forget();
        self.now.fetch_sub(1, Ordering::SeqCst);
        Ok(TopicStatus::Drop)
    }
}

async fn start(events: usize, breaks: bool) -> (Arc<Slow>, Streams, mpsc::UnboundedReceiver<String>, Guard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let grpc: Uri = format!("http://{}", listener.local_addr().expect("an address")).parse().expect("an address");
    let (sender, heard) = mpsc::unbounded_channel();
    let server = Server::builder().add_service(Played { events, breaks, heard: sender });
    let server = tokio::spawn(async move {
        let _ = server.serve_with_incoming(TcpIncoming::from(listener)).await;
    });
    let daprd = Arc::new(Daprd::new(DaprdConfig::new("app", grpc.clone(), grpc)).expect("a client"));
    let app = Arc::new(Slow {
        go: Semaphore::new(0),
        now: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
        begun: AtomicUsize::new(0),
        ids: Mutex::default(),
    });
    let subscription = Subscription {
        pubsub: "bus".into(),
        topic: "orders".into(),
        rules: Vec::new(),
        default: Some(Destination::Guest("listener".into())),
        metadata: Metadata::new(),
        dead_letter_topic: None,
        bulk: None,
        source: Source::Streaming,
    };
    let channel: Arc<dyn AppChannel> = app.clone();
    let streams = daprd.subscribe(vec![subscription], &channel);
    (app, streams, heard, Guard(server))
}

/// Ends the played daprd with its test.
struct Guard(JoinHandle<()>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn next(heard: &mut mpsc::UnboundedReceiver<String>) -> String {
    timeout(PATIENCE, heard.recv()).await.expect("a word in time").expect("a stream")
}

async fn until(mut look: impl FnMut() -> bool) {
    let looking = async {
        while !look() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, looking).await.expect("in time");
}

#[tokio::test]
async fn at_most_so_many_events_are_in_hand_and_all_are_answered() {
    let all = MOST_IN_FLIGHT * 2 + 50;
    let (app, _streams, mut heard, _daprd) = start(all, false).await;
    assert_eq!(next(&mut heard).await, "subscribe orders");
    until(|| app.now.load(Ordering::SeqCst) == MOST_IN_FLIGHT).await;
    app.go.add_permits(all);
    let mut answers = Vec::new();
    while answers.len() < all {
        let answer = next(&mut heard).await;
        let (id, status) = answer.split_once(' ').expect("an answer");
        assert_eq!(status, "2", "dropped: {answer}");
        answers.push(id.parse::<usize>().expect("a number"));
    }
    answers.sort_unstable();
    assert_eq!(answers, (0..all).collect::<Vec<_>>());
    assert_eq!(app.most.load(Ordering::SeqCst), MOST_IN_FLIGHT);
}

#[tokio::test]
async fn what_is_in_hand_is_answered_before_the_stream_ends() {
    let (app, streams, mut heard, _daprd) = start(3, false).await;
    assert_eq!(next(&mut heard).await, "subscribe orders");
    until(|| app.now.load(Ordering::SeqCst) == 3).await;
    let stopping = tokio::spawn(streams.stop(Instant::now() + PATIENCE));
    tokio::task::yield_now().await;
    assert!(!stopping.is_finished());
    app.go.add_permits(3);
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(next(&mut heard).await);
    }
    answers.sort();
    assert_eq!(answers, ["0 2", "1 2", "2 2"]);
    assert_eq!(next(&mut heard).await, "end");
    timeout(PATIENCE, stopping).await.expect("in time").expect("no panic");
}

#[tokio::test]
async fn a_stream_that_breaks_is_opened_again_and_its_events_come_to_their_end() {
    let (app, streams, mut heard, _daprd) = start(1, true).await;
    // Two streams, each with the event that the other was not told of.
    let mut subscribed = 0;
    while subscribed < 2 {
        subscribed += usize::from(next(&mut heard).await == "subscribe orders");
    }
    until(|| app.begun.load(Ordering::SeqCst) >= 2).await;
    app.go.add_permits(Semaphore::MAX_PERMITS / 2);
    timeout(PATIENCE, streams.stop(Instant::now() + PATIENCE)).await.expect("in time");
    assert_eq!(app.now.load(Ordering::SeqCst), 0);
    let ids = app.ids.lock().expect("no panic");
    assert!(ids.iter().all(|event| event.contains(r#""id":"0""#)), "{ids:?}");
}
