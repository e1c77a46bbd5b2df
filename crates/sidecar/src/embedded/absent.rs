//! Building blocks that the embedded sidecar has no components for: what daprd says where none is configured.

use crate::bindings;
use pillion_api::{Code, Error, Metadata, Result, crypto::Encrypt, error::Details, jobs::Job, lock::TryLock};

fn none<T>(code: Code, message: impl Into<String>) -> Result<T> {
    Err(Error::new(code, message.into()))
}

pub(super) fn binding<T>(name: &str) -> Result<T> {
    Err(bindings::failed(name, &format!("couldn't find output binding {name}")))
}

pub(super) fn configuration<T>() -> Result<T> {
    none(Code::ConfigurationStoreNotConfigured, "configuration stores not configured")
}

pub(super) fn subscription<T>(id: &str) -> Result<T> {
    let why = format!("failed to unsubscribe to configuration request {id}: subscription does not exist");
    none(Code::ConfigurationUnsubscribe, why)
}

/// In daprd's order: what is wrong with the request by itself comes first.
pub(super) fn try_lock<T>(store: &str, lock: &TryLock) -> Result<T> {
    if lock.expiry_in_seconds <= 0 {
        return none(Code::MalformedRequest, format!("ExpiryInSeconds is not positive in lock store {store}"));
    }
    self::lock()
}

pub(super) fn lock<T>() -> Result<T> {
    none(Code::LockStoreNotConfigured, "lock store is not configured")
}

pub(super) fn encrypt<T>(how: &Encrypt) -> Result<T> {
    let missing = |name: &str| format!("invalid request: missing property '{name}' in the options message");
    match how {
        how if how.key_name.is_empty() => none(Code::BadRequest, missing("keyName")),
        how if how.key_wrap_algorithm.is_empty() => none(Code::BadRequest, missing("keyWrapAlgorithm")),
        _ => crypto(),
    }
}

pub(super) fn crypto<T>() -> Result<T> {
    none(Code::CryptoProvidersNotConfigured, "crypto providers not configured")
}

pub(super) fn conversation<T>(name: &str) -> Result<T> {
    none(Code::ConversationNotFound, format!("failed finding conversation component {name}"))
}

pub(super) fn actors<T>() -> Result<T> {
    none(Code::ActorNoPlacement, "placement service is not configured")
}

/// The scheduler that isn't there, with what its errors name.
pub(super) struct Scheduler<'a> {
    pub(super) app_id: &'a str,
    pub(super) namespace: &'a str,
}

impl Scheduler<'_> {
    pub(super) fn schedule<T>(&self, job: &Job) -> Result<T> {
        self.check_name(&job.name)?;
        if job.name.contains('|') {
            return self.fail(Code::JobNameEmpty, "Name is empty");
        }
        if job.schedule.is_none() && job.due_time.is_none() {
            return self.fail(Code::JobScheduleEmpty, "Schedule is empty");
        }
        self.disabled(Code::JobSchedule, "schedule")
    }

    pub(super) fn get<T>(&self, name: &str) -> Result<T> {
        self.check_name(name)?;
        self.disabled(Code::JobGet, "get")
    }

    pub(super) fn delete<T>(&self, name: &str) -> Result<T> {
        self.check_name(name)?;
        self.disabled(Code::JobDelete, "delete")
    }

    fn check_name(&self, name: &str) -> Result<()> {
        if name.is_empty() { self.fail(Code::JobNameEmpty, "Name is empty") } else { Ok(()) }
    }

    fn disabled<T>(&self, code: Code, what: &str) -> Result<T> {
        self.fail(code, format!("failed to {what} job due to: scheduler clients are disabled"))
    }

    /// The reason is the code itself.
    fn fail<T>(&self, code: Code, message: impl Into<String>) -> Result<T> {
        let metadata: Metadata =
            [("appID".to_owned(), self.app_id.to_owned()), ("namespace".to_owned(), self.namespace.to_owned())].into();
        let details = Details { reason: code.name().into(), metadata, resource: None };
        Err(Error::new(code, message.into()).details(details))
    }
}
