//! The events of Dapr, each with its handler.

use super::{DaprPre, Event, Said};
use crate::host::dapr::{metadata, of_items};
use crate::instance::Host;
use bytes::Bytes;
use pillion_api::pubsub::TopicStatus;
use pillion_api::{bindings, configuration, jobs};
use pillion_wit::exports::pillion::dapr::{
    binding_handler, bulk_topic_handler, configuration_handler, job_handler, topic_handler,
};
use wasmtime::Store;
use wasmtime::component::Instance;

/// A message of a topic.
pub(crate) struct Topic(pub(crate) topic_handler::TopicEvent);

/// Messages of a topic.
pub(crate) struct BulkTopic(pub(crate) Vec<bulk_topic_handler::Entry>);

/// An event of an input binding.
pub(crate) struct Binding(pub(crate) bindings::Event);

/// A job that is due.
pub(crate) struct Job(pub(crate) jobs::Event);

/// Changed configuration.
pub(crate) struct Configuration(pub(crate) configuration::Update);

/// Looks a handler up in an instance and calls it; none where the guest has none.
macro_rules! call_handler {
    ($handlers:ident.$name:ident, $store:ident, $instance:ident, $event:expr) => {{
        let Some(indices) = &$handlers.handlers.$name else { return None };
        // Its types were checked when the guest was loaded.
        match indices.load(&mut *$store, $instance) {
            Ok(guest) => Some(guest.call_handle($store, $event).await),
            Err(error) => Some(Err(error)),
        }
    }};
}
pub(super) use call_handler;

impl Event for Topic {
    type Answer = TopicStatus;
    const HANDLER: &'static str = "topic-handler";

    async fn hand(self, store: &mut Store<Host>, instance: &Instance, pre: &DaprPre) -> Option<Said<TopicStatus>> {
        let said: Option<Said<_>> = call_handler!(pre.topic, store, instance, &self.0);
        said.map(|said| said.map(|said| said.map(of_status)))
    }
}

impl Event for BulkTopic {
    /// Statuses by the ids of their messages.
    type Answer = Vec<(String, TopicStatus)>;
    const HANDLER: &'static str = "bulk-topic-handler";

    async fn hand(self, store: &mut Store<Host>, instance: &Instance, pre: &DaprPre) -> Option<Said<Self::Answer>> {
        let said: Option<Said<_>> = call_handler!(pre.bulk_topic, store, instance, &self.0);
        let of_entry = |entry: bulk_topic_handler::EntryStatus| (entry.entry_id, of_status(entry.status));
        said.map(|said| said.map(|said| said.map(|all| all.into_iter().map(of_entry).collect())))
    }
}

fn of_status(status: topic_handler::TopicStatus) -> TopicStatus {
    match status {
        topic_handler::TopicStatus::Success => TopicStatus::Success,
        topic_handler::TopicStatus::Retry => TopicStatus::Retry,
        topic_handler::TopicStatus::Drop => TopicStatus::Drop,
    }
}

impl Event for Binding {
    type Answer = bindings::Reply;
    const HANDLER: &'static str = "binding-handler";

    async fn hand(self, store: &mut Store<Host>, instance: &Instance, pre: &DaprPre) -> Option<Said<bindings::Reply>> {
        let Self(event) = self;
        let event = binding_handler::BindingEvent {
            binding: event.binding,
            data: event.data.into(),
            metadata: metadata(event.metadata),
        };
        let said: Option<Said<_>> = call_handler!(pre.binding, store, instance, &event);
        let of_reply = |reply: binding_handler::Reply| bindings::Reply {
            data: Bytes::from(reply.data),
            to: reply.to,
            parallel: reply.parallel,
        };
        said.map(|said| said.map(|said| said.map(|reply| reply.map(of_reply).unwrap_or_default())))
    }
}

impl Event for Job {
    type Answer = ();
    const HANDLER: &'static str = "job-handler";

    async fn hand(self, store: &mut Store<Host>, instance: &Instance, pre: &DaprPre) -> Option<Said<()>> {
        let Self(event) = self;
        let event =
            job_handler::JobEvent { name: event.name, data: event.data.into(), content_type: event.content_type };
        call_handler!(pre.job, store, instance, &event)
    }
}

impl Event for Configuration {
    type Answer = ();
    const HANDLER: &'static str = "configuration-handler";

    async fn hand(self, store: &mut Store<Host>, instance: &Instance, pre: &DaprPre) -> Option<Said<()>> {
        let Self(update) = self;
        let update =
            configuration_handler::Update { store: update.store, id: update.id, items: of_items(update.items) };
        call_handler!(pre.configuration, store, instance, &update)
    }
}
