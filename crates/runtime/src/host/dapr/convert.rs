//! Between the types of WIT and Dapr's.

use crate::call::Call;
use pillion_api::Metadata;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The metadata key that counts how many apps a message has gone through; a guest can't begin anew.
const HOPS: &str = "pillion-hops";

/// Pairs as a guest gets them.
pub(crate) fn metadata(metadata: Metadata) -> Vec<(String, String)> {
    metadata.into_iter().collect()
}

/// Pairs of a guest that are handed on to whatever they lead to.
pub(crate) fn onward(call: &Call, pairs: impl IntoIterator<Item = (String, String)>) -> Metadata {
    let mut metadata: Metadata = pairs.into_iter().filter(|(key, _)| !key.eq_ignore_ascii_case(HOPS)).collect();
    if let Some(hops) = call.hops.as_ref().and_then(|hops| hops.to_str().ok()) {
        metadata.insert(HOPS.to_owned(), hops.to_owned());
    }
    metadata
}

/// Milliseconds since 1970.
pub(super) fn timestamp(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
