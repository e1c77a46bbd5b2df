//! Every environment variable that the program reads or hands to an app, in one place.

use std::{collections::HashMap, env, path::PathBuf};

/// Dapr's token for its own API; every call but health needs it as header `dapr-api-token`.
pub(crate) fn dapr_api_token() -> Option<String> {
    text("DAPR_API_TOKEN")
}

/// The token that daprd shows to its app; then every call of the app's port needs it as header `dapr-api-token`.
pub(crate) fn app_api_token() -> Option<String> {
    text("APP_API_TOKEN")
}

/// How daprd speaks to the app, as `dapr run` says it.
pub(crate) fn app_protocol() -> Option<String> {
    text("APP_PROTOCOL")
}

/// The namespace of the resources that apply and of the apps.
pub(crate) fn namespace() -> Option<String> {
    text("NAMESPACE")
}

/// Where a real daprd is, and which variable or default says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) grpc: String,
    pub(crate) grpc_from: &'static str,
    pub(crate) http: String,
    pub(crate) http_from: &'static str,
    /// daprd's HTTP port on this machine; none where an endpoint elsewhere is named.
    pub(crate) http_port: Option<u16>,
}

/// Ports of a daprd that nobody moved.
const DAPR_HTTP_PORT: u16 = 3500;
const DAPR_GRPC_PORT: u16 = 50001;

/// Whether a real daprd announced itself.
pub(crate) fn daprd_is_announced() -> bool {
    ["DAPR_HTTP_PORT", "DAPR_GRPC_PORT", "DAPR_HTTP_ENDPOINT", "DAPR_GRPC_ENDPOINT"]
        .into_iter()
        .any(|name| text(name).is_some())
}

/// The real daprd as announced: endpoints before ports, and Dapr's own ports where nothing is said.
pub(crate) fn daprd() -> Announced {
    announced(text)
}

fn announced(text: impl Fn(&str) -> Option<String>) -> Announced {
    let (grpc, grpc_from) = match (text("DAPR_GRPC_ENDPOINT"), text("DAPR_GRPC_PORT")) {
        (Some(endpoint), _) => (endpoint, "DAPR_GRPC_ENDPOINT"),
        (None, Some(port)) => (format!("127.0.0.1:{port}"), "DAPR_GRPC_PORT"),
        (None, None) => (format!("127.0.0.1:{DAPR_GRPC_PORT}"), "Dapr's usual gRPC port"),
    };
    let (http, http_from, http_port) = match (text("DAPR_HTTP_ENDPOINT"), text("DAPR_HTTP_PORT")) {
        (Some(endpoint), _) => (endpoint, "DAPR_HTTP_ENDPOINT", None),
        (None, Some(port)) => (format!("http://127.0.0.1:{port}"), "DAPR_HTTP_PORT", port.parse().ok()),
        (None, None) => (format!("http://127.0.0.1:{DAPR_HTTP_PORT}"), "Dapr's usual HTTP port", Some(DAPR_HTTP_PORT)),
    };
    Announced { grpc, grpc_from, http, http_from, http_port }
}

/// The port of a real daprd's HTTP API, or of another sidecar's.
pub(crate) fn dapr_http_port() -> Option<u16> {
    text("DAPR_HTTP_PORT")?.parse().ok().filter(|port| *port != 0)
}

/// The collector that traces go to (OTLP over HTTP, its base address); off when unset.
pub(crate) fn otlp_endpoint() -> Option<String> {
    text("OTEL_EXPORTER_OTLP_ENDPOINT")
}

/// Headers of the export of traces, written `name=value` and separated by commas.
pub(crate) fn otlp_headers() -> HashMap<String, String> {
    let text = text("OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default();
    text.split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

/// The name of this process in traces.
pub(crate) fn otlp_service_name() -> String {
    text("OTEL_SERVICE_NAME").unwrap_or_else(|| "pillion".to_owned())
}

/// The folder that holds `.dapr` instead of the home.
pub(crate) fn dapr_runtime_path() -> Option<PathBuf> {
    text("DAPR_RUNTIME_PATH").map(PathBuf::from)
}

/// The user's home.
pub(crate) fn home() -> Option<PathBuf> {
    text("HOME").map(PathBuf::from)
}

/// The folder of compiled code and models if no flag names one.
pub(crate) fn cache_dir() -> Option<PathBuf> {
    let base = text("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| home().map(|home| home.join(".cache")))?;
    Some(base.join("pillion"))
}

/// A variable that `--env KEY` passes on.
pub(crate) fn passed_on(key: &str) -> Option<String> {
    text(key)
}

/// What `dapr run` sets for an app, by the same names.
pub(crate) struct AppEnvironment<'a> {
    pub(crate) app_id: &'a str,
    pub(crate) app_port: u16,
    pub(crate) app_protocol: &'a str,
    pub(crate) dapr_http_port: u16,
    pub(crate) dapr_grpc_port: u16,
    pub(crate) metrics_port: u16,
}

impl AppEnvironment<'_> {
    /// The variables, those of ports that don't exist left out.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let ports = [
            ("APP_PORT", self.app_port),
            ("DAPR_HTTP_PORT", self.dapr_http_port),
            ("DAPR_GRPC_PORT", self.dapr_grpc_port),
            ("DAPR_METRICS_PORT", self.metrics_port),
        ];
        let mut variables = vec![
            ("APP_ID", self.app_id.to_owned()),
            ("APP_CHANNEL_ADDRESS", "127.0.0.1".to_owned()),
            ("APP_PROTOCOL", self.app_protocol.to_owned()),
        ];
        variables.extend(ports.into_iter().filter(|(_, port)| *port != 0).map(|(name, port)| (name, port.to_string())));
        variables
    }
}

fn text(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> (String, String, Option<u16>) {
        let read =
            |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        let Announced { grpc, http, http_port, .. } = announced(read);
        (grpc, http, http_port)
    }

    #[test]
    fn endpoints_come_before_ports_and_ports_before_daprs_own() {
        let usual = ("127.0.0.1:50001".to_owned(), "http://127.0.0.1:3500".to_owned(), Some(3500));
        assert_eq!(of(&[]), usual);
        let ports = [("DAPR_GRPC_PORT", "7"), ("DAPR_HTTP_PORT", "8")];
        assert_eq!(of(&ports), ("127.0.0.1:7".to_owned(), "http://127.0.0.1:8".to_owned(), Some(8)));
        let all = [ports[0], ports[1], ("DAPR_GRPC_ENDPOINT", "https://g"), ("DAPR_HTTP_ENDPOINT", "https://h")];
        assert_eq!(of(&all), ("https://g".to_owned(), "https://h".to_owned(), None));
    }
}
