//! `pillion publish`: publishes a message by an app's sidecar, as `dapr publish` does.

use super::ask;
use crate::{flags::Publish, print};
use anyhow::{Context, Result};
use http::{Method, Request, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::{collections::BTreeMap, fmt::Write, process::ExitCode};

/// Publishes one message.
pub(crate) async fn run(publish: Publish) -> Result<ExitCode> {
    let port = ask::port(&publish.sidecar, &publish.publish_app_id)?;
    let bytes = ask::data(&publish.typed)?;
    let path = path(&publish.pubsub, &publish.topic, publish.metadata.as_deref())?;
    let content_type = ask::content_type(publish.content_type.as_deref(), &bytes);
    let request = Request::builder().method(Method::POST).header(header::CONTENT_TYPE, content_type);
    let code = ask::send(port, &path, request, bytes).await?;
    print::line("Event published successfully");
    Ok(code)
}

fn path(pubsub: &str, topic: &str, metadata: Option<&str>) -> Result<String> {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut path = format!("/v1.0/publish/{}/{}", encoded(pubsub), encoded(topic));
    let metadata: BTreeMap<String, String> = serde_json::from_str(metadata.unwrap_or("{}"))
        .context("`--metadata` must be a JSON object of texts, such as {\"ttlInSeconds\":\"60\"}")?;
    for (index, (key, value)) in metadata.iter().enumerate() {
        let separator = if index == 0 { '?' } else { '&' };
        let _ = write!(path, "{separator}metadata.{}={}", encoded(key), encoded(value));
    }
    Ok(path)
}
