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

/// The namespace of the resources that apply and of the apps.
pub(crate) fn namespace() -> Option<String> {
    text("NAMESPACE")
}

/// Whether a real daprd announced itself.
pub(crate) fn daprd_is_announced() -> bool {
    text("DAPR_HTTP_PORT").is_some() || text("DAPR_GRPC_PORT").is_some()
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
