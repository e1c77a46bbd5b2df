//! The query of a request: pairs in their order, and Dapr's `metadata.*` among them.

use super::routes::decode;
use pillion_api::Metadata;

/// More pairs than this are not looked at; the line that holds them is bounded by the edge.
const MAX_PAIRS: usize = 1024;

/// Decoded pairs.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=b&c=d`. Like Go's parser it passes over a pair that can't be decoded or holds a `;`.
    pub(super) fn parse(raw: &str) -> Self {
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        };
        let pairs = raw.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';'));
        Self(pairs.take(MAX_PAIRS).filter_map(pair).collect())
    }

    /// The first value of a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// What `metadata.<name>` gives; the first of a name holds.
    pub(super) fn metadata(&self) -> Metadata {
        let mut metadata = Metadata::new();
        for (name, value) in &self.0 {
            if let Some(name) = name.strip_prefix("metadata.") {
                metadata.entry(name.to_owned()).or_insert_with(|| value.clone());
            }
        }
        metadata
    }

    /// Metadata of a body, over which that of the query wins.
    pub(super) fn over(&self, body: Metadata) -> Metadata {
        let mut merged = body;
        merged.extend(self.metadata());
        merged
    }
}
