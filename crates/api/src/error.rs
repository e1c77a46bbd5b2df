//! Every failure that a user sees: one table of codes, and the two bodies that show a failure to a client.

use crate::{Body, body};
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use std::{borrow::Cow, fmt, time::Duration};

/// What every fallible call of a building block gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who has to change something for the call to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// The client sent what can't be served.
    Caller,
    /// The guest trapped, failed, or went over a limit.
    Guest,
    /// A Dapr component or what stands behind it failed.
    Component,
    /// A file or flag asks for the impossible, or doesn't grant what was asked.
    Configuration,
    /// Pillion or the machine.
    Host,
}

/// gRPC status codes, numbered as gRPC does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
#[allow(missing_docs)]
pub enum Grpc {
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $http:literal, $grpc:ident, $fault:ident;)*) => {
        /// One row a kind of failure. Codes that begin with `ERR_` or `DAPR_` are Dapr's own, with the status of the real daprd.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The name on the wire: Dapr's `errorCode`, and `code` of a problem body.
            pub const fn name(self) -> &'static str { match self { $(Code::$variant => $name,)* } }

            /// The HTTP status.
            pub const fn http(self) -> u16 { match self { $(Code::$variant => $http,)* } }

            /// The gRPC status.
            pub const fn grpc(self) -> Grpc { match self { $(Code::$variant => Grpc::$grpc,)* } }

            /// Whose fault it is unless the error says otherwise.
            pub const fn fault(self) -> Fault { match self { $(Code::$variant => Fault::$fault,)* } }
        }
    };
}

