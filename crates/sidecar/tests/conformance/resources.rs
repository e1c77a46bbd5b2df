//! Each wrong file has its place and its cure.

use crate::harness::World;
use pillion_sidecar::Resources;

/// Loads one file and compares what is found, one line a finding.
fn check(yaml: &str, expected: &[&str]) {
    let world = World::new();
    world.write("c.yaml", yaml);
    let resources = Resources::load(&[world.path().to_owned()]);
    let folder = format!("{}/", world.path().display());
    let found: Vec<String> = resources
        .diagnostics
        .iter()
        .map(|found| found.to_string().replace(&folder, "").replace("\nhint", " hint"))
        .collect();
    assert_eq!(found, expected, "{yaml}");
}

fn component(spec: &str) -> String {
    format!("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: store\nspec:\n{spec}")
}

#[test]
fn a_good_component_has_no_findings() {
    check(&component("  type: state.in-memory\n  version: v1\n"), &[]);
    check(
        &component("  type: STATE.SQLite\n  version: v1\n  metadata:\n  - name: ConnectionString\n    value: x.db\n"),
        &[],
    );
}

#[test]
fn types_are_known_or_nearly_so() {
    check(
        &component("  type: state.sqllite\n  version: v1\n"),
        &["error: c.yaml:6:9: component `store`: unknown type `state.sqllite` hint: did you mean `state.sqlite`?"],
    );
    check(
        &component("  type: state.redis\n  version: v1\n"),
        &[
            "error: c.yaml:6:9: component `store`: `state.redis` isn't built in yet hint: use state.in-memory or state.sqlite, or run beside a real daprd",
        ],
    );
    check(
        &component("  type: bindings.cron\n  version: v1\n"),
        &[
            "error: c.yaml:6:9: component `store`: `bindings.cron` isn't built in yet hint: run beside a real daprd, or remove the component",
        ],
    );
    check(
        &component("  type: state.redis\n  version: v1\n  ignoreErrors: true\n"),
        &[
            "warning: c.yaml:6:9: component `store`: `state.redis` isn't built in yet hint: use state.in-memory or state.sqlite, or run beside a real daprd",
        ],
    );
    check(
        &component("  type: state.in-memory\n  version: v2\n"),
        &["error: c.yaml:7:12: component `store`: `state.in-memory` has no version `v2` hint: write `version: v1`"],
    );
}

#[test]
fn metadata_are_checked() {
    check(
        &component(
            "  type: state.sqlite\n  version: v1\n  metadata:\n  - name: conectionString\n    value: x\n  - name: disableWAL\n    value: perhaps\n  - name: timeout\n    value: soon\n",
        ),
        &[
            "error: c.yaml:6:3: component `store`: metadata `connectionString` is missing, which `state.sqlite` needs",
            "warning: c.yaml:9:5: component `store`: `state.sqlite` has no metadata `conectionString` hint: did you mean `connectionString`?",
            "error: c.yaml:11:5: component `store`: metadata `disableWAL` must be `true` or `false`, but is `perhaps`",
            "error: c.yaml:13:5: component `store`: metadata `timeout` must be a duration like `5s`, but is `soon`",
        ],
    );
    check(
        &component(
            "  type: state.in-memory\n  version: v1\n  metadata:\n  - { name: actorStateStore, value: true }\n  - { name: primaryEncryptionKey, value: k }\n",
        ),
        &[
            "warning: c.yaml:9:5: component `store`: metadata `actorStateStore` is not acted on yet",
            "error: c.yaml:10:5: component `store`: metadata `primaryEncryptionKey` isn't built in yet, and the component would be less safe without it",
        ],
    );
    check(
        &component(
            "  type: state.in-memory\n  version: v1\n  metadata:\n  - { name: keyPrefix, envRef: DAPR_API_TOKEN }\n",
        ),
        &["error: c.yaml:9:5: `envRef: DAPR_API_TOKEN` names a variable that components may not read"],
    );
}

