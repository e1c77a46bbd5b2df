//! wasmcloud:messaging 0.2: a subject is a topic.

use super::{NO_REPLY, Outgoing, publish};
use crate::host::interfaces::asking::{Asking, Told, sentence};
use crate::instance::Host;
use pillion_api::Metadata;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, LinkerInstance, Lower};

/// A message, in both directions.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct BrokerMessage {
    pub(crate) subject: String,
    pub(crate) body: Vec<u8>,
    #[component(name = "reply-to")]
    pub(crate) reply_to: Option<String>,
}

/// `types` holds no function.
pub(in super::super) fn types(_: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    Ok(())
}

/// `consumer`.
pub(in super::super) fn consumer(instance: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    instance.func_wrap_async("publish", |mut store: StoreContextMut<'_, Host>, (message,): (BrokerMessage,)| {
        Box::new(async move {
            let asking = Asking::begin(&mut store)?;
            let metadata: Metadata = message.reply_to.map(|to| ("replyTo".to_owned(), to)).into_iter().collect();
            let outgoing = Outgoing { data: message.body, content_type: None, metadata };
            sentence(&asking.call, publish(&asking, &message.subject, outgoing).await)
        })
    })?;
    instance.func_wrap(
        "request",
        |_: StoreContextMut<'_, Host>, _: (String, Vec<u8>, u32)| -> Told<BrokerMessage, String> {
            Ok((Err(NO_REPLY.to_owned()),))
        },
    )
}