codes! {
    /// No state store is loaded for this app.
    StateStoreNotConfigured = "ERR_STATE_STORE_NOT_CONFIGURED", 500, FailedPrecondition, Configuration;
    /// No state store of that name.
    StateStoreNotFound = "ERR_STATE_STORE_NOT_FOUND", 400, InvalidArgument, Configuration;
    /// The store can't do transactions or queries.
    StateStoreNotSupported = "ERR_STATE_STORE_NOT_SUPPORTED", 500, Unimplemented, Configuration;
    /// A transaction of more operations than the store takes.
    StateStoreTooManyTransactions = "ERR_STATE_STORE_TOO_MANY_TRANSACTIONS", 400, InvalidArgument, Caller;
    /// Reading state failed.
    StateGet = "ERR_STATE_GET", 500, Internal, Component;
    /// Reading several keys failed.
    StateBulkGet = "ERR_STATE_BULK_GET", 500, Internal, Component;
    /// Writing state failed.
    StateSave = "ERR_STATE_SAVE", 500, Internal, Component;
    /// Writing state failed because the ETag given is not the current one.
    StateSaveEtagMismatch = "ERR_STATE_SAVE", 409, Aborted, Caller;
    /// Writing state failed because the ETag given can't be one of this store.
    StateSaveEtagInvalid = "ERR_STATE_SAVE", 400, InvalidArgument, Caller;
    /// Deleting state failed.
    StateDelete = "ERR_STATE_DELETE", 500, Internal, Component;
    /// Deleting state failed because the ETag given is not the current one.
    StateDeleteEtagMismatch = "ERR_STATE_DELETE", 409, Aborted, Caller;
    /// Deleting state failed because the ETag given can't be one of this store.
    StateDeleteEtagInvalid = "ERR_STATE_DELETE", 400, InvalidArgument, Caller;
    /// A transaction failed, an ETag mismatch included.
    StateTransaction = "ERR_STATE_TRANSACTION", 500, Internal, Component;
    /// An operation other than upsert and delete.
    NotSupportedStateOperation = "ERR_NOT_SUPPORTED_STATE_OPERATION", 400, Unimplemented, Caller;
    /// A query failed.
    StateQuery = "ERR_STATE_QUERY", 500, Internal, Component;
    /// The body or a key of the request is malformed.
    MalformedRequest = "ERR_MALFORMED_REQUEST", 400, InvalidArgument, Caller;
    /// No pub/sub component is loaded for this app.
    PubsubNotConfigured = "ERR_PUBSUB_NOT_CONFIGURED", 400, FailedPrecondition, Configuration;
    /// No pub/sub component of that name.
    PubsubNotFound = "ERR_PUBSUB_NOT_FOUND", 404, InvalidArgument, Configuration;
    /// No pub/sub name in the path.
    PubsubEmpty = "ERR_PUBSUB_EMPTY", 404, InvalidArgument, Caller;
    /// No topic in the path.
    TopicNameEmpty = "ERR_TOPIC_NAME_EMPTY", 404, InvalidArgument, Caller;
    /// The app may not publish to that topic.
    PubsubForbidden = "ERR_PUBSUB_FORBIDDEN", 403, PermissionDenied, Configuration;
    /// The broker refused the message.
    PubsubPublishMessage = "ERR_PUBSUB_PUBLISH_MESSAGE", 500, Internal, Component;
    /// Metadata of the message is malformed.
    PubsubRequestMetadata = "ERR_PUBSUB_REQUEST_METADATA", 400, InvalidArgument, Caller;
    /// A body of type `application/cloudevents+json` is not a CloudEvent.
    PubsubCloudEventsSer = "ERR_PUBSUB_CLOUD_EVENTS_SER", 500, InvalidArgument, Caller;
    /// The entries of a bulk publish are malformed.
    PubsubEventsSer = "ERR_PUBSUB_EVENTS_SER", 400, InvalidArgument, Caller;
    /// Calling an output binding failed.
    InvokeOutputBinding = "ERR_INVOKE_OUTPUT_BINDING", 500, Internal, Component;
    /// No configuration store is loaded for this app.
    ConfigurationStoreNotConfigured = "ERR_CONFIGURATION_STORE_NOT_CONFIGURED", 500, FailedPrecondition, Configuration;
    /// No configuration store of that name.
    ConfigurationStoreNotFound = "ERR_CONFIGURATION_STORE_NOT_FOUND", 400, InvalidArgument, Configuration;
    /// Reading configuration failed.
    ConfigurationGet = "ERR_CONFIGURATION_GET", 500, Internal, Component;
    /// Following configuration failed.
    ConfigurationSubscribe = "ERR_CONFIGURATION_SUBSCRIBE", 500, Internal, Component;
    /// Ending a subscription of configuration failed.
    ConfigurationUnsubscribe = "ERR_CONFIGURATION_UNSUBSCRIBE", 500, Internal, Component;
    /// No lock store is loaded for this app.
    LockStoreNotConfigured = "ERR_LOCK_STORE_NOT_CONFIGURED", 500, FailedPrecondition, Configuration;
    /// No lock store of that name.
    LockStoreNotFound = "ERR_LOCK_STORE_NOT_FOUND", 400, InvalidArgument, Configuration;
    /// Taking a lock failed.
    TryLock = "ERR_TRY_LOCK", 500, Internal, Component;
    /// Giving a lock back failed.
    Unlock = "ERR_UNLOCK", 500, Internal, Component;
    /// No cryptography component is loaded for this app.
    CryptoProvidersNotConfigured = "ERR_CRYPTO_PROVIDERS_NOT_CONFIGURED", 500, FailedPrecondition, Configuration;
    /// No cryptography component of that name.
    CryptoProviderNotFound = "ERR_CRYPTO_PROVIDER_NOT_FOUND", 400, InvalidArgument, Configuration;
    /// The key can't be read.
    CryptoKey = "ERR_CRYPTO_KEY", 500, Internal, Component;
    /// Encrypting or decrypting failed.
    Crypto = "ERR_CRYPTO", 500, Internal, Component;
    /// No conversation component of that name.
    ConversationNotFound = "ERR_CONVERSATION_NOT_FOUND", 400, NotFound, Configuration;
    /// Publishing what a transaction wrote failed.
    PublishOutbox = "ERR_PUBLISH_OUTBOX", 500, Internal, Component;
    /// A request of a conversation can't be read.
    ConversationInvalidParameters = "ERR_CONVERSATION_INVALID_PARMS", 400, InvalidArgument, Caller;
    /// A request of a conversation says nothing.
    ConversationMissingInputs = "ERR_CONVERSATION_MISSING_INPUTS", 400, InvalidArgument, Caller;
    /// The language model failed.
    ConversationInvoke = "ERR_CONVERSATION_INVOKE", 500, Internal, Component;
    /// A job could not be scheduled.
    JobSchedule = "DAPR_SCHEDULER_SCHEDULE_JOB", 500, Internal, Component;
    /// A job of that name exists.
    JobExists = "DAPR_SCHEDULER_SCHEDULE_JOB", 409, AlreadyExists, Caller;
    /// A job without a name, or with one that no job can have.
    JobNameEmpty = "DAPR_SCHEDULER_JOB_NAME_EMPTY", 400, InvalidArgument, Caller;
    /// A job that says nothing of when.
    JobScheduleEmpty = "DAPR_SCHEDULER_SCHEDULE_EMPTY", 400, InvalidArgument, Caller;
    /// A job that can't be one: its schedule or its times can't be read.
    JobInvalid = "DAPR_SCHEDULER_SCHEDULE_JOB", 400, InvalidArgument, Caller;
    /// A job could not be read; one that doesn't exist is that, too.
    JobGet = "DAPR_SCHEDULER_GET_JOB", 500, Internal, Component;
    /// A job could not be deleted.
    JobDelete = "DAPR_SCHEDULER_DELETE_JOB", 500, Internal, Component;
    /// The sidecar has no actors.
    ActorRuntimeNotFound = "ERR_ACTOR_RUNTIME_NOT_FOUND", 500, Internal, Configuration;
    /// The actor is not active in this app.
    ActorInstanceMissing = "ERR_ACTOR_INSTANCE_MISSING", 400, Internal, Caller;
    /// Calling an actor failed.
    ActorInvokeMethod = "ERR_ACTOR_INVOKE_METHOD", 500, Internal, Component;
    /// Reading an actor's state failed.
    ActorStateGet = "ERR_ACTOR_STATE_GET", 500, Internal, Component;
    /// Changing an actor's state failed.
    ActorStateTransactionSave = "ERR_ACTOR_STATE_TRANSACTION_SAVE", 500, Internal, Component;
    /// Registering a reminder failed.
    ActorReminderCreate = "ERR_ACTOR_REMINDER_CREATE", 500, Internal, Component;
    /// Reading a reminder failed.
    ActorReminderGet = "ERR_ACTOR_REMINDER_GET", 500, Internal, Component;
    /// Ending a reminder failed.
    ActorReminderDelete = "ERR_ACTOR_REMINDER_DELETE", 500, Internal, Component;
    /// Registering a timer failed.
    ActorTimerCreate = "ERR_ACTOR_TIMER_CREATE", 500, Internal, Component;
    /// Ending a timer failed.
    ActorTimerDelete = "ERR_ACTOR_TIMER_DELETE", 500, Internal, Component;
    /// Actors need an app that the sidecar can call.
    ActorNoAppChannel = "ERR_ACTOR_NO_APP_CHANNEL", 400, Unavailable, Configuration;
    /// Actors called each other too deep.
    ActorStackDepth = "ERR_ACTOR_STACK_DEPTH", 500, ResourceExhausted, Caller;
    /// The sidecar knows no placement service.
    ActorNoPlacement = "ERR_ACTOR_NO_PLACEMENT", 400, Unavailable, Configuration;
    /// The actor runtime is ending.
    ActorRuntimeClosed = "ERR_ACTOR_RUNTIME_CLOSED", 503, Unavailable, Host;
    /// Nobody hosts actors of that type.
    ActorNoAddress = "ERR_ACTOR_NO_ADDRESS", 404, FailedPrecondition, Caller;
    /// Reminders are for actor types that this app hosts.
    ActorReminderNonHosted = "ERR_ACTOR_REMINDER_NON_HOSTED", 403, PermissionDenied, Caller;
    /// A workflow without a name.
    WorkflowNameMissing = "ERR_WORKFLOW_NAME_MISSING", 400, InvalidArgument, Caller;
    /// An event without a name.
    WorkflowEventNameMissing = "ERR_WORKFLOW_EVENT_NAME_MISSING", 400, InvalidArgument, Caller;
    /// No workflow's id was given.
    WorkflowIdMissing = "ERR_INSTANCE_ID_PROVIDED_MISSING", 400, InvalidArgument, Caller;
    /// A workflow's id is over 64 characters.
    WorkflowIdTooLong = "ERR_INSTANCE_ID_TOO_LONG", 400, InvalidArgument, Caller;
    /// A workflow's id has other characters than letters, digits, `-` and `_`.
    WorkflowIdInvalid = "ERR_INSTANCE_ID_INVALID", 400, InvalidArgument, Caller;
    /// Starting a workflow failed.
    WorkflowStart = "ERR_START_WORKFLOW", 500, Internal, Component;
    /// Looking at a workflow failed.
    WorkflowGet = "ERR_GET_WORKFLOW", 500, Internal, Component;
    /// No workflow of that id.
    WorkflowNotFound = "ERR_INSTANCE_ID_NOT_FOUND", 404, NotFound, Caller;
    /// Ending a workflow failed.
    WorkflowTerminate = "ERR_TERMINATE_WORKFLOW", 500, Internal, Component;
    /// Holding a workflow failed.
    WorkflowPause = "ERR_PAUSE_WORKFLOW", 500, Internal, Component;
    /// Continuing a workflow failed.
    WorkflowResume = "ERR_RESUME_WORKFLOW", 500, Internal, Component;
    /// Forgetting a workflow failed.
    WorkflowPurge = "ERR_PURGE_WORKFLOW", 500, Internal, Component;
    /// Handing an event to a workflow failed.
    WorkflowRaiseEvent = "ERR_RAISE_EVENT_WORKFLOW", 500, Internal, Component;
    /// No secret store is loaded for this app.
    SecretStoresNotConfigured = "ERR_SECRET_STORES_NOT_CONFIGURED", 500, FailedPrecondition, Configuration;
    /// No secret store of that name. 401 is what daprd answers.
    SecretStoreNotFound = "ERR_SECRET_STORE_NOT_FOUND", 401, InvalidArgument, Configuration;
    /// The app may not read that secret.
    PermissionDenied = "ERR_PERMISSION_DENIED", 403, PermissionDenied, Configuration;
    /// Reading a secret failed.
    SecretGet = "ERR_SECRET_GET", 500, Internal, Component;
    /// A call to another app failed before the app answered.
    DirectInvoke = "ERR_DIRECT_INVOKE", 500, Internal, Component;
    /// The path names no API and no app.
    DirectInvokeNoAppId = "ERR_DIRECT_INVOKE", 404, NotFound, Caller;
    /// Access control of the called app refuses the caller.
    DirectInvokeDenied = "ERR_DIRECT_INVOKE", 403, PermissionDenied, Configuration;
    /// The sidecar is not ready.
    HealthNotReady = "ERR_HEALTH_NOT_READY", 500, Unavailable, Host;
    /// The app id asked for is not this sidecar's.
    HealthAppIdNotMatch = "ERR_HEALTH_APPID_NOT_MATCH", 500, Unavailable, Caller;
    /// The components are not ready.
    OutboundHealthNotReady = "ERR_OUTBOUND_HEALTH_NOT_READY", 500, Unavailable, Host;
    /// The request's body could not be read.
    BodyRead = "ERR_BODY_READ", 400, InvalidArgument, Caller;
    /// Something else about the request is wrong.
    BadRequest = "ERR_BAD_REQUEST", 400, InvalidArgument, Caller;
    /// Dapr has this API, Pillion's embedded sidecar doesn't have it yet.
    ApiUnimplemented = "ERR_API_UNIMPLEMENTED", 501, Unimplemented, Host;
    /// An unexpected failure of our own.
    Internal = "PILLION_INTERNAL", 500, Internal, Host;
    /// No route of the app has that path.
    RouteNotFound = "PILLION_ROUTE_NOT_FOUND", 404, NotFound, Caller;
    /// The route exists for other methods.
    MethodNotAllowed = "PILLION_METHOD_NOT_ALLOWED", 405, Unimplemented, Caller;
    /// The request's path, host or framing is refused.
    RequestRefused = "PILLION_REQUEST_REFUSED", 400, InvalidArgument, Caller;
    /// The request's path and query are over their limit.
    UriTooLong = "PILLION_URI_TOO_LONG", 414, InvalidArgument, Caller;
    /// The request's headers are over their limit.
    HeadersTooLarge = "PILLION_HEADERS_TOO_LARGE", 431, ResourceExhausted, Caller;
    /// The request's body is over its limit.
    RequestTooLarge = "PILLION_REQUEST_TOO_LARGE", 413, ResourceExhausted, Caller;
    /// The client was too slow to send its request.
    RequestTimeout = "PILLION_REQUEST_TIMEOUT", 408, DeadlineExceeded, Caller;
    /// The bytes sent are not what the guest works on (a damaged picture, say).
    UnprocessableData = "PILLION_UNPROCESSABLE_DATA", 422, InvalidArgument, Caller;
    /// `APP_API_TOKEN` is set and the request doesn't carry it.
    AppTokenInvalid = "PILLION_APP_TOKEN_INVALID", 401, Unauthenticated, Caller;
    /// Too many calls at once, and none ended in time.
    Overloaded = "PILLION_OVERLOADED", 503, Unavailable, Host;
    /// An actor was called by a chain of calls that waits for it already.
    ActorReentered = "PILLION_ACTOR_REENTERED", 409, FailedPrecondition, Caller;
    /// The process is ending.
    ShuttingDown = "PILLION_SHUTTING_DOWN", 503, Unavailable, Host;
    /// The guest ran past its deadline.
    GuestTimeout = "PILLION_GUEST_TIMEOUT", 504, DeadlineExceeded, Guest;
    /// The guest trapped.
    GuestTrap = "PILLION_GUEST_TRAP", 500, Internal, Guest;
    /// The guest ended with an exit code other than 0.
    GuestExit = "PILLION_GUEST_EXIT", 500, Internal, Guest;
    /// A handler of the guest answered with an error.
    GuestError = "PILLION_GUEST_ERROR", 500, Internal, Guest;
    /// The guest went over one of its limits.
    GuestLimit = "PILLION_GUEST_LIMIT", 500, ResourceExhausted, Guest;
    /// The guest ended without an answer, or with one that is no HTTP response.
    GuestNoResponse = "PILLION_GUEST_NO_RESPONSE", 500, Internal, Guest;
    /// The guest can't be loaded.
    GuestInvalid = "PILLION_GUEST_INVALID", 500, FailedPrecondition, Configuration;
    /// The guest asked for what `allow` doesn't grant.
    NotAllowed = "PILLION_NOT_ALLOWED", 403, PermissionDenied, Configuration;
    /// The daprd of the app can't be reached.
    SidecarUnavailable = "PILLION_SIDECAR_UNAVAILABLE", 503, Unavailable, Host;
    /// The daprd of the app did not answer in time.
    SidecarTimeout = "PILLION_SIDECAR_TIMEOUT", 504, DeadlineExceeded, Component;
    /// The daprd of the app refuses the token.
    SidecarDenied = "PILLION_SIDECAR_DENIED", 401, Unauthenticated, Configuration;
    /// A host outside could not be reached, or broke off.
    BadGateway = "PILLION_BAD_GATEWAY", 502, Unavailable, Component;
}

