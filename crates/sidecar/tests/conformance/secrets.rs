//! Secret stores, their scopes, and secrets in the metadata of components.

use crate::harness::{World, component};
use pillion_api::{Code, Metadata, Sidecar, secrets::Secret};
use pillion_sidecar::Embedded;

const FILE: &str = r#"{"plain": "p", "number": 5, "nested": {"a": "x", "list": ["y", {"deep": "z"}]}}"#;

async fn read(world: &World, yaml: &str, key: &str) -> Result<String, String> {
    let sidecar = world.open("shop", yaml).await;
    let secret = sidecar.get_secret("secrets", key, Metadata::new()).await;
    secret.map(|secret| shown(&secret)).map_err(|error| format!("{} {}", error.status().as_u16(), error.message()))
}

fn shown(secret: &Secret) -> String {
    secret.0.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_file_is_flattened_with_the_separator() {
    for (metadata, key, expected) in [
        (&[][..], "plain", Ok("plain=p")),
        (&[], "number", Ok("number=5")),
        (&[], "nested:a", Ok("nested:a=x")),
        (&[], "nested:list:1:deep", Ok("nested:list:1:deep=z")),
        (&[("nestedSeparator", ".")], "nested.list.0", Ok("nested.list.0=y")),
        (&[("multiValued", "true")], "nested", Ok("a=x list:0=y list:1:deep=z")),
        (&[("multiValued", "true")], "plain", Ok("plain=p")),
        (
            &[],
            "nested",
            Err("500 failed getting secret with key nested from secret store secrets: secret nested not found"),
        ),
    ] {
        let world = World::new();
        world.write("secrets.json", FILE);
        let mut all = vec![("secretsFile", "secrets.json")];
        all.extend(metadata);
        let yaml = component("secrets", "secretstores.local.file", &all);
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(read(&world, &yaml, key).await, expected, "{key}");
    }
}

#[tokio::test]
async fn a_missing_or_broken_file_stops_the_start_without_showing_a_secret() {
    for (text, why) in [
        (None, "No such file"),
        (Some(r#"{"a": "s3cret" oops}"#), "no JSON object at line 1, column 16"),
        (Some(r#"["s3cret"]"#), "no JSON object"),
    ] {
        let world = World::new();
        if let Some(text) = text {
            world.write("secrets.json", text);
        }
        let config =
            world.config("shop", &component("secrets", "secretstores.local.file", &[("secretsFile", "secrets.json")]));
        let found = Embedded::open(config).await.err().expect("an error")[0].to_string();
        assert!(found.contains(why), "{found}");
        assert!(!found.contains("s3cret"), "{found}");
    }
}

#[tokio::test]
async fn the_environment_is_read_without_daprs_own_variables() {
    let world = World::new();
    let yaml = component("secrets", "secretstores.local.env", &[]);
    // Cargo sets this one for every test.
    assert_eq!(read(&world, &yaml, "CARGO_PKG_NAME").await, Ok("CARGO_PKG_NAME=pillion-sidecar".to_owned()));
    assert_eq!(read(&world, &yaml, "NO_SUCH_VARIABLE").await, Ok("NO_SUCH_VARIABLE=".to_owned()));
    assert_eq!(read(&world, &yaml, "a=b").await, Ok("a=b=".to_owned()));
    assert_eq!(read(&world, &yaml, "DAPR_API_TOKEN").await, Ok("DAPR_API_TOKEN=".to_owned()));
    let prefixed = component("secrets", "secretstores.local.env", &[("prefix", "CARGO_PKG_")]);
    assert_eq!(read(&world, &prefixed, "NAME").await, Ok("NAME=pillion-sidecar".to_owned()));
    let all = world.open("shop", &prefixed).await.get_bulk_secrets("secrets", Metadata::new()).await.expect("read");
    assert_eq!(all.get("NAME").map(shown), Some("NAME=pillion-sidecar".to_owned()));
    assert!(!all.contains_key("CARGO_PKG_NAME") && !all.contains_key("PATH"));
}

#[tokio::test]
async fn scopes_of_a_configuration_are_daprs() {
    for (scope, allowed) in [
        ("", vec!["a", "b"]),
        ("allowedSecrets: [a]", vec!["a"]),
        ("deniedSecrets: [a]", vec!["b"]),
        ("defaultAccess: deny", vec![]),
        ("defaultAccess: deny, allowedSecrets: [b]", vec!["b"]),
        ("deniedSecrets: [b], allowedSecrets: [b]", vec!["b"]),
    ] {
        let world = World::new();
        world.write("secrets.json", r#"{"a": "1", "b": "2"}"#);
        let comma = if scope.is_empty() { "" } else { ", " };
        let yaml = component("secrets", "secretstores.local.file", &[("secretsFile", "secrets.json")])
            + &format!(
                "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {{ name: c }}\nspec: {{ secrets: {{ scopes: [{{ storeName: secrets{comma}{scope} }}] }} }}\n"
            );
        let sidecar = world.open("shop", &yaml).await;
        let bulk = sidecar.get_bulk_secrets("secrets", Metadata::new()).await.expect("read");
        assert_eq!(bulk.keys().map(String::as_str).collect::<Vec<_>>(), allowed, "{scope}");
        for key in ["a", "b"] {
            match sidecar.get_secret("secrets", key, Metadata::new()).await {
                Ok(_) => assert!(allowed.contains(&key), "{scope}"),
                Err(error) => {
                    assert!(!allowed.contains(&key), "{scope}");
                    assert_eq!(error.message(), format!("access denied by policy to get \"{key}\" from \"secrets\""));
                    assert_eq!((error.code(), error.status().as_u16()), (Code::PermissionDenied, 403));
                }
            }
        }
    }
}

#[tokio::test]
async fn unknown_stores_have_daprs_errors() {
    let world = World::new();
    let none = world.open("shop", "").await.get_secret("s", "k", Metadata::new()).await.expect_err("none");
    assert_eq!((none.status().as_u16(), none.message()), (500, "secret store is not configured"));
    let yaml = component("secrets", "secretstores.local.env", &[]);
    let unknown = world.open("shop", &yaml).await.get_secret("s", "k", Metadata::new()).await.expect_err("unknown");
    assert_eq!((unknown.status().as_u16(), unknown.message()), (401, "failed finding secret store with key s"));
}

#[tokio::test]
async fn a_components_metadata_may_be_a_secret() {
    let store = |reference: &str, auth: &str| {
        format!(
            "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{ name: store }}\nspec:\n  type: state.sqlite\n  version: v1\n  metadata:\n  - name: connectionString\n    {reference}\n{auth}---\n"
        )
    };
    let secrets = component("secrets", "secretstores.local.file", &[("secretsFile", "secrets.json")]);
    let auth = "auth: { secretStore: secrets }\n";
    for (reference, auth, wrong) in [
        ("secretKeyRef: { name: path, key: path }", auth, None),
        ("secretKeyRef: { name: path }", auth, None),
        ("secretKeyRef: { name: missing }", auth, Some("secret missing not found")),
        ("secretKeyRef: { name: path, key: other }", auth, Some("the secret `path` of `secrets` has no value `other`")),
        ("secretKeyRef: { name: path }", "", Some("needs `auth: { secretStore: … }`")),
        (
            "secretKeyRef: { name: path }",
            "auth: { secretStore: nobody }\n",
            Some("its secret store `nobody` isn't there"),
        ),
    ] {
        let world = World::new();
        world.write("secrets.json", r#"{"path": "from-secret.db"}"#);
        // The store stands before the secrets that it needs.
        let config = world.config("shop", &(store(reference, auth) + &secrets));
        let opened = Embedded::open(config).await;
        match wrong {
            None => {
                opened.expect("open");
                assert!(world.path().join("from-secret.db").exists());
            }
            Some(wrong) => {
                let found = opened.err().expect(wrong)[0].to_string();
                assert!(found.contains(wrong), "{found}");
            }
        }
    }
}

#[tokio::test]
async fn a_component_that_may_fail_is_left_out() {
    let world = World::new();
    let yaml = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: { name: store }\nspec:\n  type: state.sqlite\n  version: v1\n  ignoreErrors: true\n  metadata: [{ name: connectionString, value: no/such/data.db }]\n";
    let sidecar = world.open("shop", yaml).await;
    assert!(sidecar.metadata().await.expect("metadata").components.is_empty());
}
