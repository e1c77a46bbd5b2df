//! A native app behind a port, called over HTTP as daprd calls it.

mod subscriptions;

use crate::{headers, http_client, http_client::HttpClient};
use async_trait::async_trait;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use pillion_api::{
    AppChannel, Body, Code, Error, Result, bindings, body,
    callback::{self, MAX_ANSWER},
    configuration, jobs,
    pubsub::{BulkDelivery, Delivery, Destination, Subscription, TopicStatus},
};
use std::time::Duration;
use tokio::net::TcpStream;

/// How often the port is tried until the app listens; daprd's.
const PROBE_PAUSE: Duration = Duration::from_millis(100);
/// How long one try may take; daprd's.
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);
/// How long a start-up question may take, so that a silent app does not hold up its subscriptions for ever.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(30);

/// The protocol that an app speaks on its port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 without TLS.
    #[default]
    Http,
}

/// A native app on a port.
#[derive(Clone, Debug)]
pub struct RemoteApp {
    app_id: String,
    address: String,
    base: Uri,
    http: HttpClient,
    api_token: Option<HeaderValue>,
}

impl RemoteApp {
    /// An app at `host:port`. Nothing is connected yet.
    ///
    /// # Errors
    /// [`Code::BadRequest`] where the address is none.
    pub fn new(app_id: impl Into<String>, address: impl Into<String>, protocol: Protocol) -> Result<Self> {
        let address = address.into();
        let url = match protocol {
            Protocol::Http => format!("http://{address}"),
        };
        let base = http_client::parse_base(&url);
        let base = base.map_err(|why| Error::new(Code::BadRequest, format!("the app's address `{address}` {why}")))?;
        Ok(Self { app_id: app_id.into(), address, base, http: HttpClient::new(), api_token: None })
    }

    /// The same app, which gets `dapr-api-token` with every call.
    #[must_use]
    pub fn with_api_token(mut self, token: &str) -> Self {
        self.api_token = HeaderValue::from_str(token).ok().map(|mut token| {
            token.set_sensitive(true);
            token
        });
        self
    }

    /// Waits until the app listens on its port.
    pub async fn wait(&self) {
        loop {
            let connected = tokio::time::timeout(PROBE_TIMEOUT, TcpStream::connect(&self.address)).await;
            if matches!(connected, Ok(Ok(_))) {
                return;
            }
            tokio::time::sleep(PROBE_PAUSE).await;
        }
    }

    async fn send(&self, mut request: Request<Body>) -> Result<Response<Body>> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let bad =
            |error: http::Error| Error::new(Code::RequestRefused, format!("the request path is refused: {error}"));
        *request.uri_mut() = http_client::join(&self.base, path).map_err(bad)?;
        *request.version_mut() = http::Version::HTTP_11;
        headers::strip_hop_by_hop(request.headers_mut());
        request.headers_mut().remove(header::HOST);
        if let Some(token) = &self.api_token {
            request.headers_mut().insert("dapr-api-token", token.clone());
        }
        self.http.send(request).await.map_err(|error| match error.code() {
            Code::BadGateway => Error::new(
                Code::BadGateway,
                format!("the app `{}` on {} can't be reached: {error}", self.app_id, self.address),
            ),
            _ => error,
        })
    }

    /// Hands an event to the app.
    async fn event(&self, request: Request<Body>) -> Result<(StatusCode, bytes::Bytes)> {
        let response = self.send(request).await?;
        let status = response.status();
        // Only a small JSON object says anything; what is larger is no such object, and its end is not waited for.
        match body::collect(response.into_body(), MAX_ANSWER).await {
            Err(error) if error.code() == Code::RequestTooLarge => Ok((status, bytes::Bytes::new())),
            answer => Ok((status, answer?)),
        }
    }

    /// Asks the app one of Dapr's questions at the start.
    async fn question(&self, path: &'static str) -> Result<(StatusCode, bytes::Bytes)> {
        let mut request = Request::new(body::empty());
        *request.uri_mut() = Uri::from_static(path);
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::CONTENT_TYPE, json);
        if let Ok(app_id) = HeaderValue::from_str(&self.app_id) {
            request.headers_mut().insert("dapr-app-id", app_id);
        }
        let asking = async {
            let response = self.send(request).await?;
            let status = response.status();
            Ok((status, body::collect(response.into_body(), MAX_ANSWER).await?))
        };
        let late = |_| Error::new(Code::BadGateway, format!("the app `{}` did not answer `GET {path}`", self.app_id));
        tokio::time::timeout(QUESTION_TIMEOUT, asking).await.map_err(late)?
    }
}

#[async_trait]
impl AppChannel for RemoteApp {
    async fn invoke(&self, request: Request<Body>) -> Result<Response<Body>> {
        self.send(request).await
    }

    /// Waits for the port, then asks as daprd does: first `/dapr/config`, then `/dapr/subscribe`.
    async fn subscriptions(&self) -> Result<Vec<Subscription>> {
        self.wait().await;
        // Only actors use the answer; apps expect the question.
        if let Err(error) = self.question("/dapr/config").await {
            tracing::debug!(app = self.app_id, %error, "the app did not answer `GET /dapr/config`");
        }
        let (status, answer) = self.question("/dapr/subscribe").await?;
        Ok(subscriptions::read(&self.app_id, status, &answer))
    }

    async fn deliver(&self, delivery: Delivery) -> Result<TopicStatus> {
        let (status, answer) = self.event(callback::topic(path_of(&delivery.destination)?, &delivery)?).await?;
        Ok(TopicStatus::from_http(status, &answer))
    }

    async fn deliver_bulk(&self, delivery: BulkDelivery) -> Result<Vec<TopicStatus>> {
        let (status, answer) = self.event(callback::bulk(path_of(&delivery.destination)?, &delivery)?).await?;
        Ok(callback::bulk_statuses(&delivery, status, &answer))
    }

    async fn binding_event(&self, event: bindings::Event) -> Result<bindings::Reply> {
        let response = self.send(callback::binding(&event)?).await?;
        let status = response.status();
        let answer = body::collect(response.into_body(), MAX_ANSWER).await?;
        callback::binding_reply(&event.binding, status, answer)
    }

    async fn job_event(&self, event: jobs::Event) -> Result<()> {
        let (status, _) = self.event(callback::job(&event)?).await?;
        callback::job_done(&event.name, status)
    }

    async fn configuration_update(&self, update: configuration::Update) -> Result<()> {
        for request in callback::configuration(&update)? {
            let (status, _) = self.event(request).await?;
            callback::configuration_taken(&update.store, status)?;
        }
        Ok(())
    }
}

fn path_of(destination: &Destination) -> Result<&str> {
    match destination {
        Destination::Path(path) => Ok(path),
        Destination::Guest(_) => {
            Err(Error::new(Code::RouteNotFound, "a native app has no guests that a message could go to"))
        }
    }
}