/// A limit that was reached: the key that raises it, and its value in that key's unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// The key of the manifest, such as `limits.memory`.
    pub key: Cow<'static, str>,
    /// Its value where it was reached: bytes, milliseconds or a count, as the key says.
    pub value: u64,
}

/// A failure: what was asked, of what, whose fault it is, and what would help.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    code: Code,
    fault: Fault,
    message: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
    limit: Option<Limit>,
    retry_after: Option<Duration>,
    details: Option<Details>,
}

/// The `details` that daprd adds to some codes: a `google.rpc.ErrorInfo` and perhaps a `google.rpc.ResourceInfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// `DAPR_STATE_NOT_FOUND` and the like.
    pub reason: Cow<'static, str>,
    /// The metadata of the `ErrorInfo`.
    pub metadata: crate::Metadata,
    /// `resource_type` and `resource_name` of the `ResourceInfo`, where daprd sends one.
    pub resource: Option<(Cow<'static, str>, String)>,
}

impl Error {
    /// A failure of a kind, with the sentence that says what was asked of what.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            code,
            fault: code.fault(),
            message: message.into(),
            hint: None,
            limit: None,
            retry_after: None,
            details: None,
        }))
    }

    /// With what would help.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// With the limit that was reached.
    #[must_use]
    pub fn limit(mut self, key: impl Into<Cow<'static, str>>, value: u64) -> Self {
        self.0.limit = Some(Limit { key: key.into(), value });
        self
    }

    /// With the time after which another try makes sense.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// With the details that daprd sends for this case.
    #[must_use]
    pub fn details(mut self, details: Details) -> Self {
        self.0.details = Some(details);
        self
    }

    /// The details, where daprd sends some for this case.
    pub fn given_details(&self) -> Option<&Details> {
        self.0.details.as_ref()
    }

    /// With another fault than the code's usual one.
    #[must_use]
    pub fn fault_of(mut self, fault: Fault) -> Self {
        self.0.fault = fault;
        self
    }

    /// The row of the table.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        self.0.fault
    }

    /// What went wrong, in a sentence.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What would help, if anything is known to.
    pub fn help(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The limit that was reached, if it was one.
    pub fn reached(&self) -> Option<&Limit> {
        self.0.limit.as_ref()
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code().http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// As an app answers it: `application/problem+json` (RFC 9457).
    pub fn problem_response(&self) -> Response<Body> {
        let problem = Problem {
            title: self.status().canonical_reason().unwrap_or("error"),
            status: self.code().http(),
            detail: &self.0.message,
            code: self.code().name(),
            fault: self.fault(),
            hint: self.help(),
            limit: self.reached(),
        };
        self.respond("application/problem+json", &problem)
    }

    /// As daprd answers it: `{"errorCode","message"}`, with `details` where daprd has them.
    pub fn dapr_response(&self) -> Response<Body> {
        let details = self.0.details.as_ref().map(Details::to_json);
        let body = DaprError { error_code: self.code().name(), message: &self.0.message, details };
        self.respond("application/json", &body)
    }

    fn respond(&self, content_type: &'static str, value: &impl Serialize) -> Response<Body> {
        let bytes = serde_json::to_vec(value).unwrap_or_default();
        let mut response = Response::new(body::full(bytes));
        *response.status_mut() = self.status();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(after) = self.0.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self.clone());
        response
    }
}

