//! From daprd's gRPC status to the error that its HTTP API would have given: code, HTTP status, text and details.

use dapr::google::rpc;
use pillion_api::{Code, Error, Metadata, error::Details, error::Grpc};
use prost::Message;
use std::error::Error as _;
use tonic::{Code as Status, Status as Answer};

/// What a call of a building block is, where it fails.
pub(super) struct Call {
    /// Named in messages of our own.
    pub(super) name: &'static str,
    /// Statuses without details that mean more than that the call failed.
    pub(super) rows: &'static [(Status, Code)],
    /// What any other failure is.
    pub(super) failed: Code,
}

/// `google.rpc.ErrorInfo`, which the `dapr` crate doesn't have.
#[derive(Clone, PartialEq, Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
    #[prost(map = "string, string", tag = "3")]
    metadata: std::collections::HashMap<String, String>,
}

/// `google.rpc.ResourceInfo`.
#[derive(Clone, PartialEq, Message)]
struct ResourceInfo {
    #[prost(string, tag = "1")]
    resource_type: String,
    #[prost(string, tag = "2")]
    resource_name: String,
}

/// Reasons of daprd that have another `errorCode` over HTTP; the others are the code itself.
const REASONS: &[(&str, Code)] = &[
    ("DAPR_STATE_NOT_FOUND", Code::StateStoreNotFound),
    ("DAPR_STATE_NOT_CONFIGURED", Code::StateStoreNotConfigured),
    ("DAPR_STATE_ILLEGAL_KEY", Code::MalformedRequest),
    ("DAPR_STATE_TRANSACTIONS_NOT_SUPPORTED", Code::StateStoreNotSupported),
    ("DAPR_STATE_QUERYING_NOT_SUPPORTED", Code::StateStoreNotSupported),
    ("DAPR_STATE_TOO_MANY_TRANSACTIONS", Code::StateStoreTooManyTransactions),
    ("DAPR_STATE_QUERY_FAILED", Code::StateQuery),
    ("DAPR_PUBSUB_NAME_EMPTY", Code::PubsubEmpty),
    ("DAPR_PUBSUB_NOT_FOUND", Code::PubsubNotFound),
    ("DAPR_PUBSUB_TEST_NOT_FOUND", Code::PubsubNotFound),
    ("DAPR_PUBSUB_NOT_CONFIGURED", Code::PubsubNotConfigured),
    ("DAPR_PUBSUB_TOPIC_NAME_EMPTY", Code::TopicNameEmpty),
    ("DAPR_PUBSUB_FORBIDDEN", Code::PubsubForbidden),
    ("DAPR_PUBSUB_PUBLISH_MESSAGE", Code::PubsubPublishMessage),
    ("DAPR_PUBSUB_METADATA_DESERIALIZATION", Code::PubsubRequestMetadata),
    ("DAPR_PUBSUB_CLOUD_EVENT_CREATION", Code::PubsubCloudEventsSer),
    ("DAPR_PUBSUB_MARSHAL_ENVELOPE", Code::PubsubEventsSer),
    ("DAPR_PUBSUB_MARSHAL_EVENTS", Code::PubsubEventsSer),
    ("DAPR_PUBSUB_UNMARSHAL_EVENTS", Code::PubsubEventsSer),
    ("DAPR_PUBSUB_OUTBOX", Code::PublishOutbox),
];

