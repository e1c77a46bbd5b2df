//! Around an app channel: the handlers of `appHttpPipeline`, through which all goes that Dapr asks of the app. An event goes in
//! its HTTP form and becomes an event again behind them, with the body, the path and the headers that they gave it.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use pillion_api::{
    AppChannel, Body, Metadata, Pipeline, Result, bindings, body, callback, configuration, jobs,
    middleware::Next,
    pubsub::{Delivery, Destination, Subscription, TopicStatus},
};
use std::sync::Arc;

/// What a handler may make of the body of an event, in bytes.
const MAX_EVENT: u64 = 64 << 20;
/// The path of a message that goes to a guest by its name.
const ROOT: &str = "/";

/// An app behind a pipeline.
pub(crate) struct Piped {
    inner: Arc<dyn AppChannel>,
    pipeline: Pipeline,
}

impl Piped {
    /// Puts handlers before a channel, if there are any.
    pub(crate) fn wrap(inner: Arc<dyn AppChannel>, pipeline: &Pipeline) -> Arc<dyn AppChannel> {
        match pipeline.is_empty() {
            true => inner,
            false => Arc::new(Self { inner, pipeline: pipeline.clone() }),
        }
    }

    /// What became of an event in its HTTP form.
    async fn post(&self, request: Request<Body>, last: Next) -> Result<(StatusCode, Bytes, http::Extensions)> {
        let (parts, answer) = self.pipeline.run(request, last).await?.into_parts();
        let (answer, more) = body::collect_start(answer, callback::MAX_ANSWER).await?;
        Ok((parts.status, if more { Bytes::new() } else { answer }, parts.extensions))
    }

    async fn update_of_key(&self, request: Request<Body>, update: configuration::Update) -> Result<()> {
        let (inner, store) = (Arc::clone(&self.inner), update.store.clone());
        let last: Next = Box::new(move |_| {
            Box::pin(async move {
                inner.configuration_update(update).await?;
                Ok(Response::new(body::empty()))
            })
        });
        let (status, ..) = self.post(request, last).await?;
        callback::configuration_taken(&store, status)
    }
}

/// What else an app said to the event of a binding; HTTP has no form for it.
#[derive(Clone)]
struct Named {
    to: Vec<String>,
    parallel: bool,
}

/// What handlers added to the headers of an event.
fn added(before: &HeaderMap, after: &HeaderMap) -> Metadata {
    let new = after.iter().filter(|(name, value)| !before.get_all(*name).iter().any(|old| old == *value));
    new.filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))).collect()
}

fn answer(status: TopicStatus) -> Response<Body> {
    Response::new(body::full(match status {
        TopicStatus::Success => r#"{"status":"SUCCESS"}"#,
        TopicStatus::Retry => r#"{"status":"RETRY"}"#,
        TopicStatus::Drop => r#"{"status":"DROP"}"#,
    }))
}

#[async_trait]
impl AppChannel for Piped {
    async fn invoke(&self, request: Request<Body>) -> Result<Response<Body>> {
        let inner = Arc::clone(&self.inner);
        self.pipeline.run(request, Box::new(|request| Box::pin(async move { inner.invoke(request).await }))).await
    }

    async fn subscriptions(&self) -> Result<Vec<Subscription>> {
        self.inner.subscriptions().await
    }

    async fn deliver(&self, mut delivery: Delivery) -> Result<TopicStatus> {
        let path = match &delivery.destination {
            Destination::Path(path) => path.as_str(),
            Destination::Guest(_) => ROOT,
        };
        let request = callback::topic(path, &delivery)?;
        let (uri, headers, inner) = (request.uri().clone(), request.headers().clone(), Arc::clone(&self.inner));
        let last: Next = Box::new(move |request| {
            Box::pin(async move {
                let (parts, event) = request.into_parts();
                delivery.event = body::collect(event, MAX_EVENT).await?;
                delivery.metadata.extend(added(&headers, &parts.headers));
                if parts.uri != uri {
                    delivery.destination = Destination::Path(parts.uri.to_string());
                }
                inner.deliver(delivery).await.map(answer)
            })
        });
        let (status, said, _) = self.post(request, last).await?;
        Ok(TopicStatus::from_http(status, &said))
    }

    async fn input_bindings(&self) -> Result<Vec<String>> {
        self.inner.input_bindings().await
    }

    async fn binding_event(&self, mut event: bindings::Event) -> Result<bindings::Reply> {
        let (request, name) = (callback::binding(&event)?, event.binding.clone());
        let (headers, inner) = (request.headers().clone(), Arc::clone(&self.inner));
        let last: Next = Box::new(move |request| {
            Box::pin(async move {
                let (parts, data) = request.into_parts();
                event.data = body::collect(data, MAX_EVENT).await?;
                event.metadata.extend(added(&headers, &parts.headers));
                let bindings::Reply { data, to, parallel } = inner.binding_event(event).await?;
                let mut response = Response::new(body::full(data));
                response.extensions_mut().insert(Named { to, parallel });
                Ok(response)
            })
        });
        let (status, said, mut extensions) = self.post(request, last).await?;
        let reply = callback::binding_reply(&name, status, said)?;
        Ok(match extensions.remove::<Named>() {
            Some(Named { to, parallel }) => bindings::Reply { to, parallel, ..reply },
            None => reply,
        })
    }

    async fn job_event(&self, mut event: jobs::Event) -> Result<()> {
        let (request, name, inner) = (callback::job(&event)?, event.name.clone(), Arc::clone(&self.inner));
        let last: Next = Box::new(move |request| {
            Box::pin(async move {
                event.data = body::collect(request.into_body(), MAX_EVENT).await?;
                inner.job_event(event).await?;
                Ok(Response::new(body::empty()))
            })
        });
        let (status, ..) = self.post(request, last).await?;
        callback::job_done(&name, status)
    }

    async fn configuration_update(&self, update: configuration::Update) -> Result<()> {
        let requests = callback::configuration(&update)?;
        for (request, (key, item)) in requests.into_iter().zip(update.items) {
            let (store, id) = (update.store.clone(), update.id.clone());
            let items = configuration::Items::from([(key, item)]);
            self.update_of_key(request, configuration::Update { store, id, items }).await?;
        }
        Ok(())
    }
}
