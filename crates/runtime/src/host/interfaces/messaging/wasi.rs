//! wasi:messaging 0.2.0-draft: a client is a pub/sub component.

use super::{NO_REPLY, Outgoing, send};
use crate::call::Call;
use crate::host::interfaces::asking::{Asking, Held, Told, call_of};
use crate::host::interfaces::components::{self, PUBSUB};
use crate::instance::Host;
use pillion_api::{Code, Error};
use std::sync::Arc;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, LinkerInstance, Lower, Resource, ResourceType};

type Store<'a> = StoreContextMut<'a, Host>;
type Instance<'a> = LinkerInstance<'a, Host>;
type Pairs = Vec<(String, String)>;

/// Pairs of metadata of one message.
const MAX_PAIRS: usize = 100;

/// What a guest connected to.
struct Client(String);

/// A message: the guest's own, or one that came in.
pub(crate) struct Message {
    topic: Option<String>,
    content_type: Option<String>,
    data: Vec<u8>,
    metadata: Option<Pairs>,
    held: Held,
}

/// Options of a request, which no one can send.
struct RequestOptions;

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
#[allow(dead_code)] // All of the interface's, not all of which are said.
pub(crate) enum Failure {
    #[component(name = "timeout")]
    Timeout,
    #[component(name = "connection")]
    Connection(String),
    #[component(name = "permission-denied")]
    PermissionDenied(String),
    #[component(name = "other")]
    Other(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.message().to_owned();
        match error.code() {
            Code::NotAllowed | Code::PermissionDenied | Code::PubsubForbidden => Self::PermissionDenied(message),
            Code::PubsubNotFound | Code::PubsubNotConfigured => Self::Connection(message),
            _ => Self::Other(message),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Timeout => f.write_str("timeout"),
            Self::Connection(why) | Self::PermissionDenied(why) | Self::Other(why) => f.write_str(why),
        }
    }
}

impl Message {
    /// A message that came in.
    ///
    /// # Errors
    /// [`Code::GuestLimit`] past `limits.hostBuffers`.
    pub(crate) fn incoming(
        call: &Arc<Call>,
        topic: String,
        content_type: Option<String>,
        data: Vec<u8>,
    ) -> Result<Self, Error> {
        let held = Held::new(call, 0)?;
        let mut message = Self { topic: Some(topic), content_type, data, metadata: None, held };
        message.held = Held::new(call, message.bytes())?;
        Ok(message)
    }

    fn bytes(&self) -> usize {
        let pairs = self.metadata.iter().flatten();
        let text = self.topic.as_ref().map_or(0, String::len) + self.content_type.as_ref().map_or(0, String::len);
        self.data.len() + text + pairs.map(|(key, value)| key.len() + value.len()).sum::<usize>()
    }
}

fn resource<T: Send + 'static>(instance: &mut Instance<'_>, name: &str) -> wasmtime::Result<()> {
    instance.resource(name, ResourceType::host::<T>(), |mut store, handle| {
        store.data_mut().table().delete(Resource::<T>::new_own(handle))?;
        Ok(())
    })
}

/// Changes a message, and what is held for it.
fn change(
    store: &mut Store<'_>,
    message: &Resource<Message>,
    change: impl FnOnce(&mut Message),
) -> wasmtime::Result<()> {
    let call = call_of(store)?;
    let message = store.data_mut().table().get_mut(message)?;
    change(message);
    if message.metadata.as_ref().is_some_and(|pairs| pairs.len() > MAX_PAIRS) {
        let what = format!("guest `{}` gave a message more than {MAX_PAIRS} pairs of metadata", call.hosted.name);
        return Err(Error::new(Code::GuestTrap, what).into());
    }
    // What it was is given back before what it is now counts.
    message.held = Held::new(&call, 0)?;
    message.held = Held::new(&call, message.bytes())?;
    Ok(())
}

/// `types`: clients and messages.
pub(in super::super) fn types(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    resource::<Client>(instance, "client")?;
    instance.func_wrap_async("[static]client.connect", |mut store: Store<'_>, (name,): (String,)| {
        Box::new(async move {
            let asking = Asking::begin(&mut store)?;
            match components::named(&asking, PUBSUB, &name).await {
                Ok(name) => Ok((Ok(store.data_mut().table().push(Client(name))?),)),
                Err(error) => asking.told::<_, Failure>(Err(error)),
            }
        })
    })?;
    instance
        .func_wrap("[method]client.disconnect", |_: Store<'_>, (_,): (Resource<Client>,)| -> Told<(), Failure> {
            Ok((Ok(()),))
        })?;
    message(instance)
}

