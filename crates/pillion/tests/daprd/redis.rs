//! A Redis of Debian's, for one test: on a free port of loopback, its data in the test's folder or nowhere.

use crate::{
    common::{find_program, free_ports, on_free_ports},
    harness::{Guarded, component, until},
};
use std::{path::Path, process::Command};

/// What a daprd or an app had taken and not finished is the next one's after a second. In milliseconds: daprd passes over a
/// `redeliverInterval` of `1s`, and looks each 15 seconds.
pub const REDELIVERY: [(&str, &str); 2] = [("processingTimeout", "1000"), ("redeliverInterval", "1000")];

/// A running server.
pub struct Redis {
    _server: Guarded,
    port: u16,
}

impl Redis {
    /// None where there is no `redis-server`: then the test is skipped, counted by its line.
    pub fn start(test: &str, dir: &Path) -> Option<Self> {
        let Some(program) = find_program("redis-server") else {
            println!("skipped: {test}: no redis-server; `cargo xtask test tools` installs it");
            return None;
        };
        let (server, port) = on_free_ports(|| {
            let [port] = free_ports();
            let mut command = Command::new(&program);
            command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]).arg(port.to_string());
            let mut server = Guarded::start(command.current_dir(dir), dir.join("redis.log"));
            let is_there = until(|| server.has_ended() || server.log().contains("Ready to accept"));
            assert!(is_there, "redis-server doesn't listen:\n{}", server.log());
            if server.has_ended() { Err(server.log()) } else { Ok((server, port)) }
        });
        Some(Self { _server: server, port })
    }

    /// A component of this server.
    pub fn component(&self, name: &str, kind: &str, metadata: &[(&str, &str)]) -> String {
        let host = format!("127.0.0.1:{}", self.port);
        let items: Vec<(&str, &str)> =
            [("redisHost", host.as_str())].into_iter().chain(metadata.iter().copied()).collect();
        component(name, kind, &items)
    }
}
