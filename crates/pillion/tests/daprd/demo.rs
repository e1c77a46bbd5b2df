//! The article's three apps as three processes, each behind a daprd of its own.

use crate::{
    common::{self, Running, ask, free_ports, on_free_ports, post, root},
    harness::{Daprd, Network, Ports, Setup, set_dapr_variables, tools},
};
use std::{fs, os::unix::fs::symlink, path::Path, sync::Arc};

/// Id, folder, and the ports in the run file: the app's, and that of Dapr's HTTP API.
const APPS: [(&str, &str, &str, &str); 3] = [
    ("image-api-rs", "image-api-rs", "9004", "3502"),
    ("image-api-go", "image-api-go", "9003", "3501"),
    ("go-web-port", "web-port", "8080", "3500"),
];

struct Demo {
    _apps: Vec<(Running, Daprd)>,
    ports: [Ports; 3],
    _network: Arc<Network>,
}

impl Demo {
    fn start(network: &Arc<Network>, protocol: &'static str) -> Result<Self, String> {
        let numbers = free_ports::<12>();
        let ports = std::array::from_fn(|app| {
            let [app, http, grpc, internal] = std::array::from_fn(|port| numbers[app * 4 + port]);
            Ports { app, http, grpc, internal }
        });
        let dir = network.dir.path();
        write_run_file(dir, &ports);
        let mut apps = Vec::new();
        for ((app_id, folder, ..), ports) in APPS.into_iter().zip(ports) {
            // As `dapr run -f` starts it: in the app's own folder, its id and ports in variables.
            let mut command = common::pillion();
            command.args(["serve", "--metrics-port", "0", "--run-file"]).arg(dir.join("dapr.yaml"));
            command.current_dir(dir.join(folder));
            set_dapr_variables(&mut command, app_id, protocol, ports);
            let pillion = Running::start_with(&mut command)?;
            let own = dir.join(format!("daprd-{app_id}"));
            fs::create_dir_all(own.join("components")).expect("a folder");
            let setup = Setup::new(app_id, "", "").protocol(protocol).flag("--max-body-size=16Mi");
            apps.push((pillion, Daprd::start(&setup, &own, ports, network)?));
        }
        Ok(Self { _apps: apps, ports, _network: network.clone() })
    }
}

fn write_run_file(dir: &Path, ports: &[Ports; 3]) {
    let example = root().join("examples/dapr-wasm");
    let mut text = fs::read_to_string(example.join("dapr.yaml")).expect("the run file");
    for ((_, folder, app, http), ports) in APPS.into_iter().zip(ports) {
        let link = dir.join(folder);
        if !link.exists() {
            symlink(example.join(folder), link).expect("a link");
        }
        text = text.replace(&format!("Port: {app}\n"), &format!("Port: {}\n", ports.app));
        text = text.replace(&format!("Port: {http}\n"), &format!("Port: {}\n", ports.http));
    }
    // As in the file, where the guest asks the sidecar of the other app.
    let env = format!("env: {{ GRAYSCALE_DAPR_PORT: \"{}\" }}\n      guests: {{ hello:", ports[0].http);
    fs::write(dir.join("dapr.yaml"), text.replace("guests: { hello:", &env)).expect("written");
}

fn start(test: &str, protocol: &'static str) -> Option<Demo> {
    let network = Network::new(tools(test)?);
    Some(on_free_ports(|| Demo::start(&network, protocol)))
}

fn picture() -> Vec<u8> {
    let samples = root().join("examples/dapr-wasm/web-port/static/samples");
    let list: serde_json::Value =
        serde_json::from_slice(&fs::read(samples.join("samples.json")).expect("the list")).expect("JSON");
    let files = list.as_array().expect("a list").iter().filter_map(|entry| entry["file"].as_str());
    fs::read(samples.join(files.into_iter().find(|file| file.ends_with(".jpg")).expect("a picture")))
        .expect("a picture")
}

#[test]
fn every_addressing_of_an_app_reaches_its_guest_through_daprds() {
    for protocol in ["http", "grpc"] {
        let Some(demo) = start("every_addressing_of_an_app_reaches_its_guest_through_daprds", protocol) else { return };
        let picture = picture();
        let [rs, go, web] = demo.ports;
        let direct = post(&format!("http://127.0.0.1:{}/api/image", rs.app), &picture);
        assert_eq!((direct.status, direct.header("content-type")), (200, "image/png"), "{}", direct.text());
        let invoke = |port: u16, app: &str| format!("http://127.0.0.1:{port}/v1.0/invoke/{app}/method/api/image");
        for (way, answer) in [
            ("its own sidecar", post(&invoke(rs.http, "image-api-rs"), &picture)),
            ("another's", post(&invoke(web.http, "image-api-rs"), &picture)),
            ("with a namespace", post(&invoke(web.http, "image-api-rs.default"), &picture)),
            (
                "the header",
                ask(
                    "POST",
                    &format!("http://127.0.0.1:{}/api/image", web.http),
                    &[("dapr-app-id", "image-api-rs")],
                    &picture,
                ),
            ),
            (
                "the user of an address",
                ask(
                    "POST",
                    &format!("http://127.0.0.1:{}/api/image", web.http),
                    &[("authorization", "Basic ZGFwci1hcHAtaWQ6aW1hZ2UtYXBpLXJz")],
                    &picture,
                ),
            ),
        ] {
            assert_eq!(
                (answer.status, answer.header("content-type")),
                (200, "image/png"),
                "{protocol}, {way}: {}",
                answer.text()
            );
            assert!(answer.body == direct.body, "{protocol}, {way}");
        }
        let label = post(&invoke(web.http, "image-api-go"), &picture);
        assert_eq!(label.status, 200, "{protocol}: {}", label.text());
        assert!(label.text().contains("picture"), "{}", label.text());
        // The page's guest calls both others by its own daprd.
        for (api, wanted) in [("rs", &direct.body), ("go", &label.body)] {
            let page = ask("POST", &format!("http://127.0.0.1:{}/api/hello", web.app), &[("api", api)], &picture);
            assert_eq!(page.status, 200, "{protocol}, {api}: {}", page.text());
            assert!(page.body == *wanted, "{protocol}, {api}");
        }
        // What the guest refuses is refused at the far end, with the status that the protocol can carry.
        let refused = post(&invoke(go.http, "image-api-rs"), b"no picture");
        assert_eq!(refused.status, if protocol == "http" { 422 } else { 400 }, "{}", refused.text());
        let missing = post(&format!("http://127.0.0.1:{}/v1.0/invoke/image-api-rs/method/none", web.http), b"");
        assert_eq!(missing.status, 404, "{}", missing.text());
    }
}
