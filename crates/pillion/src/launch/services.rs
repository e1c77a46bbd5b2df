//! What answers on the ports of a run: an app's own channel, and Dapr's API for an app.

use crate::{
    channel::{Channel, failure_of},
    dapr_api::{self, ApiContext},
    edge::{ConnectionInfo, Service, service_fn},
};
use async_trait::async_trait;
use http::{Request, Response};
use pillion_api::{AppChannel, Body, Sidecar, middleware::Peer};
use pillion_runtime::App;
use std::sync::Arc;
use tokio::runtime::Handle;

/// The own port of an app made of guests: requests go to the app, and what fails is answered as an app answers it.
pub(crate) struct WasmApp {
    pub(crate) app: Arc<App>,
    /// What daprd asks, where one may stand before the app.
    pub(crate) channel: Option<Arc<Channel>>,
    /// Where guests run.
    pub(crate) guests: Handle,
}

#[async_trait]
impl Service for WasmApp {
    async fn call(&self, request: Request<Body>) -> Response<Body> {
        match &self.channel {
            Some(channel) => channel.call(request).await,
            None => {
                let failed = failure_of(&request);
                self.app.invoke(request).await.unwrap_or_else(failed)
            }
        }
    }

    fn home(&self, path: &str) -> Option<Handle> {
        self.app.runs_guest(path).then(|| self.guests.clone())
    }
}

/// A Dapr port.
pub(crate) fn dapr(sidecar: Arc<dyn Sidecar>, context: Arc<ApiContext>) -> Arc<dyn Service> {
    service_fn(move |mut request: Request<Body>| {
        if let Some(connection) = request.extensions().get::<ConnectionInfo>() {
            let peer = Peer(connection.peer);
            request.extensions_mut().insert(peer);
        }
        let (sidecar, context) = (sidecar.clone(), context.clone());
        async move { dapr_api::handle(&sidecar, &context, request).await }
    })
}
