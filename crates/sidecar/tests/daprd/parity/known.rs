//! The differences that are meant, each with its reason.

use super::shown::Known;

pub(super) const DIFFERENCES: &[Known] = &[
    ("publish what is no CloudEvent", "a detail quotes the error of Go's JSON parser; code and message are the same"),
    (
        "publish an array as a CloudEvent",
        "a detail quotes the error of Go's JSON parser; code and message are the same",
    ),
    ("capabilities of memory", "the embedded sidecar has no actors, and no component that deletes by prefix"),
    ("capabilities of sqlite", "the embedded sidecar has no actors"),
];