#[test]
fn the_shape_of_a_resource_is_checked() {
    check(
        "kind: Component\nmetadata: { name: a }\nspec: { type: state.in-memory }\n",
        &["error: c.yaml:1:1: Component `a`: `apiVersion` is `` hint: write `apiVersion: dapr.io/v1alpha1`"],
    );
    check(
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nspec: {}\n",
        &["error: c.yaml:1:1: the resource: `metadata` is missing"],
    );
    check(
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: { name: a/b }\nspec: {}\n",
        &["error: c.yaml:3:11: the name `a/b` of the Component can't stand in a URL path"],
    );
    check(
        "apiVersion: dapr.io/v1alpha1\nkind: Componnent\nmetadata: { name: a }\n",
        &["warning: c.yaml:2:7: the kind `Componnent` is ignored hint: did you mean `Component`?"],
    );
    check(
        "apiVersion: v1\nkind: Service\nmetadata: { name: a }\n",
        &["warning: c.yaml:2:7: the kind `Service` is ignored"],
    );
    check("- a\n", &["error: c.yaml:1:1: the resource must be a mapping (`key: value` lines), but is a list"]);
}

#[test]
fn two_components_of_one_name_are_daprs_error() {
    let one = component("  type: state.in-memory\n  version: v1\n");
    check(
        &format!("{one}---\n{one}"),
        &[
            "error: c.yaml:9:1: duplicate definition of Component name store (state.in-memory/v1) with existing store (state.in-memory/v1) hint: the other one is in c.yaml:1; rename or remove one of them",
        ],
    );
    let elsewhere = one.replace("name: store", "name: store\n  namespace: other");
    check(&format!("{one}---\n{elsewhere}"), &[]);
}

#[test]
fn subscriptions_of_both_versions_are_read() {
    let head = |version: &str| {
        format!(
            "apiVersion: dapr.io/{version}\nkind: Subscription\nmetadata: {{ name: s }}\nspec:\n  pubsubname: bus\n  topic: t\n"
        )
    };
    check(&(head("v1alpha1") + "  route: /a\n"), &[]);
    check(
        &(head("v2alpha1")
            + "  routes:\n    rules:\n    - match: event.type == \"a\"\n      path: /a\n    default: /b\n"),
        &[],
    );
    check(
        &(head("v1alpha1") + "  routes: { default: /a }\n"),
        &[
            "error: c.yaml:5:3: `spec` of subscription `s`: `route` is missing",
            "warning: c.yaml:7:3: `spec` of subscription `s`: unknown key `routes` hint: did you mean `route`?",
        ],
    );
    check(
        &(head("v2alpha1") + "  routes: {}\n"),
        &["error: c.yaml:7:11: `routes` has no route hint: add `default: /path`"],
    );
    check(&(head("v2alpha1") + "  routes: { default: /a }\n  bulkSubscribe: { enabled: true }\n"), &[]);
    let world = World::new();
    world.write(
        "c.yaml",
        &(head("v2alpha1") + "  routes:\n    rules:\n    - match: \"event.type ==\"\n      path: /a\n"),
    );
    let found = Resources::load(&[world.path().to_owned()]).diagnostics[0].to_string();
    assert!(found.contains("c.yaml:9:14: `match: event.type ==` is no CEL expression"), "{found}");
}

#[test]
fn what_is_not_acted_on_is_named() {
    check(
        "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: { name: c }\nspec:\n  tracing: { samplingRate: \"1\" }\n  secrets: { scopes: [{ storeName: s, defaultAccess: perhaps }] }\n",
        &[
            "warning: c.yaml:5:3: configuration `c`: `tracing` is not acted on yet",
            "error: c.yaml:6:54: a scope of `secrets`: `defaultAccess: perhaps`: must be `allow` or `deny`",
        ],
    );
    check(
        "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: { name: r }\nspec: { policies: {} }\n",
        &["warning: c.yaml:1:1: Resiliency `r` is read, but its policies are not acted on yet"],
    );
    check(
        "apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: { name: e }\nspec: { baseUrl: \"ftp://x\" }\n",
        &["error: c.yaml:4:18: HTTPEndpoint `e`: `baseUrl: ftp://x` must be an http or https URL without a user"],
    );
}

#[test]
fn files_are_read_in_order_and_others_are_left_alone() {
    let world = World::new();
    let named = |name: &str| component("  type: state.in-memory\n  version: v1\n").replace("store", name);
    world.write("b.yml", &format!("{}---\n{}", named("b1"), named("b2")));
    world.write("a.yaml", &named("a"));
    world.write("readme.md", "kind: [");
    std::fs::create_dir(world.path().join("below.yaml")).expect("a folder");
    let resources = Resources::load(&[world.path().to_owned()]);
    assert!(resources.diagnostics.is_empty(), "{:?}", resources.diagnostics);
    assert_eq!(resources.components.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["a", "b1", "b2"]);
    let missing = Resources::load(&[world.path().join("none")]);
    assert!(missing.diagnostics[0].to_string().ends_with("can't read the resources: there is no such folder or file"));
}
