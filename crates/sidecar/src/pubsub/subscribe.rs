//! The subscriptions of an app: which there are, and the tasks that deliver to them, each one message at a time, or one
//! bulk of messages.

use super::{Broker, Consumer, Message, deliver::Redelivery, deliver::Subscriber, routes::Routes, scopes::Scopes};
use crate::clock::Clock;
use pillion_api::{
    AppChannel,
    pubsub::{Bulk, Subscription},
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinSet, time::Instant};

/// How many subscriptions one app may have.
const MAX_SUBSCRIPTIONS: usize = 1000;

/// Bytes from which on no more messages join a bulk: an app takes 4 MiB by default, and a message grows on its way.
const MAX_BULK_BYTES: usize = 2 << 20;

/// One subscription a topic of a component: the first declarative one, unless the app names one itself; the app's last.
pub(crate) fn merge(declarative: Vec<Subscription>, programmatic: Vec<Subscription>) -> Vec<Subscription> {
    let mut merged: Vec<Subscription> = Vec::new();
    let same = |a: &Subscription, b: &Subscription| a.pubsub == b.pubsub && a.topic == b.topic;
    for subscription in declarative {
        if !merged.iter().any(|other| same(other, &subscription)) {
            merged.push(subscription);
        }
    }
    for subscription in programmatic {
        match merged.iter_mut().find(|other| same(other, &subscription)) {
            Some(other) => *other = subscription,
            None => merged.push(subscription),
        }
    }
    merged.truncate(MAX_SUBSCRIPTIONS);
    merged
}

/// A pub/sub component as an app sees it.
#[derive(Clone)]
pub(crate) struct Pubsub {
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) scopes: Scopes,
    /// The group of consumers: the app id, unless the component names another.
    pub(crate) group: String,
}

/// The running deliveries of an app.
pub(crate) struct Consuming {
    stop: watch::Sender<bool>,
    tasks: tokio::sync::Mutex<JoinSet<()>>,
}

/// Whom to deliver to, and how.
pub(crate) struct Consumers {
    pub(crate) app_id: String,
    pub(crate) channel: Arc<dyn AppChannel>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) redelivery: Redelivery,
}

impl Consuming {
    pub(crate) fn new() -> Self {
        Self { stop: watch::Sender::new(false), tasks: tokio::sync::Mutex::default() }
    }

    /// Whether no delivery begins any more.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Begins to deliver a subscription. The error is a sentence.
    pub(crate) async fn add(&self, subscription: Subscription, pubsub: &Pubsub, to: &Consumers) -> Result<(), String> {
        let (name, topic) = (&subscription.pubsub, &subscription.topic);
        if !pubsub.scopes.may_subscribe(topic) {
            return Err(format!("subscription to topic '{topic}' on pubsub '{name}' is not allowed"));
        }
        let routes = Routes::of(&subscription)?;
        if routes.is_empty() {
            return Err(format!("topic {topic} has an empty routes. removing from subscriptions list"));
        }
        let mut tasks = self.tasks.lock().await;
        if *self.stop.borrow() {
            return Ok(());
        }
        let consumer = pubsub.broker.subscribe(&pubsub.group, topic);
        let subscriber = Subscriber {
            app_id: to.app_id.clone(),
            routes,
            channel: Arc::clone(&to.channel),
            broker: Arc::clone(&pubsub.broker),
            clock: Arc::clone(&to.clock),
            redelivery: to.redelivery,
            stopping: self.stopping(),
            subscription,
        };
        tasks.spawn(consume(consumer, subscriber));
        Ok(())
    }

    /// Begins no more deliveries, and waits for those in flight; those that take longer are broken off.
    pub(crate) async fn stop(&self, deadline: Instant) {
        self.stop.send_replace(true);
        let mut tasks = self.tasks.lock().await;
        let drained = tokio::time::timeout_at(deadline, async { while tasks.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            tracing::warn!(left = tasks.len(), "deliveries took longer than the shutdown may, and are broken off");
            tasks.shutdown().await;
        }
    }
}

async fn consume(mut consumer: Box<dyn Consumer>, subscriber: Subscriber) {
    let mut stopping = subscriber.stopping.clone();
    loop {
        let message = tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => return,
            message = consumer.next() => message,
        };
        let Some(message) = message else { return };
        match subscriber.subscription.bulk {
            Some(bulk) => {
                let messages = gather(message, &mut *consumer, bulk, &mut stopping).await;
                subscriber.handle_bulk(messages).await;
            }
            None => subscriber.handle(message).await,
        }
    }
}

/// The first message, and what comes behind it until there are enough or it waited long enough.
async fn gather(
    first: Message,
    consumer: &mut dyn Consumer,
    bulk: Bulk,
    stopping: &mut watch::Receiver<bool>,
) -> Vec<Message> {
    let deadline = Instant::now() + Duration::from_millis(bulk.max_await_ms.min(Bulk::LONGEST_AWAIT_MS.into()));
    let most = bulk.max_messages.clamp(1, Bulk::MOST_MESSAGES as usize);
    let mut bytes = first.data.len();
    let mut messages = vec![first];
    while messages.len() < most && bytes < MAX_BULK_BYTES {
        let next = tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => None,
            next = tokio::time::timeout_at(deadline, consumer.next()) => next.ok().flatten(),
        };
        let Some(message) = next else { break };
        bytes += message.data.len();
        messages.push(message);
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;
    use pillion_api::pubsub::{Destination, Source};

    fn subscription(topic: &str, route: &str, source: Source) -> Subscription {
        Subscription {
            pubsub: "bus".to_owned(),
            topic: topic.to_owned(),
            rules: Vec::new(),
            default: Some(Destination::Path(route.to_owned())),
            metadata: Default::default(),
            dead_letter_topic: None,
            bulk: None,
            source,
        }
    }

    #[test]
    fn the_apps_own_subscription_replaces_a_declared_one() {
        let declared = ["/a", "/b"].map(|route| subscription("t", route, Source::Declarative));
        let own = ["/c", "/d"].map(|route| subscription("t", route, Source::Programmatic));
        let only = merge(declared.to_vec(), Vec::new());
        assert_eq!(only, [declared[0].clone()]);
        assert_eq!(merge(declared.to_vec(), own.to_vec()), [own[1].clone()]);
    }
}