/// Failures that daprd sends with a text alone, which begins and ends like this.
const TEXTS: &[(&str, &str, Code)] = &[
    ("lock store is not configured", "", Code::LockStoreNotConfigured),
    ("ResourceId is empty in lock store ", "", Code::MalformedRequest),
    ("LockOwner is empty in lock store ", "", Code::MalformedRequest),
    ("ExpiryInSeconds is not positive in lock store ", "", Code::MalformedRequest),
    ("lock store ", " not found", Code::LockStoreNotFound),
    ("crypto providers not configured", "", Code::CryptoProvidersNotConfigured),
    ("crypto provider ", " not found", Code::CryptoProviderNotFound),
    ("failed to retrieve key ", "", Code::CryptoKey),
    ("failed finding conversation component ", "", Code::ConversationNotFound),
    ("failed conversing with component ", ": invalid params", Code::ConversationInvalidParameters),
    ("failed conversing with component ", ": missing inputs in request", Code::ConversationMissingInputs),
    ("the state store is not configured to use the actor runtime.", "", Code::ActorRuntimeNotFound),
    ("actor instance is missing", "", Code::ActorInstanceMissing),
    ("app channel is not initialized", "", Code::ActorNoAppChannel),
    ("placement service is not configured", "", Code::ActorNoPlacement),
    ("actor runtime is closed", "", Code::ActorRuntimeClosed),
    ("did not find address for actor", "", Code::ActorNoAddress),
    ("maximum stack depth exceeded", "", Code::ActorStackDepth),
    ("operations on actor reminders are only possible", "", Code::ActorReminderNonHosted),
    ("workflow name is not configured", "", Code::WorkflowNameMissing),
    ("workflow instance ID exceeds the max length", "", Code::WorkflowIdTooLong),
    ("workflow instance ID '", "", Code::WorkflowIdInvalid),
    ("no instance ID was provided", "", Code::WorkflowIdMissing),
    ("unable to find workflow with the provided instance ID", "", Code::WorkflowNotFound),
    ("missing workflow event name", "", Code::WorkflowEventNameMissing),
    ("failed deserializing HTTP body: ", "", Code::MalformedRequest),
    ("invalid request: ", "", Code::BadRequest),
];

/// The reasons whose details name the app over HTTP and don't over gRPC.
const OF_APP: [&str; 2] = ["DAPR_STATE_NOT_FOUND", "DAPR_STATE_NOT_CONFIGURED"];

