//! A handler at work: a message or changes go in, and what the guest says of it comes out.

use super::handlers::Shape;
use super::{Event, MessagesPre};
use crate::host::interfaces::messages::{
    BrokerMessage, Bucket, Disposition, Failure, Held, Message, RedisFailure, StreamMessage,
};
use crate::instance::Host;
use bytes::Bytes;
use pillion_api::configuration::{Item, Update};
use pillion_api::pubsub::TopicStatus;
use std::future::poll_fn;
use std::sync::Arc;
use wasmtime::component::{
    ComponentNamedList, ComponentType, Instance, Lift, Lower, Resource, StreamReader, TypedFunc,
};
use wasmtime::{AsContextMut, Store};

/// What a handler is given.
pub(super) enum Work {
    Message(Event),
    Changes(Update),
}

/// What a guest said of a message.
pub(super) enum Verdict {
    Handled,
    /// It says itself what becomes of the message, and may say why.
    Said(TopicStatus, Option<String>),
    /// An error without a word on what becomes of it.
    Failed(String),
}

impl<E: ToString> From<Result<(), E>> for Verdict {
    fn from(said: Result<(), E>) -> Self {
        said.map_or_else(|why| Self::Failed(why.to_string()), |()| Self::Handled)
    }
}

impl From<Disposition> for Verdict {
    fn from(disposition: Disposition) -> Self {
        match disposition {
            Disposition::Reject => Self::Said(TopicStatus::Drop, None),
            Disposition::Retry => Self::Said(TopicStatus::Retry, None),
            // The interface has hosts treat it as a rejection.
            Disposition::Other(why) => Self::Said(TopicStatus::Drop, Some(why)),
        }
    }
}

/// The error of Spin's Redis trigger before its third version, which says nothing.
#[derive(Clone, Copy, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
#[allow(dead_code)] // Guests make them.
enum RedisError {
    #[component(name = "success")]
    Success,
    #[component(name = "error")]
    Error,
}

type Said<E> = (Result<(), E>,);

impl MessagesPre {
    /// Hands over a message, or changes.
    pub(super) async fn run(&self, store: &mut Store<Host>, work: Work) -> wasmtime::Result<Verdict> {
        let instance = self.pre.instantiate_async(&mut *store).await?;
        match work {
            Work::Message(event) => self.message(store, &instance, event).await,
            Work::Changes(update) => {
                for (key, item) in update.items {
                    self.change(store, &instance, &update.store, key, item).await?;
                }
                Ok(Verdict::Handled)
            }
        }
    }

    fn function<P, R>(
        &self,
        store: &mut Store<Host>,
        instance: &Instance,
        at: usize,
    ) -> wasmtime::Result<TypedFunc<P, R>>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        instance.get_typed_func::<P, R>(store, self.functions[at])
    }

    async fn message(&self, store: &mut Store<Host>, instance: &Instance, event: Event) -> wasmtime::Result<Verdict> {
        let call = Arc::clone(&store.data().call);
        match self.shape {
            Shape::Record => {
                let handle = self.function::<(BrokerMessage,), Said<String>>(store, instance, 0)?;
                let message = BrokerMessage { subject: event.topic, body: event.data, reply_to: None };
                Ok(handle.call_async(store, (message,)).await?.0.into())
            }
            Shape::Resource(_) => {
                let handle = self.function::<(Resource<Message>,), Said<Failure>>(store, instance, 0)?;
                let message = Message::incoming(&call, event.topic, event.content_type, event.data)?;
                let message = store.as_context_mut().data_mut().table().push(message)?;
                Ok(handle.call_async(store, (message,)).await?.0.into())
            }
            Shape::Payload => {
                let handle = self.function::<(Vec<u8>,), Said<RedisError>>(store, instance, 0)?;
                let (said,) = handle.call_async(store, (event.data,)).await?;
                Ok(said.map_err(|_| "it answered with an error").into())
            }
            Shape::AsyncPayload => {
                let handle = self.function::<(Vec<u8>,), Said<RedisFailure>>(store, instance, 0)?;
                Ok(concurrently(store, handle, (event.data,)).await?.0.into())
            }
            Shape::Streaming => {
                let handle = self.function::<(StreamMessage,), Said<Disposition>>(store, instance, 0)?;
                let _held = Held::new(&call, event.data.len())?;
                let body = StreamReader::new(&mut *store, Bytes::from(event.data))?;
                let message = StreamMessage { subject: event.topic, body, reply_to: None };
                let (said,) = concurrently(store, handle, (message,)).await?;
                Ok(said.map_or_else(Verdict::from, |()| Verdict::Handled))
            }
            Shape::Changes(_) | Shape::AsyncChanges(_) => wasmtime::bail!("a watcher takes no messages"),
        }
    }

    /// One change. The bucket is the one that the guest would open by the component's name.
    async fn change(
        &self,
        store: &mut Store<Host>,
        instance: &Instance,
        component: &str,
        key: String,
        item: Item,
    ) -> wasmtime::Result<()> {
        let bucket = Bucket::named(component).hand_out(&mut store.as_context_mut())?;
        match (is_gone(&item), self.shape.is_async()) {
            (false, is_async) => {
                let on_set = self.function::<(Resource<Bucket>, String, Vec<u8>), ()>(store, instance, 0)?;
                let change = (bucket, key, item.value.into_bytes());
                if is_async {
                    concurrently(store, on_set, change).await
                } else {
                    on_set.call_async(store, change).await
                }
            }
            (true, is_async) => {
                let on_delete = self.function::<(Resource<Bucket>, String), ()>(store, instance, 1)?;
                let change = (bucket, key);
                if is_async {
                    concurrently(store, on_delete, change).await
                } else {
                    on_delete.call_async(store, change).await
                }
            }
        }
    }
}

/// Dapr's stores tell of a key that was deleted by an item without anything in it.
fn is_gone(item: &Item) -> bool {
    item.value.is_empty() && item.version.is_empty() && item.metadata.is_empty()
}

/// Calls a function of WASI 0.3; comes back when no task of the guest is left.
async fn concurrently<P, R>(store: &mut Store<Host>, function: TypedFunc<P, R>, params: P) -> wasmtime::Result<R>
where
    P: ComponentNamedList + Lower + Send + Sync + 'static,
    R: ComponentNamedList + Lift + Send + Sync + 'static,
{
    let served = store.run_concurrent(async move |accessor| {
        let answer = function.call_concurrent(accessor, params).await?;
        poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
        wasmtime::error::Ok(answer)
    });
    served.await?
}
