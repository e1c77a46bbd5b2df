//! What `pillion invoke` and `pillion publish` share: which sidecar is asked, the request, and how its answer is shown.

use crate::{
    environment,
    flags::{SidecarFlags, Typed},
};
use anyhow::{Context, Result, bail};
use http::{Request, header};
use http_body_util::BodyExt;
use pillion_api::{Body, body};
use pillion_sidecar::http_client::HttpClient;
use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
    process::ExitCode,
    time::Duration,
};

/// What may be typed or read as a body.
const MAX_BODY: u64 = 256 << 20;
/// How long an answer may take from the first byte sent to the head of the answer.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The port of the sidecar that is asked: the flag's, the run file's, or the one that the environment announces.
pub(crate) fn port(flags: &SidecarFlags, app_id: &str) -> Result<u16> {
    if let Some(port) = flags.dapr_http_port {
        return Ok(port);
    }
    let file = flags.run_file.clone().or_else(|| super::nearest_file().ok());
    if let Some(file) = &file
        && let Some(port) = port_of(file, app_id)?
    {
        return Ok(port);
    }
    if let Some(port) = environment::dapr_http_port() {
        return Ok(port);
    }
    let what = file.map_or_else(
        || "there is no `dapr.yaml` here or above".to_owned(),
        |file| format!("`{}` names no `daprHTTPPort`", file.display()),
    );
    bail!("nothing says where a sidecar listens: {what}\nhint: give `--dapr-http-port`")
}

/// Any sidecar of a run reaches every app of it; the app's own is asked first.
fn port_of(file: &Path, app_id: &str) -> Result<Option<u16>> {
    let manifest = super::unbuilt_manifest(file)?;
    let has_port = |app: &&crate::manifest::App| app.dapr_http_port != 0;
    let own = manifest.apps.iter().filter(|app| app.app_id == app_id).find(has_port);
    Ok(own.or_else(|| manifest.apps.iter().find(has_port)).map(|app| app.dapr_http_port))
}

/// The bytes that were typed or that a file has; `-` is standard input.
pub(crate) fn data(typed: &Typed) -> Result<Vec<u8>> {
    let Some(path) = &typed.data_file else { return Ok(typed.data.clone().unwrap_or_default().into_bytes()) };
    let mut reader: Box<dyn Read> = match path.as_os_str() == "-" {
        true => Box::new(std::io::stdin()),
        false => Box::new(File::open(path).with_context(|| format!("`{}` can't be read", path.display()))?),
    };
    let mut bytes = Vec::new();
    reader.by_ref().take(MAX_BODY + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BODY {
        bail!("`{}` has more than {MAX_BODY} bytes", path.display());
    }
    Ok(bytes)
}

/// What is given, or what the bytes look like.
pub(crate) fn content_type(given: Option<&str>, bytes: &[u8]) -> String {
    match given {
        Some(given) => given.to_owned(),
        None if serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() => "application/json".to_owned(),
        None if std::str::from_utf8(bytes).is_ok() => "text/plain".to_owned(),
        None => "application/octet-stream".to_owned(),
    }
}

/// Asks the sidecar at a port. The answer's body goes to standard output as it comes; a status of an error is a failure.
pub(crate) async fn send(port: u16, path: &str, request: http::request::Builder, bytes: Vec<u8>) -> Result<ExitCode> {
    let mut request = request.uri(format!("http://127.0.0.1:{port}{path}"));
    if let Some(token) = environment::dapr_api_token() {
        request = request.header("dapr-api-token", token);
    }
    let length = bytes.len();
    let request: Request<Body> =
        request.header(header::CONTENT_LENGTH, length).body(body::full(bytes)).context("this can't be asked")?;
    let sent = tokio::time::timeout(TIMEOUT, HttpClient::new().send(request)).await;
    let answer = sent.context("there is no answer")?.with_context(|| {
        format!(
            "no sidecar answers on port {port}\nhint: start it, for example by `pillion up`, or give `--dapr-http-port`"
        )
    })?;
    let status = answer.status();
    let mut answer = answer.into_body();
    let mut out = std::io::stdout().lock();
    while let Some(frame) = answer.frame().await {
        let Ok(bytes) = frame?.into_data() else { continue };
        out.write_all(&bytes)?;
    }
    out.flush()?;
    if status.is_success() || status.is_redirection() {
        return Ok(ExitCode::SUCCESS);
    }
    bail!("the answer is {status}")
}
