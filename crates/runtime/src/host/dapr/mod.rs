//! `pillion:dapr`: every building block of Dapr over the app's `Sidecar`, which its `allow` narrows already. One file an
//! interface.
//!
//! A building block that answers from its own data is asked on the guest's thread, which is quickest. What may call an app,
//! or wait for the outside, is asked at the edge: no guest that spins there holds it up, and no app's guest runs on
//! the stack of another's.

mod actors;
mod bindings;
mod configuration;
mod conversation;
mod convert;
mod crypto;
mod duplex;
mod follow;
mod invocation;
mod jobs;
mod lock;
mod metadata;
mod pubsub;
mod secrets;
mod state;
mod workflow;

pub(crate) use configuration::of_items;
pub(crate) use convert::{metadata, onward};
pub(crate) use follow::Follows;
pub(crate) use invocation::{headers, of_headers};

use crate::instance::Host;
use crate::limits::key;
use crate::threads::Task;
use pillion_api::{Code, Error, Fault, Sidecar, scope};
use pillion_wit::Failure;
use pillion_wit::pillion::dapr::{self, types};
use std::sync::Arc;
use wasmtime::component::{HasSelf, Linker};

/// What a host function comes to.
type Answer<T> = Result<T, Failure>;

/// Keys, entries, operations or messages of one call.
const MAX_ITEMS: usize = 10_000;

/// The version of the package; it is still free to change, so that no other one fits.
pub(crate) const VERSION: &str = "0.1.0";

/// The building blocks by their interfaces: what `inspect` calls them, and the line of `allow:` that they need.
pub(crate) const BLOCKS: [(&str, &str, &str); 13] = [
    ("pillion:dapr/state", "state", "state: [<store>]"),
    ("pillion:dapr/pubsub", "pub/sub", "publish: [<pubsub>/<topic>]"),
    ("pillion:dapr/bindings", "bindings", "bindings: [<binding>]"),
    ("pillion:dapr/secrets", "secrets", "secrets: [<store>]"),
    ("pillion:dapr/configuration", "configuration", "configuration: [<component>]"),
    ("pillion:dapr/invocation", "invocation", "invoke: [<app-id>]"),
    ("pillion:dapr/lock", "lock", "locks: [<store>]"),
    ("pillion:dapr/crypto", "cryptography", "crypto: [<component>]"),
    ("pillion:dapr/conversation", "conversation", "conversation: [<component>]"),
    ("pillion:dapr/jobs", "jobs", "jobs: [<job>]"),
    ("pillion:dapr/actors", "actors", "actors: [<type>]"),
    ("pillion:dapr/workflow", "workflow", "workflows: [<workflow>]"),
    ("pillion:dapr/sidecar-metadata", "metadata", ""),
];

/// Whether an interface, named without its version, is one of the package that guests import.
pub(crate) fn provides(interface: &str) -> bool {
    interface == "pillion:dapr/types" || BLOCKS.iter().any(|(name, _, _)| *name == interface)
}

/// Defines every interface of the package; wasi:io, which it uses, is defined with the rest of WASI.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    macro_rules! add {
        ($($interface:ident)*) => { $(dapr::$interface::add_to_linker::<Host, HasSelf<Host>>(linker, |host| host)?;)* };
    }
    add!(types state pubsub bindings secrets configuration invocation lock crypto conversation jobs actors workflow);
    dapr::sidecar_metadata::add_to_linker::<Host, HasSelf<Host>>(linker, |host| host)
}

/// What a call leaves with the host.
#[derive(Default)]
pub(crate) struct Held {
    /// Of secrets whose handles are open.
    bytes: u64,
    /// Shared with each question whose bodies stream; none before the first.
    streaming: Option<Arc<()>>,
}

impl Host {
    /// The sidecar, for one question that counts.
    fn sidecar(&self) -> Answer<Arc<dyn Sidecar>> {
        self.call.count_host_call()?;
        match &self.call.hosted.outgoing {
            Some(outgoing) => Ok(Arc::clone(outgoing.sidecar())),
            None => Err(Error::new(Code::ApiUnimplemented, "no app stands behind this guest, and so no sidecar")
                .hint("give it an app id to run it in an app")
                .into()),
        }
    }

