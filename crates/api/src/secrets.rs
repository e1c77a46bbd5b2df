//! The secrets building block. A secret has one or more named values.

use std::{collections::BTreeMap, fmt};

/// A secret's values by name. Never shown by `Debug`, so that no log can hold them by accident.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub BTreeMap<String, String>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} values)", self.0.len())
    }
}

/// Secrets by name.
pub type Secrets = BTreeMap<String, Secret>;
