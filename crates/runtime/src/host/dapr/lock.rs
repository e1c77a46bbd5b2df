//! `pillion:dapr/lock`.

use super::Answer;
use crate::instance::Host;
use pillion_api::lock as dapr;
use pillion_wit::pillion::dapr::lock::{self as wit};

impl wit::Host for Host {
    async fn try_lock(&mut self, store: String, resource_id: String, owner: String, seconds: u32) -> Answer<bool> {
        let expiry_in_seconds = i32::try_from(seconds).unwrap_or(i32::MAX);
        let lock = dapr::TryLock { resource_id, lock_owner: owner, expiry_in_seconds };
        Ok(self.sidecar()?.try_lock(&store, lock).await?)
    }

    async fn unlock(&mut self, store: String, resource_id: String, owner: String) -> Answer<wit::UnlockStatus> {
        let unlock = dapr::Unlock { resource_id, lock_owner: owner };
        let status = self.sidecar()?.unlock(&store, unlock).await?;
        Ok(match status {
            dapr::UnlockStatus::Success => wit::UnlockStatus::Success,
            dapr::UnlockStatus::DoesNotExist => wit::UnlockStatus::DoesNotExist,
            dapr::UnlockStatus::BelongsToOthers => wit::UnlockStatus::BelongsToOthers,
            dapr::UnlockStatus::InternalError => wit::UnlockStatus::InternalError,
        })
    }
}
