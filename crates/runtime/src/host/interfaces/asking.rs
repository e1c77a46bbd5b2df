//! A guest that asks its app's sidecar: whose call it is, what it may still ask, and what it hears of a failure.

use crate::call::Call;
use crate::instance::Host;
use crate::limits::key;
use pillion_api::{Code, Error, Sidecar};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use wasmtime::StoreContextMut;

/// Bytes of a guest's words that an error or a log line repeats.
const MAX_SHOWN: usize = 128;

/// What a host function answers: a result of the interface; a trap is beside it.
pub(super) type Told<T, E> = wasmtime::Result<(Result<T, E>,)>;

/// The call that a host function works for.
///
/// # Errors
/// The guest's tasks can't be looked at.
pub(super) fn call_of(store: &mut StoreContextMut<'_, Host>) -> wasmtime::Result<Arc<Call>> {
    let root = match store.data().is_shared() {
        true => store.async_call_stack()?.last(),
        false => None,
    };
    Ok(store.data().call_of(root))
}

/// One host call to the sidecar.
pub(super) struct Asking {
    pub(super) call: Arc<Call>,
    sidecar: Arc<dyn Sidecar>,
}

impl Asking {
    /// Counts the call.
    ///
    /// # Errors
    /// [`Code::GuestLimit`] past `limits.hostCalls`; [`Code::GuestInvalid`] where no app stands behind the guest.
    pub(super) fn begin(store: &mut StoreContextMut<'_, Host>) -> wasmtime::Result<Self> {
        let call = call_of(store)?;
        call.count_host_call()?;
        let Some(outgoing) = &call.hosted.outgoing else {
            let what = format!("guest `{}` asks Dapr, and no app stands behind it", call.hosted.name);
            let hint = "run it with an app id; a guest's start, which is kept, can't ask";
            return Err(Error::new(Code::GuestInvalid, what).hint(hint).into());
        };
        let sidecar = Arc::clone(outgoing.sidecar());
        Ok(Self { call, sidecar })
    }

    pub(super) fn sidecar(&self) -> &dyn Sidecar {
        &*self.sidecar
    }

    /// Refuses an answer that is larger than what the host may hold for the call.
    pub(super) fn fits(&self, bytes: usize) -> Result<(), Error> {
        let limit = self.call.hosted.limits().host_buffers;
        if bytes as u64 <= limit { Ok(()) } else { Err(over(&self.call, limit)) }
    }

    /// What the guest hears: its limits end it, the rest is a value of the interface.
    pub(super) fn told<T, E: From<Error>>(&self, result: Result<T, Error>) -> Told<T, E> {
        told(&self.call, result)
    }
}

/// As [`Asking::told`], where nobody was asked.
pub(super) fn told<T, E: From<Error>>(call: &Call, result: Result<T, Error>) -> Told<T, E> {
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(error) if matches!(error.code(), Code::GuestLimit | Code::GuestTimeout | Code::GuestTrap) => {
            Err(error.into())
        }
        Err(error) => {
            note(call, &error);
            Ok((Err(E::from(error)),))
        }
    }
}

/// As [`told`], for interfaces whose error is a sentence.
pub(super) fn sentence<T>(call: &Call, result: Result<T, Error>) -> Told<T, String> {
    struct Words(String);
    impl From<Error> for Words {
        fn from(error: Error) -> Self {
            Self(error.message().to_owned())
        }
    }
    let (told,) = told::<T, Words>(call, result)?;
    Ok((told.map_err(|words| words.0),))
}

/// Logs a refusal: many an interface has no words for what would help.
pub(crate) fn note(call: &Call, error: &Error) {
    let (app, guest, request_id) = call.names();
    let (text, hint) = (error.message(), error.help());
    if !call.hosted.log_rate().allows((text.len() + hint.map_or(0, str::len)) as u64) {
        return;
    }
    match error.code() {
        Code::NotAllowed | Code::PermissionDenied | Code::PubsubForbidden => {
            tracing::warn!(app, guest, request_id, hint, "denied: {text}");
        }
        code => tracing::info!(app, guest, request_id, hint, code = code.name(), "a host call failed: {text}"),
    }
}

/// A guest's words, as an error may repeat them.
pub(super) fn shown(text: &str) -> String {
    let bytes = text.as_bytes();
    let cut = crate::output::printable(&bytes[..bytes.len().min(MAX_SHOWN)]);
    if bytes.len() > MAX_SHOWN { format!("{cut}…") } else { cut }
}

/// Bytes that the host holds for a call, given back when dropped.
pub(crate) struct Held {
    call: Arc<Call>,
    bytes: u64,
}

impl Held {
    /// # Errors
    /// [`Code::GuestLimit`] past `limits.hostBuffers`.
    pub(crate) fn new(call: &Arc<Call>, bytes: usize) -> Result<Self, Error> {
        let mut held = Self { call: Arc::clone(call), bytes: 0 };
        held.grow(bytes)?;
        Ok(held)
    }

    /// More of the same.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Error> {
        let (bytes, limit) = (bytes as u64, self.call.hosted.limits().host_buffers);
        self.bytes += bytes;
        match self.call.held.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= limit {
            true => Ok(()),
            false => Err(over(&self.call, limit)),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.call.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

pub(super) fn over(call: &Call, limit: u64) -> Error {
    let what = format!("guest `{}` had the host hold more than {limit} bytes", call.hosted.name);
    Error::new(Code::GuestLimit, what)
        .hint(format!("raise `{}` of the guest if that much is meant", key::HOST_BUFFERS))
        .limit(key::HOST_BUFFERS, limit)
}
