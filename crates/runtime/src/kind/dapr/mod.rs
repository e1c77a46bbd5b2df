//! Guests of the packages `pillion:dapr` and `pillion:workflow`: handlers of typed events, workflows and activities. A guest exports
//! those that it has.

mod actor;
mod cloud_event;
mod events;
mod invocation;
mod shape;
pub(crate) mod workflow;

pub(crate) use actor::{ACTOR_HANDLER, Live};
pub(crate) use cloud_event::topic_event;
pub(crate) use events::{Binding, BulkTopic, Configuration, Job, Topic};
pub(crate) use invocation::invoke;

use crate::call::Call;
use crate::inspect::invalid;
use crate::instance::{Host, in_time};
use crate::program::Program;
use crate::runtime::Shared;
use crate::{Inspection, ahead, code, trap};
use pillion_api::{Code, Error};
use pillion_wit::exports::pillion::dapr;
use std::pin::pin;
use std::sync::Arc;
use wasmtime::Store;
use wasmtime::component::{Component, Instance, InstancePre};
use workflow::WorkflowPre;

/// What the names of all handlers begin with.
const PACKAGE: &str = "pillion:dapr/";
/// The version that this host calls.
const VERSION: &str = "0.1.0";

/// The handlers that this host calls, as `on:` and errors name them.
pub(crate) const HANDLERS: [&str; 7] = [
    "invocation-handler",
    "topic-handler",
    "bulk-topic-handler",
    "binding-handler",
    "job-handler",
    "configuration-handler",
    ACTOR_HANDLER,
];

/// Whether a component exports a handler.
pub(crate) fn has(inspection: &Inspection, handler: &str) -> bool {
    inspection.exports(&format!("{PACKAGE}{handler}@{VERSION}"))
}

/// The handlers that a component exports.
pub(crate) fn handlers(inspection: &Inspection) -> Vec<String> {
    let of_dapr = HANDLERS.iter().copied().filter(|handler| has(inspection, handler));
    of_dapr.chain(workflow::has(inspection).then_some(workflow::HANDLER)).map(str::to_owned).collect()
}

/// Linked code.
pub(crate) struct DaprPre {
    pre: InstancePre<Host>,
    handlers: Handlers,
    workflow: Option<WorkflowPre>,
}

/// Where each handler is, if there is one.
struct Handlers {
    invocation: Option<dapr::invocation_handler::GuestIndices>,
    topic: Option<dapr::topic_handler::GuestIndices>,
    bulk_topic: Option<dapr::bulk_topic_handler::GuestIndices>,
    binding: Option<dapr::binding_handler::GuestIndices>,
    job: Option<dapr::job_handler::GuestIndices>,
    configuration: Option<dapr::configuration_handler::GuestIndices>,
    actor: Option<dapr::actor_handler::GuestIndices>,
}

impl DaprPre {
    /// # Errors
    /// [`Code::GuestInvalid`] where a handler has not the functions of its interface, or with other types.
    pub(crate) fn new(
        shared: &Shared,
        component: &Component,
        pre: InstancePre<Host>,
        inspection: &Inspection,
    ) -> Result<Self, Error> {
        let mut handlers = HANDLERS.iter().filter(|handler| has(inspection, handler));
        handlers.try_for_each(|handler| shape::check(component, handler))?;
        macro_rules! find {
            ($module:ident, $handler:literal) => {
                has(inspection, $handler).then(|| dapr::$module::GuestIndices::new(&pre)).transpose().map_err(
                    |error| {
                        invalid(format!("exports `{}` in another shape: {error:#}", $handler))
                            .hint("build it against this version's `wit/`")
                    },
                )?
            };
        }
        let handlers = Handlers {
            invocation: find!(invocation_handler, "invocation-handler"),
            topic: find!(topic_handler, "topic-handler"),
            bulk_topic: find!(bulk_topic_handler, "bulk-topic-handler"),
            binding: find!(binding_handler, "binding-handler"),
            job: find!(job_handler, "job-handler"),
            configuration: find!(configuration_handler, "configuration-handler"),
            actor: find!(actor_handler, "actor-handler"),
        };
        let workflow = workflow::has(inspection).then(|| WorkflowPre::new(shared, component)).transpose()?;
        Ok(Self { pre, handlers, workflow })
    }

    /// What its start is run in.
    pub(crate) fn instance_pre(&self) -> &InstancePre<Host> {
        &self.pre
    }
}

/// What a handler answers, or the text of its error.
type Said<T> = wasmtime::Result<Result<T, String>>;

/// Something that a handler takes.
pub(crate) trait Event: Send + 'static {
    /// What the handler says.
    type Answer: Send + 'static;
    /// The handler's name.
    const HANDLER: &'static str;

    /// Calls the handler; none where the guest has none.
    fn hand(
        self,
        store: &mut Store<Host>,
        instance: &Instance,
        handlers: &DaprPre,
    ) -> impl Future<Output = Option<Said<Self::Answer>>> + Send;
}

/// Calls a handler, on the thread that this runs on.
pub(crate) async fn handle<E: Event>(call: &Arc<Call>, event: E) -> Result<E::Answer, Error> {
    call.hosted.spec.guest.0.code.touch(call.hosted.shared.residents.now());
    match &*code::program(call).await? {
        Program::Dapr(pre) => in_instance(call, pre, event).await,
        _ => Err(none_such(call, E::HANDLER)),
    }
}

async fn in_instance<E: Event>(call: &Arc<Call>, pre: &DaprPre, event: E) -> Result<E::Answer, Error> {
    let (mut store, kept) = ahead::take(call)?;
    let work = async {
        let (started, _) = ahead::ready(call, &mut store, kept).await?;
        let instance = started.handlers()?;
        event.hand(&mut store, &instance, pre).await.transpose()
    };
    let outcome = in_time(call, pin!(work)).await;
    call.hosted.counters.memory(store.data().limiter.bytes());
    let last_line = store.data_mut().last_line();
    if outcome.is_ok() {
        ahead::prepare(&call.hosted);
    }
    match outcome {
        Ok(Some(Ok(answer))) => Ok(answer),
        Ok(Some(Err(why))) => Err(failed(call, E::HANDLER, &why)),
        Ok(None) => Err(none_such(call, E::HANDLER)),
        Err(error) => Err(trap::error(call, store.data(), &error, &last_line)),
    }
}

fn failed(call: &Call, handler: &str, why: &str) -> Error {
    let shown = crate::output::error_text(why);
    Error::new(
        Code::GuestError,
        format!("the {handler} of guest `{}` answered with an error: {shown}", call.hosted.name),
    )
}

fn none_such(call: &Call, handler: &str) -> Error {
    missing(&call.hosted.name, handler)
}

/// The error of a guest that has not the handler that it would need.
pub(crate) fn missing(guest: &str, handler: &str) -> Error {
    Error::new(Code::GuestInvalid, format!("guest `{guest}` has no {handler}"))
        .hint(format!("export `{PACKAGE}{handler}@{VERSION}` from the guest, or send this elsewhere"))
}
