//! wasmcloud:messaging 0.3 of wasmCloud 2: the bodies of messages are streams. For guests of WASI 0.3.

use super::{NO_REPLY, Outgoing, publish};
use crate::host::interfaces::asking::{Asking, Told};
use crate::host::interfaces::bytes::collect;
use crate::instance::Host;
use pillion_api::{Code, Error, Metadata};
use wasmtime::AsContextMut;
use wasmtime::component::{Accessor, ComponentType, Lift, LinkerInstance, Lower, StreamReader};

/// A message, in both directions.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct StreamMessage {
    pub(crate) subject: String,
    pub(crate) body: StreamReader<u8>,
    #[component(name = "reply-to")]
    pub(crate) reply_to: Option<String>,
}

/// What a handler says of a message that it did not handle.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
pub(crate) enum Disposition {
    #[component(name = "reject")]
    Reject,
    #[component(name = "retry")]
    Retry,
    #[component(name = "other")]
    Other(String),
}

#[derive(ComponentType, Lower)]
#[component(variant)]
#[allow(dead_code)] // All of the interface's, not all of which are said.
enum Failure {
    #[component(name = "subject-invalid")]
    SubjectInvalid,
    #[component(name = "access-denied")]
    AccessDenied,
    #[component(name = "timeout")]
    Timeout,
    #[component(name = "broker-unavailable")]
    BrokerUnavailable,
    #[component(name = "message-too-large")]
    MessageTooLarge,
    #[component(name = "quota-exceeded")]
    QuotaExceeded,
    #[component(name = "other")]
    Other(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.code() {
            Code::NotAllowed | Code::PermissionDenied | Code::PubsubForbidden => Self::AccessDenied,
            Code::RequestTooLarge => Self::MessageTooLarge,
            _ => Self::Other(error.message().to_owned()),
        }
    }
}

type Task<'a> = &'a Accessor<Host>;

fn begin(task: Task<'_>) -> wasmtime::Result<Asking> {
    task.with(|mut access| Asking::begin(&mut access.as_context_mut()))
}

async fn send(task: Task<'_>, message: StreamMessage) -> Told<(), Failure> {
    let asking = begin(task)?;
    let body = collect(task, &asking.call, message.body).await?;
    if message.subject.is_empty() {
        return Ok((Err(Failure::SubjectInvalid),));
    }
    let metadata: Metadata = message.reply_to.map(|to| ("replyTo".to_owned(), to)).into_iter().collect();
    let outgoing = Outgoing { data: body.bytes, content_type: None, metadata };
    asking.told(publish(&asking, &message.subject, outgoing).await)
}

/// `consumer`.
pub(in super::super) fn consumer(instance: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    instance.func_wrap_concurrent("publish", |task, (message,): (StreamMessage,)| Box::pin(send(task, message)))?;
    instance.func_wrap_concurrent(
        "request",
        |task: Task<'_>, (_, mut body, _): (String, StreamReader<u8>, Option<u32>)| {
            Box::pin(async move {
                body.close_with(task)?;
                let refused: Result<StreamMessage, _> = Err(Failure::Other(NO_REPLY.to_owned()));
                Ok((refused,))
            })
        },
    )
}
