//! The keys that `common` and an app share; where both speak, the app wins.

use super::{
    keys::{Acts, Key, SHARED},
    paths::{Base, Wanted},
    units,
};
use pillion_api::diagnostic::nearest;
use pillion_sidecar::yaml::{Fields, Findings, Place, shown};
use std::{collections::BTreeMap, path::PathBuf};

/// How a native app is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AppProtocol {
    /// HTTP/1.1.
    #[default]
    Http,
    /// HTTP over TLS.
    Https,
    /// gRPC.
    Grpc,
    /// gRPC over TLS.
    Grpcs,
    /// HTTP/2 without TLS.
    H2c,
}

impl AppProtocol {
    const ALL: [Self; 5] = [Self::Http, Self::Https, Self::Grpc, Self::Grpcs, Self::H2c];

    /// As Dapr writes it, `APP_PROTOCOL` among other places.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Grpc => "grpc",
            Self::Grpcs => "grpcs",
            Self::H2c => "h2c",
        }
    }

    /// Reads a name in any case, as Dapr does.
    ///
    /// # Errors
    /// What is wrong, with the names that there are.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let name = one_of(&text.to_lowercase(), &Self::ALL.map(Self::name))?;
        Ok(Self::ALL.into_iter().find(|protocol| protocol.name() == name).unwrap_or_default())
    }
}

/// `enableAppHealthCheck` and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HealthCheck {
    /// The path that is asked.
    pub(crate) path: String,
    /// Seconds between two checks.
    pub(crate) interval_seconds: u32,
    /// Milliseconds that one may take.
    pub(crate) timeout_millis: u32,
    /// How many must fail until the app counts as ill.
    pub(crate) threshold: u32,
}

/// What one of the two places says.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub(super) config_path: Option<PathBuf>,
    pub(super) resources_paths: Vec<PathBuf>,
    pub(super) app_protocol: Option<AppProtocol>,
    pub(super) log_level: Option<String>,
    pub(super) app_max_concurrency: Option<u32>,
    pub(super) max_body_size: Option<u64>,
    pub(super) runtime_path: Option<PathBuf>,
    pub(super) env: BTreeMap<String, String>,
    health: Health,
}

#[derive(Clone, Debug, Default)]
struct Health {
    enabled: Option<bool>,
    path: Option<String>,
    interval_seconds: Option<u32>,
    timeout_millis: Option<u32>,
    threshold: Option<u32>,
}

impl Settings {
    /// Reads the shared keys of a mapping whose paths are relative to `base`.
    pub(super) fn read(fields: &mut Fields<'_>, base: Base<'_>, findings: &mut Findings) -> Self {
        let settings = Self {
            config_path: read_path(fields, "configFilePath", Wanted::File, base, findings),
            resources_paths: read_resources(fields, base, findings),
            app_protocol: fields.parsed("appProtocol", AppProtocol::parse, findings),
            log_level: fields.parsed("logLevel", read_level, findings),
            app_max_concurrency: count(fields, "appMaxConcurrency", findings),
            max_body_size: fields.parsed("maxBodySize", units::size, findings),
            runtime_path: read_path(fields, "runtimePath", Wanted::Folder, base, findings),
            env: read_env(fields, "env", findings),
            health: Health {
                enabled: fields.flag("enableAppHealthCheck", findings),
                path: fields.text("appHealthCheckPath", findings).map(str::to_owned),
                interval_seconds: count(fields, "appHealthProbeInterval", findings),
                timeout_millis: count(fields, "appHealthProbeTimeout", findings),
                threshold: count(fields, "appHealthThreshold", findings),
            },
        };
        check_unused(fields, SHARED, findings);
        settings
    }

    /// These, and where they are silent, those of `common`. Paths of resources and Configuration have a precedence of their own.
    pub(super) fn or(self, common: &Self) -> Self {
        let mut env = common.env.clone();
        env.extend(self.env);
        Self {
            app_protocol: self.app_protocol.or(common.app_protocol),
            log_level: self.log_level.or_else(|| common.log_level.clone()),
            app_max_concurrency: self.app_max_concurrency.or(common.app_max_concurrency),
            max_body_size: self.max_body_size.or(common.max_body_size),
            runtime_path: self.runtime_path.or_else(|| common.runtime_path.clone()),
            env,
            health: self.health.or(&common.health),
            ..self
        }
    }

