//! Streaming subscriptions: the app asks daprd for the events of a topic, and answers each on the stream that it came by.
//!
//! An event without an answer, when its stream ends, is a failed delivery to daprd: the broker hands it out again, to this
//! process or to another one of the same app.

use super::{
    Daprd,
    call::Client,
    connect,
    event::CloudEvent,
    kept::{Kept, Messages, Streams},
};
use async_trait::async_trait;
use dapr::dapr::proto::runtime::v1::{
    SubscribeTopicEventsRequestAlpha1 as Message, SubscribeTopicEventsRequestInitialAlpha1 as Initial,
    SubscribeTopicEventsRequestProcessedAlpha1 as Processed, SubscribeTopicEventsResponseAlpha1 as Received,
    TopicEventRequest, TopicEventResponse,
    subscribe_topic_events_request_alpha1::SubscribeTopicEventsRequestType as Say,
    subscribe_topic_events_response_alpha1::SubscribeTopicEventsResponseType as Hear,
    topic_event_response::TopicEventResponseStatus,
};
use pillion_api::{
    AppChannel, Metadata,
    pubsub::{Delivery, Destination, Subscription, TopicStatus},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tonic::{Code, Status, Streaming};

/// Events of one subscription at the same time; while there are so many, no more are read.
pub const MOST_IN_FLIGHT: usize = 100;
/// daprd takes the last answers and the end of a stream in whatever order: so long lies between the two.
pub(super) const LINGER: Duration = Duration::from_millis(100);
/// How long daprd may take to end a stream that the app ended.
const FAREWELL: Duration = Duration::from_secs(1);

/// What the log says where deliveries are cut off.
const UNENDED: &str = "streaming subscriptions: events in hand did not end in time; the broker delivers them again";

impl Daprd {
    /// Hands the events of topics to the app, as daprd streams them. A daprd that is away is waited for, however long. A
    /// subscription's rules are not asked: a stream has one destination.
    pub fn subscribe(self: &Arc<Self>, subscriptions: Vec<Subscription>, app: &Arc<dyn AppChannel>) -> Streams {
        let mut streams = Streams::new(UNENDED);
        for mut subscription in subscriptions {
            let Some(destination) = subscription.default.take() else { continue };
            // A connection of its own: unread events hold up what shares their connection, and that would be every call.
            let channel = connect::channel(&self.config.grpc).unwrap_or_else(|_| self.channel.clone());
            let client = Client::new(channel)
                .max_decoding_message_size(self.config.max_message)
                .max_encoding_message_size(self.config.max_message);
            let places = Arc::new(Semaphore::new(MOST_IN_FLIGHT));
            let (daprd, app) = (self.clone(), app.clone());
            streams.keep(Follower { daprd, app, client, subscription, destination, places });
        }
        streams
    }
}

/// One subscription.
struct Follower {
    daprd: Arc<Daprd>,
    app: Arc<dyn AppChannel>,
    client: Client,
    subscription: Subscription,
    destination: Destination,
    places: Arc<Semaphore>,
}

type Answers = mpsc::Sender<Message>;

#[async_trait]
impl Kept for Follower {
    type Opened = (Streaming<Received>, Answers);

    async fn open(&self) -> Result<Self::Opened, Status> {
        // Room for the first message, and for an answer of each event in hand.
        let (answers, messages) = mpsc::channel(MOST_IN_FLIGHT + 1);
        let first = Say::InitialRequest(Initial {
            pubsub_name: self.subscription.pubsub.clone(),
            topic: self.subscription.topic.clone(),
            metadata: self.subscription.metadata.clone().into_iter().collect(),
            dead_letter_topic: self.subscription.dead_letter_topic.clone(),
        });
        let _ = answers.try_send(message(first));
        let request = self.daprd.request(Messages(messages), None);
        let mut client = self.client.clone();
        let opened = timeout(self.daprd.config.call_timeout, client.subscribe_topic_events_alpha1(request)).await;
        let opened = opened.map_err(|_| Status::deadline_exceeded("daprd did not subscribe in time"))?;
        Ok((opened?.into_inner(), answers))
    }

    async fn take(
        &self,
        (mut events, answers): Self::Opened,
        in_hand: &mut JoinSet<()>,
        stopped: &mut watch::Receiver<bool>,
    ) -> Status {
        loop {
            // Taken before the next event is read: what can't be handled here, another process may.
            let next = tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => break,
                next = self.next(&mut events) => next,
            };
            // Ended ones leave no room behind.
            while in_hand.try_join_next().is_some() {}
            match next {
                Ok((Some(event), place)) => {
                    let (id, delivery) = self.delivery(event);
                    in_hand.spawn(deliver(self.app.clone(), id, delivery, answers.clone(), place));
                }
                Ok((None, _)) => {}
                Err(why) => return why,
            }
        }
        while in_hand.join_next().await.is_some() {}
        sleep(LINGER).await;
        drop(answers);
        let _ = timeout(FAREWELL, async { while let Ok(Some(_)) = events.message().await {} }).await;
        Status::cancelled("stopped")
    }

    fn say_open(&self) {
        let Subscription { pubsub, topic, .. } = &self.subscription;
        tracing::info!(app = self.daprd.config.app_id, pubsub, topic, "streaming subscription: daprd has subscribed");
    }

    fn say_gone(&self, why: &Status) {
        let Subscription { pubsub, topic, .. } = &self.subscription;
        let app = &self.daprd.config.app_id;
        let hint = match why.code() {
            Code::Unimplemented => Some("daprd has streaming subscriptions from 1.14 on"),
            Code::Unauthenticated => Some("give both processes the same DAPR_API_TOKEN"),
            _ => None,
        };
        tracing::warn!(app, pubsub, topic, hint, "streaming subscription: no events from daprd: {}", why.message());
    }
}

