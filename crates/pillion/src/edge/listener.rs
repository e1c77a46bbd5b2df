//! Binding a port, accepting on it, and ending it without cutting off who is being served.

use super::{
    EdgeLimits, Observe, Service,
    connection::{drive, note},
    stack::{ConnectionInfo, Port},
};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream, ToSocketAddrs},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, timeout_at},
};

/// Waits after an accept that failed for want of a descriptor or memory: doubled from the first to the last.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// A bound port that nobody is accepted on yet.
#[derive(Debug)]
pub(crate) struct Listener(TcpListener);

impl Listener {
    /// Binds an address; port 0 takes a free one.
    ///
    /// # Errors
    /// The system's: the port is taken, or not ours to take.
    pub(crate) async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        TcpListener::bind(address).await.map(Self)
    }

    /// The address with the port that was taken.
    ///
    /// # Errors
    /// The system's, which a bound socket doesn't give.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A port that is served. Dropping it ends it at once.
#[derive(Debug)]
pub(crate) struct Server {
    stop: watch::Sender<bool>,
    deadline: watch::Sender<Option<Instant>>,
    accepting: JoinHandle<usize>,
}

impl Server {
    /// Accepts nobody from here on, lets every request end that was begun, at most for `grace`.
    /// Answers how many connections were cut off.
    pub(crate) async fn shutdown(mut self, grace: Duration) -> usize {
        self.deadline.send_replace(Some(Instant::now() + grace));
        self.stop.send_replace(true);
        (&mut self.accepting).await.unwrap_or(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Serves a port on the runtime that calls, which should be one that never runs a guest.
pub(crate) fn serve(listener: Listener, service: Arc<dyn Service>, limits: EdgeLimits, observe: Observe) -> Server {
    let (stop, stopped) = watch::channel(false);
    let (deadline, deadline_seen) = watch::channel(None);
    let port = Arc::new(Port { service, limits, observe });
    let accepting = tokio::spawn(accept_all(listener.0, port, stopped, deadline_seen));
    Server { stop, deadline, accepting }
}

async fn accept_all(
    listener: TcpListener,
    port: Arc<Port>,
    mut stop: watch::Receiver<bool>,
    deadline: watch::Receiver<Option<Instant>>,
) -> usize {
    let permits = Arc::new(Semaphore::new(port.limits.connections));
    let mut connections = JoinSet::new();
    let stopped = stop.clone();
    loop {
        tokio::select! {
            (permit, stream, peer) = accept(&listener, &permits) => {
                connections.spawn(serve_one(permit, stream, peer, port.clone(), stopped.clone()));
            }
            Some(ended) = connections.join_next() => note(ended),
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    // The port is free for a successor while old requests end.
    drop(listener);
    let until = deadline.borrow().unwrap_or_else(Instant::now);
    let drained = timeout_at(until, async { while connections.join_next().await.is_some() {} }).await;
    if drained.is_ok() {
        return 0;
    }
    let cut_off = connections.len();
    connections.shutdown().await;
    cut_off
}

/// The permit comes first: a client over the limit waits in the backlog, where it costs us nothing.
async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> (OwnedSemaphorePermit, TcpStream, SocketAddr) {
    // The semaphore is never closed.
    let Ok(permit) = permits.clone().acquire_owned().await else { std::future::pending().await };
    let (stream, peer) = persist(|| listener.accept()).await;
    (permit, stream, peer)
}

/// Tries until it works. Without a wait an accept that fails for want of descriptors would fail again at once, for ever.
async fn persist<T, F: Future<Output = io::Result<T>>>(mut accept: impl FnMut() -> F) -> T {
    let mut wait = BACKOFF.0;
    loop {
        match accept().await {
            Ok(accepted) => return accepted,
            // The client went before it was accepted: nothing of ours is short.
            Err(error) if is_clients(&error) => {}
            Err(error) => {
                tracing::error!(%error, "can't accept a connection; trying again in {wait:?}");
                sleep(wait).await;
                wait = (wait * 2).min(BACKOFF.1);
            }
        }
    }
}

fn is_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn serve_one(
    _permit: OwnedSemaphorePermit,
    stream: TcpStream,
    peer: SocketAddr,
    port: Arc<Port>,
    stop: watch::Receiver<bool>,
) {
    let _open = port.observe.metrics.connection();
    let _ = stream.set_nodelay(true);
    let Ok(local) = stream.local_addr() else { return };
    drive(stream, ConnectionInfo { peer, local }, port, stop).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn without_descriptors_the_waits_grow_to_a_second_and_a_clients_end_costs_none() {
        let too_many = || Err(io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error()));
        let (started, mut tries) = (Instant::now(), 0);
        let accepted = persist(|| {
            tries += 1;
            std::future::ready(match tries {
                1..=9 => too_many(),
                10..=100 => Err(io::ErrorKind::ConnectionAborted.into()),
                _ => Ok(tries),
            })
        });
        assert_eq!(accepted.await, 101);
        // 10, 20, 40, 80, 160, 320, 640, 1000, 1000 ms; the paused clock rounds each up to its tick.
        let waited = started.elapsed();
        assert!((3270..3300).contains(&waited.as_millis()), "{waited:?}");
    }
}
