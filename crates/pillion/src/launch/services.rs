//! What answers on the ports of a run: an app's own channel, and Dapr's API for an app.

use crate::{
    dapr_api::{self, ApiContext},
    edge::{Service, service_fn},
};
use pillion_api::{AppChannel, Sidecar};
use std::sync::Arc;

/// An app's own port: requests go to the app, and what fails is answered as an app answers it.
pub(crate) fn app(channel: Arc<dyn AppChannel>) -> Arc<dyn Service> {
    service_fn(move |request| {
        let channel = channel.clone();
        async move { channel.invoke(request).await.unwrap_or_else(|error| error.problem_response()) }
    })
}

/// A Dapr port.
pub(crate) fn dapr(sidecar: Arc<dyn Sidecar>, context: Arc<ApiContext>) -> Arc<dyn Service> {
    service_fn(move |request| {
        let (sidecar, context) = (sidecar.clone(), context.clone());
        async move { dapr_api::handle(&sidecar, &context, request).await }
    })
}