fn message(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    type Handle = Resource<Message>;
    resource::<Message>(instance, "message")?;
    instance.func_wrap("[constructor]message", |mut store: Store<'_>, (data,): (Vec<u8>,)| {
        let held = Held::new(&call_of(&mut store)?, data.len())?;
        let message = Message { topic: None, content_type: None, data, metadata: None, held };
        Ok((store.data_mut().table().push(message)?,))
    })?;
    instance.func_wrap("[method]message.topic", |mut store: Store<'_>, (message,): (Handle,)| {
        Ok((store.data_mut().table().get(&message)?.topic.clone(),))
    })?;
    instance.func_wrap("[method]message.content-type", |mut store: Store<'_>, (message,): (Handle,)| {
        Ok((store.data_mut().table().get(&message)?.content_type.clone(),))
    })?;
    instance.func_wrap("[method]message.data", |mut store: Store<'_>, (message,): (Handle,)| {
        Ok((store.data_mut().table().get(&message)?.data.clone(),))
    })?;
    instance.func_wrap("[method]message.metadata", |mut store: Store<'_>, (message,): (Handle,)| {
        Ok((store.data_mut().table().get(&message)?.metadata.clone(),))
    })?;
    instance.func_wrap(
        "[method]message.set-content-type",
        |mut store: Store<'_>, (message, content_type): (Handle, String)| {
            change(&mut store, &message, |message| message.content_type = Some(content_type))
        },
    )?;
    instance.func_wrap("[method]message.set-data", |mut store: Store<'_>, (message, data): (Handle, Vec<u8>)| {
        change(&mut store, &message, |message| message.data = data)
    })?;
    instance.func_wrap(
        "[method]message.add-metadata",
        |mut store: Store<'_>, (message, key, value): (Handle, String, String)| {
            change(&mut store, &message, |message| message.metadata.get_or_insert_default().push((key, value)))
        },
    )?;
    instance.func_wrap("[method]message.set-metadata", |mut store: Store<'_>, (message, pairs): (Handle, Pairs)| {
        change(&mut store, &message, |message| message.metadata = Some(pairs))
    })?;
    instance.func_wrap("[method]message.remove-metadata", |mut store: Store<'_>, (message, key): (Handle, String)| {
        change(&mut store, &message, |message| {
            message.metadata.iter_mut().for_each(|pairs| pairs.retain(|(known, _)| *known != key));
        })
    })
}

/// `producer`.
pub(in super::super) fn producer(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    type Sending = (Resource<Client>, String, Resource<Message>);
    instance.func_wrap_async("send", |mut store: Store<'_>, (client, topic, message): Sending| {
        Box::new(async move {
            let asking = Asking::begin(&mut store)?;
            let pubsub = store.data_mut().table().get(&client)?.0.clone();
            let message = store.data_mut().table().delete(message)?;
            let metadata = message.metadata.into_iter().flatten().collect();
            let outgoing = Outgoing { data: message.data, content_type: message.content_type, metadata };
            asking.told::<_, Failure>(send(&asking, &pubsub, &topic, outgoing).await)
        })
    })
}

/// `request-reply`, so that a guest that only may ask for replies can be linked; asking is refused.
pub(in super::super) fn request_reply(instance: &mut Instance<'_>) -> wasmtime::Result<()> {
    type Request = (Resource<Client>, String, Resource<Message>, Option<Resource<RequestOptions>>);
    let refused = || Failure::Other(NO_REPLY.to_owned());
    resource::<RequestOptions>(instance, "request-options")?;
    instance.func_wrap("[constructor]request-options", |mut store: Store<'_>, (): ()| {
        Ok((store.data_mut().table().push(RequestOptions)?,))
    })?;
    for name in ["set-timeout-ms", "set-expected-replies"] {
        let name = format!("[method]request-options.{name}");
        instance.func_wrap(&name, |_: Store<'_>, (_, _): (Resource<RequestOptions>, u32)| Ok(()))?;
    }
    instance.func_wrap(
        "request",
        move |mut store: Store<'_>, (_, _, _, options): Request| -> Told<Vec<Resource<Message>>, Failure> {
            if let Some(options) = options {
                store.data_mut().table().delete(options)?;
            }
            Ok((Err(refused()),))
        },
    )?;
    instance.func_wrap(
        "reply",
        move |mut store: Store<'_>, (_, message): (Resource<Message>, Resource<Message>)| -> Told<(), Failure> {
            store.data_mut().table().delete(message)?;
            Ok((Err(refused()),))
        },
    )
}
