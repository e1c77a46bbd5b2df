//! Where resources, Configuration and the file itself come from.

use super::{folder, good, shown};
use crate::manifest::{Manifest, Places};
use std::{
    fs,
    path::{Path, PathBuf},
};

const WITH_ALL: &str = "version: 1
common: { resourcesPath: components, configFilePath: config.yaml }
apps: [{ appID: a, appDirPath: app, resourcesPaths: [own], configFilePath: own.yaml }]";
const WITHOUT_OWN: &str = "version: 1
common: { resourcesPath: components, configFilePath: config.yaml }
apps: [{ appID: a, appDirPath: app }]";
const WITHOUT_ANY: &str = "version: 1\napps: [{ appID: a, appDirPath: app }]";

fn check(dir: &Path, text: &str, resources: &[&str], config: Option<&str>) {
    let manifest = good(dir, text);
    let app = &manifest.apps[0];
    let expected: Vec<PathBuf> = resources.iter().map(|path| dir.join(path)).collect();
    assert_eq!(app.resources_paths, expected, "{text}");
    assert_eq!(app.config_path, config.map(|path| dir.join(path)), "{text}");
}

#[test]
fn the_first_place_that_has_resources_is_taken() {
    let dir = folder();
    let path = dir.path();
    fs::create_dir(path.join("app/own")).expect("a folder");
    fs::write(path.join("app/own.yaml"), "").expect("a file");
    check(path, WITHOUT_ANY, &["home/.dapr/components"], None);
    fs::write(path.join("home/.dapr/config.yaml"), "").expect("a file");
    check(path, WITHOUT_ANY, &["home/.dapr/components"], Some("home/.dapr/config.yaml"));
    check(path, WITHOUT_OWN, &["components"], Some("config.yaml"));
    fs::create_dir_all(path.join("app/.dapr/resources")).expect("a folder");
    fs::write(path.join("app/.dapr/config.yaml"), "").expect("a file");
    check(path, WITHOUT_OWN, &["app/.dapr/resources"], Some("app/.dapr/config.yaml"));
    check(path, WITH_ALL, &["app/own"], Some("app/own.yaml"));
}

#[test]
fn nobody_needs_a_home() {
    let dir = folder();
    fs::write(dir.path().join("dapr.yaml"), WITHOUT_ANY).expect("written");
    let (manifest, _) = Manifest::load(&dir.path().join("dapr.yaml"), &Places::default()).expect("good");
    assert!(manifest.apps[0].resources_paths.is_empty());
    fs::write(dir.path().join("dapr.yaml"), "version: 1\napps: [{ appID: a, appDirPath: ~ }]").expect("written");
    let found = Manifest::load(dir.path(), &Places::default()).expect_err("null");
    assert!(found[0].message.contains("`appDirPath` is missing"), "{found:?}");
    fs::write(dir.path().join("dapr.yaml"), "version: 1\napps: [{ appID: a, appDirPath: ~/x }]").expect("written");
    let found = Manifest::load(dir.path(), &Places::default()).expect_err("no home");
    assert!(found[0].message.contains("`HOME` is not set"), "{found:?}");
}

#[test]
fn the_runtime_path_replaces_the_home() {
    let dir = folder();
    fs::create_dir_all(dir.path().join("data/.dapr/components")).expect("a folder");
    fs::create_dir_all(dir.path().join("static/.dapr/components")).expect("a folder");
    fs::write(dir.path().join("dapr.yaml"), WITHOUT_ANY).expect("written");
    let places =
        Places { home: Some(dir.path().join("home")), runtime: Some(dir.path().join("data")), ..Places::default() };
    let (manifest, _) = Manifest::load(dir.path(), &places).expect("good");
    assert_eq!(manifest.apps[0].resources_paths, [dir.path().join("data/.dapr/components")]);
    fs::write(dir.path().join("dapr.yaml"), format!("common: {{ runtimePath: static }}\n{WITHOUT_ANY}"))
        .expect("written");
    let (manifest, _) = Manifest::load(dir.path(), &places).expect("good");
    assert_eq!(manifest.apps[0].resources_paths, [dir.path().join("static/.dapr/components")]);
}

#[test]
fn files_of_apps_that_are_not_used_may_be_missing() {
    let dir = folder();
    let gone = "{ appDirPath: gone, daprHTTPPort: 3502, resourcesPaths: [none], wasm: { source: x.wasm } }";
    let text = format!("version: 1\napps: [{{ appDirPath: app }}, {gone}]");
    fs::write(dir.path().join("dapr.yaml"), text).expect("written");
    let load = |only: &str| {
        let places = Places { only: Some(only.to_owned()), ..Places::default() };
        Manifest::load(dir.path(), &places)
    };
    let (manifest, _) = load("app").expect("good");
    let ids: Vec<_> = manifest.apps.iter().map(|app| (app.app_id.as_str(), app.dapr_http_port)).collect();
    assert_eq!(ids, [("app", 0), ("gone", 3502)]);
    let found = load("gone").expect_err("its folder is missing");
    assert!(shown(dir.path(), &found).contains("`gone` does not exist"), "{found:?}");
}

#[test]
fn a_folder_without_the_file_says_what_else_there_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let found = Manifest::load(dir.path(), &Places::default()).expect_err("nothing there");
    assert_eq!(
        shown(dir.path(), &found),
        "error: dapr.yaml: there is no `dapr.yaml` in this folder\n\
         hint: name the file, or run a lone guest with `pillion run <guest>`\n"
    );
    let found = Manifest::load(&dir.path().join("other.yaml"), &Places::default()).expect_err("nothing there");
    assert_eq!(shown(dir.path(), &found), "error: other.yaml: can't read the file: there is no such file\n");
}

#[test]
fn an_app_is_called_as_its_folder_is() {
    let dir = folder();
    let text = "version: 1\napps: [{ appDirPath: app }, { appDirPath: ./data/ }, { appDirPath: app/../static }]";
    let manifest = good(dir.path(), text);
    let ids: Vec<_> = manifest.apps.iter().map(|app| app.app_id.as_str()).collect();
    assert_eq!(ids, ["app", "data", "static"]);
    fs::write(dir.path().join("app/dapr.yaml"), "version: 1\napps: [{ appDirPath: . }]").expect("written");
    let (manifest, _) = Manifest::load(&dir.path().join("app"), &Places::default()).expect("good");
    assert_eq!(manifest.apps[0].app_id, "app");
}
