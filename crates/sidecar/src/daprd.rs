//! The sidecar of one app in a real daprd: Dapr's gRPC API, and its HTTP API where gRPC can't do it.

pub mod actor_stream;
mod actors;
mod bindings;
mod call;
mod configuration;
mod connect;
mod conversation;
mod crypto;
pub mod endpoint;
pub mod event;
mod http;
mod invoke;
mod jobs;
mod json;
mod kept;
mod metadata;
mod serve;
mod state;
mod status;
pub mod subscribe;
pub mod work;
mod workflow;

pub use kept::Streams;

use crate::http_client::HttpClient;
use ::http::{HeaderValue, Uri};
use dapr::dapr::proto::runtime::v1::dapr_client::DaprClient;
use pillion_api::{Code, Error, Result};
use std::time::Duration;
use tonic::{metadata::AsciiMetadataValue, transport::Channel};

/// How long a call may take before it is given up.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a call waits for a daprd that isn't there.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// The largest message that is taken from daprd, in bytes; its own default is a quarter of that.
pub const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// Where a daprd is, and how long it is waited for.
#[derive(Clone, Debug)]
pub struct DaprdConfig {
    /// The app that daprd was started for.
    pub app_id: String,
    /// The gRPC API; [`endpoint::grpc`] reads it.
    pub grpc: Uri,
    /// The base URL of the HTTP API; [`endpoint::http`] reads it.
    pub http: Uri,
    /// `DAPR_API_TOKEN`.
    pub api_token: Option<String>,
    /// How long a call may take, but for an invocation, which ends with its caller.
    pub call_timeout: Duration,
    /// How long a call waits for a daprd that isn't there.
    pub patience: Duration,
    /// The largest message that is taken from daprd, in bytes.
    pub max_message: usize,
}

impl DaprdConfig {
    /// A daprd at two addresses, with the usual bounds and without a token.
    pub fn new(app_id: impl Into<String>, grpc: Uri, http: Uri) -> Self {
        Self {
            app_id: app_id.into(),
            grpc,
            http,
            api_token: None,
            call_timeout: CALL_TIMEOUT,
            patience: PATIENCE,
            max_message: MAX_MESSAGE,
        }
    }
}

/// One app's daprd. Everything of the app shares one gRPC connection, which is made when it is needed and made again when
/// it broke.
pub struct Daprd {
    config: DaprdConfig,
    channel: Channel,
    grpc: DaprClient<Channel>,
    http: HttpClient,
    token: Option<(AsciiMetadataValue, HeaderValue)>,
}

impl Daprd {
    /// A client. Nothing is connected yet, so that an app may start before its daprd.
    ///
    /// # Errors
    /// [`Code::BadRequest`] where the token is no header's value or an address none that can be dialled.
    pub fn new(config: DaprdConfig) -> Result<Self> {
        let channel = connect::channel(&config.grpc);
        let channel =
            channel.map_err(|why| Error::new(Code::BadRequest, format!("daprd at `{}`: {why}", config.grpc)))?;
        let grpc = DaprClient::new(channel.clone())
            .max_decoding_message_size(config.max_message)
            .max_encoding_message_size(config.max_message);
        let token = config.api_token.as_deref().filter(|token| !token.is_empty()).map(token).transpose()?;
        Ok(Self { channel, grpc, http: HttpClient::new(), token, config })
    }
}

/// The token for both APIs, shown by neither's `Debug`.
fn token(text: &str) -> Result<(AsciiMetadataValue, HeaderValue)> {
    let wrong = || Error::new(Code::BadRequest, "DAPR_API_TOKEN holds characters that no header can hold");
    let mut metadata: AsciiMetadataValue = text.parse().map_err(|_| wrong())?;
    let mut header = HeaderValue::from_str(text).map_err(|_| wrong())?;
    metadata.set_sensitive(true);
    header.set_sensitive(true);
    Ok((metadata, header))
}