#[derive(Serialize)]
struct Problem<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    fault: Fault,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<&'a Limit>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DaprError<'a> {
    error_code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<serde_json::Value>,
}

impl Details {
    fn to_json(&self) -> serde_json::Value {
        let mut list = vec![serde_json::json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "domain": "dapr.io",
            "metadata": self.metadata,
            "reason": self.reason,
        })];
        if let Some((kind, name)) = &self.resource {
            list.push(serde_json::json!({
                "@type": "type.googleapis.com/google.rpc.ResourceInfo",
                "description": "",
                "owner": "",
                "resource_name": name,
                "resource_type": kind,
            }));
        }
        serde_json::Value::Array(list)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code().name(), self.0.message)?;
        self.help().map_or(Ok(()), |hint| write!(f, " (hint: {hint})"))
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_has_one_meaning() {
        let rows: BTreeSet<(&str, u16)> = Code::ALL.iter().map(|code| (code.name(), code.http())).collect();
        assert_eq!(rows.len(), Code::ALL.len(), "two rows share name and status");
        for code in Code::ALL {
            let known = ["PILLION_", "ERR_", "DAPR_"].iter().any(|prefix| code.name().starts_with(prefix));
            assert!(known, "{}", code.name());
            assert!((400..600).contains(&code.http()), "{}", code.name());
        }
    }

    #[test]
    fn daprs_body_is_daprds_to_the_byte() {
        let details = Details {
            reason: "DAPR_STATE_NOT_FOUND".into(),
            metadata: [("appID".to_owned(), "app1".to_owned())].into(),
            resource: None,
        };
        let error = Error::new(Code::StateStoreNotFound, "state store nostore is not found").details(details);
        let text = text(error.dapr_response());
        let daprd = r#"{"errorCode":"ERR_STATE_STORE_NOT_FOUND","message":"state store nostore is not found","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io","metadata":{"appID":"app1"},"reason":"DAPR_STATE_NOT_FOUND"}]}"#;
        assert_eq!(text, daprd);
    }

    #[test]
    fn a_problem_names_the_limit_and_the_key_that_raises_it() {
        let error = Error::new(Code::GuestTimeout, "guest `g` ran longer than 5 s").limit("limits.timeout", 5000);
        let response = error.retry_after(Duration::from_millis(1500)).problem_response();
        assert_eq!(response.status(), 504);
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        let problem: serde_json::Value = serde_json::from_str(&text(response)).expect("JSON");
        assert_eq!(problem["limit"]["key"], "limits.timeout");
        assert_eq!(problem["fault"], "guest");
    }

    fn text(response: Response<Body>) -> String {
        use http_body_util::BodyExt;
        let collected = std::pin::pin!(response.into_body().collect());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match collected.poll(&mut context) {
            std::task::Poll::Ready(Ok(body)) => String::from_utf8(body.to_bytes().to_vec()).expect("UTF-8"),
            other => panic!("not there at once: {other:?}"),
        }
    }
}
