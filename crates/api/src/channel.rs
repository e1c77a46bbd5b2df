//! What Dapr may ask of an app.

use crate::{
    Body, Code, Error, Result, actors, bindings, configuration, jobs,
    pubsub::{BulkDelivery, Delivery, Subscription, TopicStatus},
    workflow::{Activity, Decision, Outcome, Turn},
};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use std::sync::Arc;

/// What an app answers that has nothing to take such an event.
fn unhandled<T>(event: &str, name: &str) -> Result<T> {
    Err(Error::new(Code::RouteNotFound, format!("the app takes no {event} `{name}`")))
}

/// Calls from a sidecar to its app: a guest in process, or a native app on a port.
#[async_trait]
pub trait AppChannel: Send + Sync {
    /// Calls the app as over HTTP. A failure that the app would have shown to its client (no such route, a guest that
    /// trapped, a limit) is an `Err` whose [`problem_response`](crate::Error::problem_response) is that answer.
    async fn invoke(&self, request: Request<Body>) -> Result<Response<Body>>;

    /// What the app subscribes to by itself: its answer to `GET /dapr/subscribe`, and the triggers of its manifest.
    async fn subscriptions(&self) -> Result<Vec<Subscription>>;

    /// Hands a message to the app. An `Err` asks for another delivery, like [`TopicStatus::Retry`].
    async fn deliver(&self, delivery: Delivery) -> Result<TopicStatus>;

    /// Hands several messages to the app; answers each in its place. An `Err` asks for another delivery of all of them.
    async fn deliver_bulk(&self, delivery: BulkDelivery) -> Result<Vec<TopicStatus>> {
        let mut statuses = Vec::with_capacity(delivery.entries.len());
        for entry in delivery.entries {
            statuses.push(self.deliver(entry.delivery).await.unwrap_or(TopicStatus::Retry));
        }
        Ok(statuses)
    }

    /// The input bindings whose events the app wants: what it answers to `ListInputBindings`, and where a probe
    /// (`OPTIONS /<binding>`) succeeds. An app that only a probe can ask answers none.
    async fn input_bindings(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Hands the event of an input binding to the app. Over HTTP it is `POST /<binding>`. Any `Err` is for the binding to
    /// deal with; [`Code::RouteNotFound`] says that the app wants no events of it.
    async fn binding_event(&self, event: bindings::Event) -> Result<bindings::Reply> {
        unhandled("event of the binding", &event.binding)
    }

    /// Hands a job that is due to the app. Over HTTP it is `POST /job/<name>`. Any `Err` is a failed try, for the job's
    /// failure policy.
    async fn job_event(&self, event: jobs::Event) -> Result<()> {
        unhandled("job", &event.name)
    }

    /// Hands changed configuration values to the app. Over HTTP it is `POST /configuration/<store>/<key>`, once a key.
    async fn configuration_update(&self, update: configuration::Update) -> Result<()> {
        unhandled("update of the configuration store", &update.store)
    }

    /// Runs the code of a workflow over its history. Whatever is the code's fault is a [`Decision`] that ends the instance; an
    /// `Err` is none of its making, and the same turn is asked for again.
    async fn workflow_turn(&self, turn: Arc<Turn>) -> Result<Decision> {
        unhandled("workflow", turn.started().map_or("", |started| &started.name))
    }

    /// Does an activity of a workflow. A fault of the code is an [`Outcome`]; an `Err` asks for the same again.
    async fn workflow_activity(&self, activity: &Activity) -> Result<Outcome> {
        unhandled("activity", &activity.name)
    }

    /// Gives an actor of the app its turn; answers what its method answers. Turns of one actor come one after the other.
    /// [`Code::RouteNotFound`] says that the app hosts no such type.
    async fn actor_turn(&self, event: actors::Event) -> Result<Bytes> {
        unhandled("call of an actor of the type", &event.actor.kind)
    }

    /// Lets go of every active actor, because the sidecar knows of none any more: it began anew, or what it asked by broke.
    /// Each may live elsewhere by now, so that what it remembers here is worth nothing; no guest is told.
    fn release_actors(&self) {}
}
