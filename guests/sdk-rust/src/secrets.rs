//! Secrets.

pub use crate::bindings::service::pillion::dapr::secrets::{Secret, get, get_bulk};

use crate::Result;

/// The value of a secret that has one, copied into the guest; none where it has several, none of its own name.
///
/// # Errors
/// The store's, or what `allow.secrets` doesn't grant.
pub fn reveal(store: &str, key: &str) -> Result<Option<String>> {
    Ok(get(store, key, &[])?.reveal(key))
}
