//! `pillion invoke`: calls an app by its sidecar, as `dapr invoke` does.

use super::ask;
use crate::flags::Invoke;
use anyhow::{Context, Result};
use http::{Method, Request, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::process::ExitCode;

/// What a path of the command line may not have as it is; `%` stays, for those who encoded it.
const PATH: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`').add(b'{').add(b'}').add(b'#');

/// Sends one request and shows the answer's body.
pub(crate) async fn run(invoke: Invoke) -> Result<ExitCode> {
    let port = ask::port(&invoke.sidecar, &invoke.app_id)?;
    let bytes = ask::data(&invoke.typed)?;
    let verb: Method = invoke.verb.to_ascii_uppercase().parse().with_context(|| format!("`--verb {}`", invoke.verb))?;
    let method = utf8_percent_encode(invoke.method.trim_start_matches('/'), PATH);
    let mut request = Request::builder().method(verb);
    if !bytes.is_empty() {
        request = request.header(header::CONTENT_TYPE, ask::content_type(invoke.content_type.as_deref(), &bytes));
    }
    ask::send(port, &format!("/v1.0/invoke/{}/method/{method}", invoke.app_id), request, bytes).await
}
