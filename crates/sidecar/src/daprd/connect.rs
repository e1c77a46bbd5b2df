//! The one gRPC connection of an app, and the wait for a daprd that is still to come.

use super::Daprd;
use ::http::{Method, Request, Uri};
use pillion_api::body;
use std::time::Duration;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

/// How long dialling may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often an unused connection is asked whether it lives; daprd ends those that ask more than every 8 s.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long its answer may take.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// The first pause between two tries, and the longest; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A channel that dials when it is used, and again when it broke.
pub(super) fn channel(uri: &Uri) -> Result<Channel, String> {
    let endpoint = Endpoint::from(uri.clone())
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true);
    let endpoint = match uri.scheme_str() {
        Some("https") => {
            let tls = ClientTlsConfig::new().with_webpki_roots();
            endpoint.tls_config(tls).map_err(|error| error.to_string())?
        }
        _ => endpoint,
    };
    Ok(endpoint.connect_lazy())
}

/// Pauses that grow.
pub(super) struct BackOff(Duration);

impl BackOff {
    pub(super) fn new() -> Self {
        Self(FIRST_PAUSE)
    }

    /// The pause before the next try. A part of it is chance, so that callers don't come back together.
    pub(super) fn next(&mut self) -> Duration {
        let whole = self.0;
        self.0 = (whole * 2).min(LONGEST_PAUSE);
        let chance = uuid::Uuid::new_v4().as_bytes()[0];
        whole / 2 + whole * u32::from(chance) / 512
    }
}

impl Daprd {
    /// Waits until daprd says that its components are ready. The app must listen by then: daprd waits for it in turn.
    pub async fn wait_ready(&self) {
        let mut pauses = BackOff::new();
        while !self.is_ready().await {
            tokio::time::sleep(pauses.next()).await;
        }
    }

    /// Whether daprd's components are ready.
    pub async fn is_ready(&self) -> bool {
        let mut request = Request::new(body::empty());
        *request.method_mut() = Method::GET;
        let asked = self.send(&["v1.0", "healthz", "outbound"], request);
        let answer = tokio::time::timeout(CONNECT_TIMEOUT, asked).await;
        answer.is_ok_and(|answer| answer.is_ok_and(|response| response.status().is_success()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound() {
        let mut pauses = BackOff::new();
        let first = pauses.next();
        assert!(first >= FIRST_PAUSE / 2 && first <= FIRST_PAUSE, "{first:?}");
        let late = (0..20).map(|_| pauses.next()).last().expect("twenty");
        assert!(late >= LONGEST_PAUSE / 2 && late <= LONGEST_PAUSE, "{late:?}");
    }
}