impl Follower {
    /// A place, and what came next; nothing where it was no event.
    async fn next(
        &self,
        events: &mut Streaming<Received>,
    ) -> Result<(Option<TopicEventRequest>, Option<OwnedSemaphorePermit>), Status> {
        let place = self.places.clone().acquire_owned().await.ok();
        match events.message().await? {
            Some(received) => match received.subscribe_topic_events_response_type {
                Some(Hear::EventMessage(event)) => Ok((Some(event), place)),
                Some(Hear::InitialResponse(_)) | None => Ok((None, None)),
            },
            None => Err(Status::unavailable("daprd ended the stream")),
        }
    }

    fn delivery(&self, mut event: TopicEventRequest) -> (String, Delivery) {
        let id = event.id.clone();
        let (pubsub, topic) = (std::mem::take(&mut event.pubsub_name), std::mem::take(&mut event.topic));
        let event = CloudEvent::from(event);
        let traceparent = event.extension("traceparent").map(str::to_owned);
        let mut metadata: Metadata = self.subscription.metadata.clone();
        metadata.insert("pubsubName".to_owned(), pubsub.clone());
        let event = event.json(&pubsub, &topic);
        let destination = self.destination.clone();
        (id, Delivery { pubsub, topic, destination, event, metadata, traceparent })
    }
}

/// Hands one event over and answers it. An answer that a broken stream doesn't take is one less: daprd delivers again.
async fn deliver(
    app: Arc<dyn AppChannel>,
    id: String,
    delivery: Delivery,
    answers: Answers,
    place: Option<OwnedSemaphorePermit>,
) {
    let status = match app.deliver(delivery).await {
        Ok(TopicStatus::Success) => TopicEventResponseStatus::Success,
        Ok(TopicStatus::Drop) => TopicEventResponseStatus::Drop,
        Ok(TopicStatus::Retry) => TopicEventResponseStatus::Retry,
        Err(error) => {
            tracing::warn!(event = id, "streaming subscription: the event is to come again: {error}");
            TopicEventResponseStatus::Retry
        }
    };
    let status = Some(TopicEventResponse { status: status.into() });
    let _ = answers.send(message(Say::EventProcessed(Processed { id, status }))).await;
    drop(place);
}

fn message(say: Say) -> Message {
    Message { subscribe_topic_events_request_type: Some(say) }
}