    /// Asks the sidecar: at the edge, which no guest holds up, or, where it needs no socket, here. It is a task here, too: its
    /// stack is not the guest's.
    async fn ask_sidecar<T, F>(&mut self, work: impl FnOnce(Arc<dyn Sidecar>) -> F) -> Answer<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let sidecar = self.sidecar()?;
        let stays = sidecar.is_in_process();
        let work = scope::within_current(work(sidecar));
        let task = if stays { tokio::spawn(work) } else { self.call.edge.spawn(work) };
        let failed = |_| Error::new(Code::Internal, "a building block failed in the host");
        Ok(Task::of(task).await.map_err(failed)??)
    }

    /// Refuses an answer that would fill the host's memory on its way to the guest.
    fn check_answer(&self, bytes: impl IntoIterator<Item = usize>) -> Answer<()> {
        let (sum, most) = (bytes.into_iter().map(|bytes| bytes as u64).sum::<u64>(), self.buffers());
        if sum <= most { Ok(()) } else { Err(self.over("bytes in an answer", key::HOST_BUFFERS, most).into()) }
    }

    /// Counts bytes that stay with the host.
    fn hold(&mut self, bytes: u64) -> Answer<()> {
        let (sum, most) = (self.held.bytes.saturating_add(bytes), self.buffers());
        if sum > most {
            return Err(self.over("bytes of open secrets", key::HOST_BUFFERS, most).into());
        }
        self.held.bytes = sum;
        Ok(())
    }

    fn buffers(&self) -> u64 {
        self.call.hosted.limits().host_buffers
    }

    fn over(&self, what: &str, key: &'static str, most: u64) -> Error {
        let name = &self.call.hosted.name;
        Error::new(Code::GuestLimit, format!("guest `{name}` went over its limit of {most} {what}"))
            .hint(format!("ask for less at once, or raise `{key}` of the guest"))
            .limit(key, most)
    }

    /// What is too long to leave or to come in one piece.
    fn check_body(&self, bytes: usize) -> Answer<()> {
        let most = self.call.hosted.limits().outgoing_body;
        if bytes as u64 <= most { Ok(()) } else { Err(self.over("bytes in a body", key::OUTGOING_BODY, most).into()) }
    }
}

/// A list has a bound of its own: each element costs the host more than its bytes.
fn check_items(count: usize) -> Answer<()> {
    if count <= MAX_ITEMS {
        return Ok(());
    }
    let message = format!("a call of {count} items is over the limit of {MAX_ITEMS}");
    Err(Error::new(Code::BadRequest, message).hint("make several calls").into())
}

impl types::Host for Host {
    fn convert_error(&mut self, failure: Failure) -> wasmtime::Result<types::Error> {
        let error = match failure {
            Failure::Trap(error) => return Err(error),
            Failure::Answer(error) => error,
        };
        if error.code() == Code::NotAllowed {
            self.log_denial(&error);
        }
        Ok(told(&error))
    }
}

/// An error as a guest gets it.
fn told(error: &Error) -> types::Error {
    types::Error {
        code: error.code().name().to_owned(),
        message: error.message().to_owned(),
        hint: error.help().map(str::to_owned),
        status: error.code().http(),
        retryable: may_succeed_later(error),
    }
}

/// Whether the same question may have another answer later, as far as the error tells.
fn may_succeed_later(error: &Error) -> bool {
    matches!(error.fault(), Fault::Component | Fault::Host) && error.code() != Code::ApiUnimplemented
}

impl Host {
    fn log_denial(&self, error: &Error) {
        let (app, guest, request_id) = self.call.names();
        if self.call.hosted.log_rate().allows(error.message().len() as u64) {
            let message = crate::output::printable(error.message().as_bytes());
            let hint = error.help().map(|hint| crate::output::printable(hint.as_bytes()));
            tracing::warn!(app, guest, request_id, hint, "denied: {message}");
        }
    }
}
