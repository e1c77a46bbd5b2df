//! The configuration building block: values that operators change while apps run.

use crate::{Metadata, Result};
use futures_core::stream::BoxStream;
use std::collections::BTreeMap;

/// A value with its version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// The value as text.
    pub value: String,
    /// Changes with each write, where the store knows versions.
    pub version: String,
    /// Store-specific extras.
    pub metadata: Metadata,
}

/// Values by key. Keys that don't exist are left out.
pub type Items = BTreeMap<String, Item>;

/// Asks for values.
#[derive(Clone, Debug, Default)]
pub struct Get {
    /// The keys; none asks for all.
    pub keys: Vec<String>,
    /// Store-specific extras.
    pub metadata: Metadata,
}

/// A subscription that lasts as long as its stream is held.
pub struct Subscription {
    /// Names it when it is ended early.
    pub id: String,
    /// Values as they change. An error ends it.
    pub updates: BoxStream<'static, Result<Items>>,
}

/// Values that changed, on their way to an app.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// The component.
    pub store: String,
    /// The subscription that saw the change.
    pub id: String,
    /// What changed.
    pub items: Items,
}
