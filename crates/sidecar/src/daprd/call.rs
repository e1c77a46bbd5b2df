//! One gRPC call: its token and trace, its deadline, and the tries until daprd is there.

use super::{
    Daprd,
    connect::BackOff,
    status::{self, Call},
};
use dapr::dapr::proto::runtime::v1::dapr_client::DaprClient;
use pillion_api::{Error, Result, scope};
use tokio::time::{Instant, timeout};
use tonic::{Request, Response, Status, transport::Channel};

/// The client of one call.
pub(super) type Client = DaprClient<Channel>;

impl Daprd {
    /// Makes a call, again while daprd isn't reached. A call that may have been carried is never made twice.
    pub(super) async fn call<Q: Clone, A, Sent>(
        &self,
        call: &Call,
        message: Q,
        send: impl Fn(Client, Request<Q>) -> Sent,
    ) -> Result<A>
    where
        Sent: Future<Output = Result<Response<A>, Status>>,
    {
        let limit = self.config.call_timeout;
        let began = Instant::now();
        let mut pauses = BackOff::new();
        let calls = async {
            loop {
                let request = self.request(message.clone(), None);
                let answer = match send(self.grpc.clone(), request).await {
                    Ok(answer) => return Ok(answer.into_inner()),
                    Err(answer) => answer,
                };
                let pause = pauses.next();
                if !status::not_reached(&answer) || began.elapsed() + pause > self.config.patience {
                    return Err(self.failed(call, &answer));
                }
                tokio::time::sleep(pause).await;
            }
        };
        timeout(limit, calls).await.unwrap_or_else(|_| Err(status::late(call.name, limit)))
    }

    /// A request with the token and the trace that a call needs; the trace of the guest's call unless another is given.
    pub(super) fn request<Q>(&self, message: Q, traceparent: Option<&str>) -> Request<Q> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        if let Some((token, _)) = &self.token {
            metadata.insert("dapr-api-token", token.clone());
        }
        let of_scope = || scope::current().map(|scope| scope.trace.to_string());
        let trace = traceparent.map(str::to_owned).or_else(of_scope);
        if let Some(trace) = trace.and_then(|text| text.parse().ok()) {
            metadata.insert("traceparent", trace);
        }
        request
    }

    /// The error of a status.
    pub(super) fn failed(&self, call: &Call, answer: &Status) -> Error {
        status::error(answer, call, &self.config.app_id)
    }
}