    /// The health check, if it is on.
    pub(super) fn health_check(&self) -> Option<HealthCheck> {
        self.health.enabled.unwrap_or(false).then(|| HealthCheck {
            path: self.health.path.clone().unwrap_or_else(|| "/healthz".to_owned()),
            interval_seconds: self.health.interval_seconds.unwrap_or(5),
            timeout_millis: self.health.timeout_millis.unwrap_or(500),
            threshold: self.health.threshold.unwrap_or(3),
        })
    }
}

impl Health {
    fn or(self, common: &Self) -> Self {
        Self {
            enabled: self.enabled.or(common.enabled),
            path: self.path.or_else(|| common.path.clone()),
            interval_seconds: self.interval_seconds.or(common.interval_seconds),
            timeout_millis: self.timeout_millis.or(common.timeout_millis),
            threshold: self.threshold.or(common.threshold),
        }
    }
}

/// A key that nothing follows from is still held to its kind, so that the file also serves where something does.
pub(super) fn check_unused(fields: &mut Fields<'_>, keys: &[Key], findings: &mut Findings) {
    let unread = |key: &&Key| key.acts == Acts::NotYet && !fields.asked().contains(&key.name);
    let unread: Vec<_> = keys.iter().filter(unread).collect();
    for Key { name, kind, .. } in unread {
        match *kind {
            "true or false" => drop(fields.flag(name, findings)),
            "size" => drop(fields.parsed(name, units::size, findings)),
            "number" => drop(count(fields, name, findings)),
            "port" => drop(port(fields, name, findings)),
            "file, console or fileAndConsole" => drop(fields.parsed(name, read_destination, findings)),
            _ => drop(fields.text(name, findings)),
        }
    }
}

/// A port with its place. Dapr writes -1 for one that is chosen at start.
pub(super) fn port(fields: &mut Fields<'_>, key: &'static str, findings: &mut Findings) -> Option<(u16, Place)> {
    let at = fields.node(key)?.at;
    let number = fields.integer(key, -1..=65535, findings)?;
    Some((u16::try_from(number).unwrap_or(0), at))
}

/// Environment variables: names that a process can have, texts that it can get.
pub(super) fn read_env(
    fields: &mut Fields<'_>,
    key: &'static str,
    findings: &mut Findings,
) -> BTreeMap<String, String> {
    for entry in fields.mapping().get(key).and_then(|node| node.as_mapping()).map_or(&[][..], |map| map.entries()) {
        if entry.key.contains(['=', '\0']) {
            findings.error(entry.at, format!("`{key}`: the name of a variable has no `=` and no zero byte"));
        } else if entry.value.text().is_some_and(|text| text.contains('\0')) {
            findings.error(entry.value.at, format!("`{key}.{}` has a zero byte", shown(&entry.key)));
        }
    }
    fields.text_map(key, findings)
}

/// The name, if it is one of `names`.
pub(super) fn one_of<'a>(text: &str, names: &[&'a str]) -> Result<&'a str, String> {
    if let Some(name) = names.iter().find(|name| **name == text) {
        return Ok(name);
    }
    let list = names.join("`, `");
    let meant =
        nearest(text, names.iter().copied()).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    Err(format!("it must be one of `{list}`{meant}"))
}

fn read_level(text: &str) -> Result<String, String> {
    one_of(&text.to_lowercase(), &["debug", "info", "warn", "error", "fatal"]).map(str::to_owned)
}

fn read_destination(text: &str) -> Result<&'static str, String> {
    one_of(text, &["file", "console", "fileAndConsole"])
}

fn count(fields: &mut Fields<'_>, key: &'static str, findings: &mut Findings) -> Option<u32> {
    // Dapr writes -1 for no bound.
    let number = fields.integer(key, -1..=i64::from(i32::MAX), findings)?;
    u32::try_from(number).ok().filter(|number| *number > 0)
}

fn read_path(
    fields: &mut Fields<'_>,
    key: &'static str,
    wanted: Wanted,
    base: Base<'_>,
    findings: &mut Findings,
) -> Option<PathBuf> {
    let at = fields.node(key)?.at;
    let text = fields.text(key, findings)?;
    base.existing(key, at, text, wanted, findings)
}

fn read_resources(fields: &mut Fields<'_>, base: Base<'_>, findings: &mut Findings) -> Vec<PathBuf> {
    let mut named = fields.texts("resourcesPaths", findings);
    if let Some(entry) = fields.entry("resourcesPath") {
        match entry.value.text() {
            Some(text) => named.push((entry.value.at, text)),
            None => {
                findings.error(entry.value.at, format!("`resourcesPath` must be text, but is {}", entry.value.kind()))
            }
        }
    }
    let existing = |(at, text)| base.existing("resourcesPaths", at, text, Wanted::Either, findings);
    named.into_iter().filter_map(existing).collect()
}
