//! The lock building block: one owner of a resource at a time, for a while.

/// Asks for a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TryLock {
    /// What is locked.
    pub resource_id: String,
    /// Who wants it; only this owner can give it back.
    pub lock_owner: String,
    /// Seconds until it is free again by itself. More than 0.
    pub expiry_in_seconds: i32,
}

/// Gives a lock back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unlock {
    /// What is locked.
    pub resource_id: String,
    /// Who has it.
    pub lock_owner: String,
}

/// What became of an [`Unlock`]; the numbers are those on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum UnlockStatus {
    /// It is free.
    Success = 0,
    /// Nobody had it, or it expired.
    DoesNotExist = 1,
    /// Another owner has it.
    BelongsToOthers = 2,
    /// The store failed.
    InternalError = 3,
}