/// Whether daprd was not reached at all, so that the call can be made again.
pub(super) fn not_reached(answer: &Answer) -> bool {
    let mut cause = answer.source();
    while let Some(error) = cause {
        if error.downcast_ref::<std::io::Error>().is_some_and(refused) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Nothing was sent. A connection that broke later may have carried the call.
fn refused(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable, NotFound};
    matches!(error.kind(), ConnectionRefused | NotFound | HostUnreachable | NetworkUnreachable | AddrNotAvailable)
}

/// The error of a call that daprd did not do.
pub(super) fn error(answer: &Answer, call: &Call, app_id: &str) -> Error {
    if let Some(code) = of_text(answer) {
        return Error::new(code, answer.message().to_owned());
    }
    if answer.source().is_some() || answer.code() == Status::Unavailable && answer.details().is_empty() {
        return unavailable(call.name, &innermost(answer));
    }
    match answer.code() {
        Status::Unauthenticated => denied(answer.message()),
        Status::Unimplemented if answer.details().is_empty() => {
            Error::new(Code::ApiUnimplemented, format!("this daprd has no {} API: {}", call.name, answer.message()))
        }
        _ => of_dapr(answer, call, app_id),
    }
}

/// daprd can't be reached, or the connection broke.
pub(super) fn unavailable(what: &str, why: &str) -> Error {
    Error::new(Code::SidecarUnavailable, format!("{what}: daprd can't be reached: {why}"))
        .hint("is it running, and do DAPR_GRPC_PORT and DAPR_HTTP_PORT (or the ENDPOINTs) name its ports?")
}

/// daprd took too long.
pub(super) fn late(what: &str, limit: std::time::Duration) -> Error {
    Error::new(Code::SidecarTimeout, format!("{what}: daprd did not answer within {limit:?}"))
}

/// daprd wants a token, or another one.
pub(super) fn denied(why: &str) -> Error {
    Error::new(Code::SidecarDenied, format!("daprd refuses the call: {why}"))
        .hint("set DAPR_API_TOKEN to the token that daprd was started with")
}

fn of_text(answer: &Answer) -> Option<Code> {
    if answer.source().is_some() || !answer.details().is_empty() {
        return None;
    }
    let text = answer.message();
    TEXTS.iter().find(|(begin, end, _)| text.starts_with(begin) && text.ends_with(end)).map(|(.., code)| *code)
}

fn innermost(answer: &Answer) -> String {
    let mut text = answer.message().to_owned();
    let mut cause = answer.source();
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    text
}

fn of_dapr(answer: &Answer, call: &Call, app_id: &str) -> Error {
    let (info, resource) = details(answer.details());
    let message = answer.message().to_owned();
    let Some(info) = info else {
        let row = call.rows.iter().find(|(status, _)| *status == answer.code());
        return Error::new(row.map_or(call.failed, |(_, code)| *code), message);
    };
    let error = Error::new(of_reason(&info.reason, answer.code()).unwrap_or(call.failed), message);
    // A reason that is the HTTP code itself comes without details over HTTP, the scheduler's excepted.
    if info.reason.starts_with("ERR_") {
        return error;
    }
    let mut metadata: Metadata = info.metadata.into_iter().collect();
    if OF_APP.contains(&info.reason.as_str()) {
        metadata.insert("appID".to_owned(), app_id.to_owned());
    }
    let resource = resource.map(|resource| (resource.resource_type.into(), resource.resource_name));
    error.details(Details { reason: info.reason.into(), metadata, resource })
}

/// Of the rows that share a name, the one with the same gRPC status.
fn of_reason(reason: &str, status: Status) -> Option<Code> {
    if let Some((_, code)) = REASONS.iter().find(|(other, _)| *other == reason) {
        return Some(*code);
    }
    let named = || Code::ALL.iter().copied().filter(|code| code.name() == reason);
    let grpc = |code: &Code| grpc_number(code.grpc()) == status as i32;
    named().find(grpc).or_else(|| named().next())
}

fn grpc_number(status: Grpc) -> i32 {
    status as i32
}

/// The first of each kind. What can't be read counts as absent: the status says enough by itself.
fn details(bytes: &[u8]) -> (Option<ErrorInfo>, Option<ResourceInfo>) {
    let status = rpc::Status::decode(bytes).unwrap_or_default();
    let of =
        |name: &str| status.details.iter().find(|any| any.type_url.ends_with(name)).map(|any| any.value.as_slice());
    let info = of("google.rpc.ErrorInfo").and_then(|bytes| ErrorInfo::decode(bytes).ok());
    let resource = of("google.rpc.ResourceInfo").and_then(|bytes| ResourceInfo::decode(bytes).ok());
    (info, resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Call = Call {
        name: "secrets",
        rows: &[(Status::InvalidArgument, Code::SecretStoreNotFound)],
        failed: Code::SecretGet,
    };

    fn rich(status: Status, message: &str, reason: &str) -> Answer {
        let info = ErrorInfo { reason: reason.into(), domain: "dapr.io".into(), ..ErrorInfo::default() };
        let any = prost_types::Any {
            type_url: "type.googleapis.com/google.rpc.ErrorInfo".into(),
            value: info.encode_to_vec(),
        };
        let body = rpc::Status { code: status as i32, message: message.into(), details: vec![any] };
        Answer::with_details(status, message, body.encode_to_vec().into())
    }

    #[test]
    fn a_reason_says_more_than_the_status() {
        for (status, reason, code) in [
            (Status::InvalidArgument, "DAPR_STATE_NOT_FOUND", Code::StateStoreNotFound),
            (Status::Aborted, "ERR_STATE_SAVE", Code::StateSaveEtagMismatch),
            (Status::Internal, "ERR_STATE_SAVE", Code::StateSave),
            (Status::AlreadyExists, "DAPR_SCHEDULER_SCHEDULE_JOB", Code::JobExists),
            (Status::Internal, "SOMETHING_NEW", Code::SecretGet),
        ] {
            assert_eq!(error(&rich(status, "why", reason), &GET, "app").code(), code, "{reason}");
        }
    }

    #[test]
    fn the_app_is_named_in_details_as_over_http() {
        let found = error(&rich(Status::InvalidArgument, "m", "DAPR_STATE_NOT_FOUND"), &GET, "shop");
        assert_eq!(found.given_details().expect("details").metadata["appID"], "shop");
        assert!(error(&rich(Status::Internal, "m", "ERR_STATE_GET"), &GET, "shop").given_details().is_none());
    }

    #[test]
    fn without_details_the_call_decides() {
        let not_found = error(&Answer::invalid_argument("no such store"), &GET, "app");
        assert_eq!((not_found.code(), not_found.message()), (Code::SecretStoreNotFound, "no such store"));
        assert_eq!(error(&Answer::internal("x"), &GET, "app").code(), Code::SecretGet);
        assert_eq!(error(&Answer::unauthenticated("x"), &GET, "app").code(), Code::SidecarDenied);
        assert_eq!(error(&Answer::unimplemented("unknown service"), &GET, "app").code(), Code::ApiUnimplemented);
        assert_eq!(error(&Answer::unavailable("x"), &GET, "app").code(), Code::SidecarUnavailable);
    }

    #[test]
    fn details_that_cannot_be_read_are_none() {
        let answer = Answer::with_details(Status::Internal, "why", vec![0xff, 0xff, 0xff].into());
        assert_eq!(error(&answer, &GET, "app").code(), Code::SecretGet);
    }
}
