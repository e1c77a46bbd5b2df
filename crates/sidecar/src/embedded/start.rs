//! Starting and stopping: asks the app for its subscriptions, begins deliveries, ends them.

use super::Embedded;
use crate::{
    channel::Bounded,
    piped::Piped,
    pubsub::{merge, subscribe::Consumers},
};
use pillion_api::{AppChannel, pubsub::Subscription};
use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};
use tokio::time::Instant;

/// How often an app is asked for its subscriptions: Dapr's built-in retries of the start.
const ASK_RETRIES: u32 = 3;
/// The pause before the first retry; each later one is twice as long.
const ASK_PAUSE: Duration = Duration::from_millis(500);

impl Embedded {
    /// Makes the app callable, and in the background asks it for its subscriptions and begins deliveries. Without a
    /// channel the sidecar is a client only, and ready at once.
    pub fn start(self: &Arc<Self>, channel: Option<Arc<dyn AppChannel>>) {
        let Some(channel) = channel else {
            self.ready.send_replace(true);
            return;
        };
        // As in daprd, a call has its slot before a handler sees it.
        let channel = Bounded::wrap(Piped::wrap(channel, &self.pipelines.app), self.config.max_concurrency);
        self.config.run.add_app(&self.config.app_id, Arc::clone(&channel));
        let mut starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        starting.get_or_insert_with(|| tokio::spawn(Arc::clone(self).begin(channel)));
    }

    async fn begin(self: Arc<Self>, channel: Arc<dyn AppChannel>) {
        // As in daprd, an app without pub/sub isn't asked.
        if !self.components.pubsub.is_empty() {
            let programmatic = self.ask(&channel).await;
            let subscriptions = merge(self.declared.clone(), programmatic);
            self.subscribe(subscriptions, channel).await;
        }
        self.ready.send_replace(true);
    }

    async fn ask(&self, channel: &Arc<dyn AppChannel>) -> Vec<Subscription> {
        let app = &self.config.app_id;
        for retry in 0..=ASK_RETRIES {
            match channel.subscriptions().await {
                Ok(subscriptions) => return subscriptions,
                Err(error) => tracing::warn!(app, %error, retry, "the app could not be asked for its subscriptions"),
            }
            if retry < ASK_RETRIES {
                tokio::time::sleep(ASK_PAUSE * 2u32.pow(retry)).await;
            }
        }
        tracing::error!(app, "only declared subscriptions are in force: the app did not answer");
        Vec::new()
    }

    async fn subscribe(&self, subscriptions: Vec<Subscription>, channel: Arc<dyn AppChannel>) {
        let run = &self.config.run.config;
        let to = Consumers {
            app_id: self.config.app_id.clone(),
            channel,
            clock: Arc::clone(&run.clock),
            redelivery: run.redelivery,
        };
        let mut in_force = Vec::new();
        for subscription in subscriptions {
            match self.subscribe_one(&subscription, &to).await {
                Ok(()) => in_force.push(subscription),
                Err(why) => {
                    tracing::error!(app = to.app_id, topic = subscription.topic, why, "a subscription is not in force")
                }
            }
        }
        *self.subscriptions.write().unwrap_or_else(PoisonError::into_inner) = in_force;
    }

    async fn subscribe_one(&self, subscription: &Subscription, to: &Consumers) -> Result<(), String> {
        let pubsub = self.components.pubsub.get(&subscription.pubsub);
        let pubsub = pubsub.ok_or_else(|| format!("pubsub '{}' not found", subscription.pubsub))?;
        self.consuming.add(subscription.clone(), pubsub, to).await
    }

    /// Begins no more deliveries and waits for those in flight until the deadline. The app can still be called: what is
    /// in flight elsewhere may need it.
    pub async fn stop_deliveries(&self, deadline: Instant) {
        self.consuming.stop(deadline).await;
    }

    /// Begins no more deliveries, waits for those in flight until the deadline, then closes the components that no other
    /// app uses. The app can't be called any more.
    pub async fn stop(&self, deadline: Instant) {
        if self.stopped.swap(true, Ordering::Relaxed) {
            return;
        }
        let starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(starting) = &starting {
            starting.abort();
        }
        self.ready.send_replace(false);
        self.consuming.stop(deadline).await;
        if starting.is_some() {
            self.config.run.remove_app(&self.config.app_id);
        }
        for key in &self.components.keys {
            self.config.run.release(key).await;
        }
    }
}
