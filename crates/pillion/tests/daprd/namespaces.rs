//! Two hosts: network namespaces of their own, joined by a cable, and nothing else on either network.

use crate::{
    common::{self, Running, find_program},
    harness::{Guarded, Network, Ports, Setup, flags, set_dapr_variables, tools, until},
};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

const ECHO: &str = "{ guests: { echo: { source: http-echo.wasm } }, routes: [{ path: /, guest: echo }] }";
/// Each host has all ports for itself.
const PORTS: Ports = Ports { app: 8080, http: 3500, grpc: 50001, internal: 50002 };
const CABLE: &str = "cable";
/// The hosts' addresses.
const ADDRESSES: [&str; 2] = ["10.203.0.1", "10.203.0.2"];

/// A network namespace, gone with the test; whatever was in it is then gone, too.
struct Host {
    namespace: String,
    address: &'static str,
}

impl Host {
    fn new(name: &str, address: &'static str) -> Result<Self, String> {
        let host = Self { namespace: format!("pillion-{}-{name}", std::process::id()), address };
        ip(&["netns", "add", &host.namespace])?;
        Ok(host)
    }

    /// The same command on this host.
    fn command(&self, command: &Command) -> Command {
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &self.namespace]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        if let Some(dir) = command.get_current_dir() {
            inside.current_dir(dir);
        }
        inside
    }

    fn connect(&self) -> Result<(), String> {
        let address = format!("{}/24", self.address);
        for command in [
            &["addr", "add", &address, "dev", CABLE][..],
            // Neither side looks for others by multicast.
            &["link", "set", CABLE, "multicast", "off", "up"],
            &["link", "set", "lo", "up"],
        ] {
            ip(&[&["-n", &self.namespace], command].concat())?;
        }
        Ok(())
    }

    /// Asks this host's daprd for another app.
    fn invoke(&self, app_id: &str, data: &str) -> Output {
        let mut command = common::pillion();
        command.args(["invoke", "--app-id", app_id, "--method", "hello", "--data", data, "--dapr-http-port", "3500"]);
        self.command(&command).output().expect("it starts")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Where it was not made there is nothing to take away.
        let _ = ip(&["netns", "del", &self.namespace]);
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr))),
    }
}

/// Both hosts; an error where this user may make none.
fn hosts() -> Result<[Host; 2], String> {
    if find_program("ip").is_none() {
        return Err("no `ip`".to_owned());
    }
    let hosts = [Host::new("a", ADDRESSES[0])?, Host::new("b", ADDRESSES[1])?];
    let [a, b] = hosts.each_ref().map(|host| host.namespace.as_str());
    ip(&["link", "add", CABLE, "netns", a, "type", "veth", "peer", "name", CABLE, "netns", b])?;
    hosts.iter().try_for_each(Host::connect)?;
    Ok(hosts)
}

/// An app and its daprd on a host.
fn start(host: &Host, network: &Network, app_id: &'static str) -> (Running, Guarded) {
    let dir = network.dir.path().join(app_id);
    write(&dir, app_id);
    let mut serve = common::pillion();
    serve.args(["serve", "--metrics-port", "0"]).current_dir(&dir);
    set_dapr_variables(&mut serve, app_id, "http", PORTS);
    let app = Running::start_with(&mut host.command(&serve)).unwrap_or_else(|printed| panic!("{printed}"));
    let mut daprd = Command::new(network.tools.join("daprd"));
    daprd.args(flags(&Setup::new(app_id, ECHO, ""), PORTS)).args([
        format!("--dapr-internal-grpc-listen-address={}", host.address),
        format!("--config={}", network.dir.path().join("config.yaml").display()),
    ]);
    daprd.arg("--resources-path").arg(dir.join("components")).env("DAPR_HOST_IP", host.address);
    (app, Guarded::start(&mut host.command(&daprd), dir.join("daprd.log")))
}

fn write(dir: &Path, app_id: &str) {
    fs::create_dir_all(dir.join("components")).expect("a folder");
    fs::copy(common::guest("http-echo"), dir.join("http-echo.wasm")).expect("a guest");
    let app =
        format!("version: 1\napps:\n  - {{ appID: {app_id}, appDirPath: ., appPort: {}, wasm: {ECHO} }}\n", PORTS.app);
    fs::write(dir.join("dapr.yaml"), app).expect("written");
}

#[test]
fn apps_of_two_hosts_call_each_other() {
    let test = "apps_of_two_hosts_call_each_other";
    let Some(tools) = tools(test) else { return };
    let hosts = match hosts() {
        Ok(hosts) => hosts,
        Err(why) => return println!("skipped: {test}: no network namespaces: {why}"),
    };
    let network = Network::new(tools);
    let [(_left, left), (_right, right)] = [start(&hosts[0], &network, "left"), start(&hosts[1], &network, "right")];
    for (host, callee) in [(&hosts[0], "right"), (&hosts[1], "left")] {
        let mut last = None;
        let answered = until(|| {
            let output = host.invoke(callee, "over the cable");
            let answered =
                output.status.success() && String::from_utf8_lossy(&output.stdout).contains("over the cable");
            last = Some(output);
            answered
        });
        assert!(answered, "{callee}: {last:?}\n{}\n{}", left.log(), right.log());
    }
    // What left one host reached the other by the cable: without it nobody answers.
    ip(&["-n", &hosts[0].namespace, "link", "set", CABLE, "down"]).expect("the cable is pulled");
    let alone = hosts[0].invoke("right", "is anybody there?");
    assert!(!alone.status.success(), "{alone:?}");
}
