//! Ports that a file gives out twice.

use super::settings;
use pillion_sidecar::yaml::{Fields, Findings, Place};
use std::collections::BTreeMap;

/// Who has which port of this machine so far.
#[derive(Debug, Default)]
pub(super) struct Ports {
    taken: BTreeMap<u16, (String, Place)>,
}

impl Ports {
    /// Reads a port and takes it; 0 where the file leaves it open.
    pub(super) fn take(&mut self, fields: &mut Fields<'_>, key: &'static str, findings: &mut Findings) -> u16 {
        match settings::port(fields, key, findings) {
            None | Some((0, _)) => 0,
            Some((port, at)) => {
                self.give(port, at, format!("`{key}` of {}", fields.owner()), findings);
                port
            }
        }
    }

    fn give(&mut self, port: u16, at: Place, user: String, findings: &mut Findings) {
        if let Some((first, (line, column))) = self.taken.get(&port) {
            let message = format!("port {port}, {user}, is already {first} (line {line}, column {column})");
            findings.error_hint(at, message, "give each port once; without the key a free one is chosen at start");
            return;
        }
        self.taken.insert(port, (user, at));
    }
}
