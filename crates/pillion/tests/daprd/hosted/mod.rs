//! Actors that are guests, behind daprd with placement, scheduler and a store of state.

mod languages;
mod moves;
mod streamed;
mod times;
mod turns;

use crate::{
    common::{Answer, Running},
    harness::{Behind, Guarded, Network, Setup, component, later_tools, tools, until},
    plane::{placement, scheduler},
};
use std::{path::PathBuf, sync::Arc};
use tempfile::TempDir;

/// What daprd needs for actors, and the folder of their state.
pub struct Plane {
    _placement: Guarded,
    _scheduler: Guarded,
    flags: [String; 2],
    /// The app protocol.
    protocol: &'static str,
    network: Arc<Network>,
    dir: TempDir,
}

/// Runs a test with a daprd that asks for turns at the app's port, and with one that asks on a stream of the app's own.
pub fn each(test: &str, run: impl Fn(&Plane)) {
    for plane in [Plane::at_port(test), Plane::streamed(test)].into_iter().flatten() {
        println!("by {}", plane.protocol);
        run(&plane);
    }
}

impl Plane {
    /// One whose daprd asks for turns at the app's port; none where it is not built.
    pub fn at_port(test: &str) -> Option<Self> {
        tools(test).map(|tools| Self::start(tools, "http"))
    }

    /// One whose daprd asks on a stream.
    pub fn streamed(test: &str) -> Option<Self> {
        later_tools(test).map(|tools| Self::start(tools, "grpc"))
    }

    pub fn is_streamed(&self) -> bool {
        self.protocol == "grpc"
    }

    fn start(tools: PathBuf, protocol: &'static str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let (placement, at) = placement(&tools, dir.path());
        let (scheduler, scheduled_at) = scheduler(&tools, dir.path());
        let flags = [format!("--placement-host-address={at}"), format!("--scheduler-host-address={scheduled_at}")];
        Self { _placement: placement, _scheduler: scheduler, flags, protocol, network: Network::new(tools), dir }
    }

    /// An app that hosts `Counter`, with further settings of the type and of the app.
    pub fn setup(&self, of_type: &str, of_app: &str) -> Setup {
        self.setup_of("dapr-actor", of_type, of_app)
    }

    /// The same of another guest.
    pub fn setup_of(&self, guest: &str, of_type: &str, of_app: &str) -> Setup {
        let wasm = format!(
            "{{ source: {guest}.wasm, actors: [{{ type: Counter{of_type} }}], allow: {{ actors: [Counter] }}{of_app} }}"
        );
        let file = self.dir.path().join("state.db");
        let settings = [("actorStateStore", "true"), ("connectionString", file.to_str().expect("text"))];
        let setup = Setup::new("counters", wasm, component("store", "state.sqlite", &settings)).protocol(self.protocol);
        self.flags.iter().fold(setup, |setup, flag| setup.flag(flag.as_str()))
    }

    /// The app behind its daprd, which knows by then where actors live.
    pub fn start_app(&self, of_type: &str, of_app: &str) -> Behind {
        self.start_setup(self.setup(of_type, of_app))
    }

    pub fn start_setup(&self, setup: Setup) -> Behind {
        let mut behind = setup.start_in(&self.network);
        assert!(until(|| call(&behind, "first", "get", "").status == 200), "{}", logs(&mut behind));
        behind
    }
}

/// A method of an actor, by daprd's API.
pub fn call(behind: &Behind, id: &str, method: &str, data: &str) -> Answer {
    behind.dapr("POST", &format!("/v1.0/actors/Counter/{id}/method/{method}"), &[], data.as_bytes())
}

/// The answer of one that must succeed.
pub fn ask(behind: &mut Behind, id: &str, method: &str, data: &str) -> String {
    let answer = call(behind, id, method, data);
    assert_eq!(answer.status, 200, "{id} {method}: {}\n{}", answer.text(), logs(behind));
    answer.text()
}

/// What the app, its guests too, said so far.
pub fn printed(behind: &mut Behind) -> String {
    behind.pillion.as_mut().map(Running::printed).unwrap_or_default()
}

pub fn logs(behind: &mut Behind) -> String {
    format!("{}\n{}", printed(behind), behind.daprd.log())
}

/// Waits until the app, or a guest, said something.
pub fn until_said(behind: &mut Behind, text: &str) {
    let said = until(|| printed(behind).contains(text));
    assert!(said, "nobody said `{text}`:\n{}", logs(behind));
}
