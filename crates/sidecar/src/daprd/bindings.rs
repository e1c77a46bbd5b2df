//! Calls that are their request and little more: publishing, secrets, bindings, locks.

use super::status::Call;
use dapr::dapr::proto::runtime::v1::{
    BulkPublishRequest, BulkPublishRequestEntry, PublishEventRequest, TryLockRequest, UnlockRequest,
};
use pillion_api::{
    Code, Metadata,
    lock::{TryLock, Unlock, UnlockStatus},
    pubsub::{BulkEntry, Publish},
};
use tonic::Code as Status;

pub(super) const PUBLISH: Call = Call { name: "publish", rows: &[], failed: Code::PubsubPublishMessage };
pub(super) const SECRET: Call = Call {
    name: "secrets",
    rows: &[
        (Status::FailedPrecondition, Code::SecretStoresNotConfigured),
        (Status::InvalidArgument, Code::SecretStoreNotFound),
        (Status::PermissionDenied, Code::PermissionDenied),
    ],
    failed: Code::SecretGet,
};
pub(super) const BINDING: Call = Call { name: "bindings", rows: &[], failed: Code::InvokeOutputBinding };
pub(super) const TRY_LOCK: Call = Call { name: "lock", rows: &[], failed: Code::TryLock };
pub(super) const UNLOCK: Call = Call { name: "lock", rows: &[], failed: Code::Unlock };

/// `text/plain` is daprd's default over HTTP; over gRPC it has none.
const PLAIN: &str = "text/plain";

pub(super) fn publish(pubsub: &str, topic: &str, event: Publish) -> PublishEventRequest {
    PublishEventRequest {
        pubsub_name: pubsub.to_owned(),
        topic: topic.to_owned(),
        data: event.data.into(),
        data_content_type: event.content_type.unwrap_or_else(|| PLAIN.to_owned()),
        metadata: event.metadata.into_iter().collect(),
    }
}

pub(super) fn publish_bulk(
    pubsub: &str,
    topic: &str,
    entries: Vec<BulkEntry>,
    metadata: Metadata,
) -> BulkPublishRequest {
    let entry = |BulkEntry { entry_id, event }: BulkEntry| BulkPublishRequestEntry {
        entry_id,
        event: event.data.into(),
        content_type: event.content_type.unwrap_or_else(|| PLAIN.to_owned()),
        // daprd hands the request's metadata on only to entries that have some of their own.
        metadata: metadata.clone().into_iter().chain(event.metadata).collect(),
    };
    BulkPublishRequest {
        pubsub_name: pubsub.to_owned(),
        topic: topic.to_owned(),
        entries: entries.into_iter().map(entry).collect(),
        metadata: metadata.clone().into_iter().collect(),
    }
}

pub(super) fn try_lock(store: &str, lock: TryLock) -> TryLockRequest {
    TryLockRequest {
        store_name: store.to_owned(),
        resource_id: lock.resource_id,
        lock_owner: lock.lock_owner,
        expiry_in_seconds: lock.expiry_in_seconds,
    }
}

pub(super) fn unlock(store: &str, unlock: Unlock) -> UnlockRequest {
    UnlockRequest { store_name: store.to_owned(), resource_id: unlock.resource_id, lock_owner: unlock.lock_owner }
}

pub(super) fn unlock_status(status: i32) -> UnlockStatus {
    match status {
        0 => UnlockStatus::Success,
        1 => UnlockStatus::DoesNotExist,
        2 => UnlockStatus::BelongsToOthers,
        _ => UnlockStatus::InternalError,
    }
}
