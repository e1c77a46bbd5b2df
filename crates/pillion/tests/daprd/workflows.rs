//! Workflows of a guest: daprd keeps their histories and hands out their turns.

mod faults;
mod patterns;
mod refused;

use crate::{
    harness::{Behind, Guarded, Network, Setup, component, tools, until},
    plane::{placement, scheduler},
};
use serde_json::Value;
use std::sync::Arc;
use tempfile::TempDir;

/// The guest with a workflow for each case.
const CASES: &str =
    "{ guests: { cases: { source: workflow-cases.wasm } }, workflows: {}, allow: { state: [statestore] } }";

/// What all apps of a test share of Dapr, with files that outlive its processes.
struct Hub {
    // Dropped first: both write into the folder.
    placement: (Guarded, String),
    scheduler: (Guarded, String),
    network: Arc<Network>,
    dir: TempDir,
}

impl Hub {
    /// None where daprd was not built: the test is skipped.
    fn start(test: &str) -> Option<Self> {
        let tools = tools(test)?;
        let dir = tempfile::tempdir().expect("a folder");
        let (placement, scheduler) = (placement(&tools, dir.path()), scheduler(&tools, dir.path()));
        Some(Self { placement, scheduler, network: Network::new(tools), dir })
    }

    fn app(&self, app_id: &'static str, wasm: &str) -> Flow {
        let file = self.dir.path().join("state.db").display().to_string();
        let store =
            component("statestore", "state.sqlite", &[("connectionString", &file), ("actorStateStore", "true")]);
        let setup = Setup::new(app_id, wasm, store)
            .flag(format!("--placement-host-address={}", self.placement.1))
            .flag(format!("--scheduler-host-address={}", self.scheduler.1));
        Flow(setup.start_in(&self.network))
    }
}

/// An app with workflows, and its daprd.
struct Flow(Behind);

impl Flow {
    /// Starts an instance, once daprd is ready for that.
    fn start(&self, workflow: &str, id: &str, input: &str) {
        let path = format!("/v1.0/workflows/dapr/{workflow}/start?instanceID={id}");
        let mut answer = None;
        let started = until(|| {
            let asked = self.0.dapr("POST", &path, &[("content-type", "application/json")], input.as_bytes());
            let taken = asked.status == 202;
            answer = Some(asked.text());
            taken
        });
        assert!(started, "{workflow} never starts: {answer:?}\n{}", self.0.daprd.log());
    }

    /// What is known of an instance.
    fn look(&self, id: &str) -> Value {
        let answer = self.0.dapr("GET", &format!("/v1.0/workflows/dapr/{id}"), &[], b"");
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// Waits for a status; what is known then.
    fn until(&mut self, id: &str, status: &str) -> Value {
        let mut seen = Value::Null;
        let came = until(|| {
            seen = self.look(id);
            seen["runtimeStatus"] == status
        });
        if !came {
            let printed = self.0.pillion.as_mut().map(|running| running.printed()).unwrap_or_default();
            panic!("`{id}` never is {status}: {seen:#}\n{printed}\n{}", self.0.daprd.log());
        }
        seen
    }

    /// Waits for the end of an instance; its output.
    fn output(&mut self, id: &str) -> String {
        text(&self.until(id, "COMPLETED"), "output")
    }

    /// The same as JSON.
    fn json(&mut self, id: &str) -> Value {
        serde_json::from_str(&self.output(id)).expect("JSON")
    }

    /// Waits for the failure of an instance: its type and its message.
    fn failure(&mut self, id: &str) -> (String, String) {
        let seen = self.until(id, "FAILED");
        (text(&seen, "failure.error_type"), text(&seen, "failure.error_message"))
    }

    /// Runs a workflow to its end.
    fn run(&mut self, workflow: &str, id: &str, input: &str) -> String {
        self.start(workflow, id, input);
        self.output(id)
    }

    fn steer(&self, id: &str, what: &str, body: &str) {
        let answer = self.0.dapr("POST", &format!("/v1.0/workflows/dapr/{id}/{what}"), &[], body.as_bytes());
        assert_eq!(answer.status, 202, "{what}: {}", answer.text());
    }

    fn raise(&self, id: &str, event: &str, data: &str) {
        self.steer(id, &format!("raiseEvent/{event}"), data);
    }

    /// The same, once somebody is there for it.
    fn raise_at_last(&self, id: &str, event: &str, data: &str) {
        let path = format!("/v1.0/workflows/dapr/{id}/raiseEvent/{event}");
        let raised = until(|| self.0.dapr("POST", &path, &[], data.as_bytes()).status == 202);
        assert!(raised, "{}", self.0.daprd.log());
    }

    /// Waits until an instance says something of itself.
    fn until_said(&mut self, id: &str, status: &str) {
        let said = until(|| text(&self.look(id), "custom_status") == status);
        assert!(said, "`{id}` never says `{status}`: {:#}", self.look(id));
    }
}

fn text(seen: &Value, property: &str) -> String {
    seen["properties"][format!("dapr.workflow.{property}")].as_str().unwrap_or_default().to_owned()
}
