//! One connection: which protocol it speaks, its bounds in time, its end.

use super::{
    socket::{Shared, Socket},
    stack::{self, Connection, ConnectionInfo, Offers, Port},
};
use hyper::{
    rt::Executor,
    server::conn::{http1, http2},
    service::service_fn,
};
use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    pin::pin,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    sync::watch,
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until, timeout_at},
};

/// What every HTTP/2 client sends first (RFC 9113, 3.4).
const H2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// hyper's smallest read buffer; a longer head than our limit is answered 431 by us, one longer than this by hyper.
const MIN_BUFFER: usize = 16 * 1024;
/// Headers of one request, as in hyper's own default.
const MAX_HEADERS: usize = 100;

/// What is read before it is known who answers: a request line, or HTTP/2's preface.
const FIRST_READ: usize = 1024;

/// Serves one client until it goes, is idle or too slow, or `stop` says so. The first request says where: a connection
/// that asks for guests is moved to their threads, so that its calls need no hand-over.
pub(super) async fn drive(
    mut stream: TcpStream,
    info: ConnectionInfo,
    port: Arc<Port>,
    mut stop: watch::Receiver<bool>,
) {
    let opened = Instant::now();
    let sniffed = tokio::select! {
        sniffed = timeout_at(opened + port.limits.header_read, sniff(&mut stream)) => sniffed,
        _ = stop.wait_for(|stop| *stop) => return,
    };
    let Ok(Ok((first, is_h2))) = sniffed else { return };
    let home = if is_h2 { None } else { path_of(&first).and_then(|path| port.service.home(path)) };
    let shared = Arc::new(Shared::default());
    let offers = Arc::new(Offers::default());
    let connection = Connection { port: port.clone(), info, shared: shared.clone(), offers };
    if is_h2 {
        let socket = Socket::http2(stream, first, &port.limits, shared);
        return drive_http2(socket, connection, stop).await;
    }
    let serve = async move |stream| {
        let socket = Socket::http1(stream, first, opened, &port.limits, shared);
        drive_http1(socket, connection, stop).await;
    };
    match home {
        None => serve(stream).await,
        // Sockets and timers belong to the runtime that they were made on.
        Some(home) => {
            let Ok(stream) = stream.into_std() else { return };
            let mut moved = JoinSet::new();
            moved.spawn_on(
                async move {
                    if let Ok(stream) = TcpStream::from_std(stream) {
                        serve(stream).await;
                    }
                },
                &home,
            );
            moved.join_next().await.into_iter().for_each(note);
        }
    }
}

/// Tells of a connection's task that panicked.
pub(super) fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task panicked");
    }
}

/// The path of an HTTP/1 request line that is there as a whole, without its query.
fn path_of(first: &[u8]) -> Option<&str> {
    let (line, _) = first.split_at_checked(first.iter().position(|byte| *byte == b'\r')?)?;
    let target = std::str::from_utf8(line).ok()?.split(' ').nth(1)?;
    target.split('?').next().filter(|path| path.starts_with('/'))
}

/// Reads until it is clear whether the client begins as HTTP/2 does.
async fn sniff(stream: &mut TcpStream) -> io::Result<(Vec<u8>, bool)> {
    let mut first = vec![0; FIRST_READ];
    let mut length = 0;
    loop {
        let count = stream.read(&mut first[length..]).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        length += count;
        let seen = &first[..length];
        if seen.starts_with(H2_PREFACE) || !H2_PREFACE.starts_with(seen) {
            break;
        }
    }
    first.truncate(length);
    let is_h2 = first.starts_with(H2_PREFACE);
    Ok((first, is_h2))
}

async fn drive_http1(socket: Socket, connection: Connection, mut stop: watch::Receiver<bool>) {
    let shared = connection.shared.clone();
    let buffer = connection.port.limits.header_bytes.max(MIN_BUFFER);
    let service = service_fn(move |request| {
        let answer = stack::answer(&connection, request);
        // Boxed, because the socket is wanted back at the end, and so hyper may not pin the connection.
        Box::pin(async move { Ok::<_, Infallible>(answer.await) })
    });
    let mut driver = http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(buffer)
        .max_headers(MAX_HEADERS)
        .serve_connection(socket, service);
    let mut stopping = false;
    let result = loop {
        tokio::select! {
            // To its end, not `poll_without_shutdown`: that one forgets what was not yet written.
            result = poll_fn(|cx| {
                let mut poll = Pin::new(&mut driver).poll(cx);
                // Where hyper has not looked at the socket since an answer was handed over, the idle time isn't counted.
                while poll.is_pending() && shared.answered.swap(false, Ordering::Relaxed) {
                    poll = Pin::new(&mut driver).poll(cx);
                }
                poll
            }) => break result,
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                Pin::new(&mut driver).graceful_shutdown();
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended early");
        shared.linger.fetch_or(error.is_parse(), Ordering::Relaxed);
    }
    driver.into_parts().io.close().await;
}

async fn drive_http2(socket: Socket, connection: Connection, mut stop: watch::Receiver<bool>) {
    let (shared, offers, limits) =
        (connection.shared.clone(), connection.offers.clone(), connection.port.limits.clone());
    let streams = Streams::default();
    let service = service_fn(move |request| {
        let answer = stack::answer(&connection, request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let mut builder = http2::Builder::new(streams.clone());
    builder.max_concurrent_streams(limits.h2_streams);
    builder.max_header_list_size(u32::try_from(limits.header_bytes.max(MIN_BUFFER)).unwrap_or(u32::MAX));
    let mut driver = pin!(builder.serve_connection(socket, service));
    let mut watch = IdleWatch { since: Some(Instant::now()), begun: 0 };
    let mut stopping = false;
    let mut check = pin!(sleep_until(Instant::now() + limits.write_idle.min(limits.keep_alive_idle)));
    loop {
        tokio::select! {
            result = driver.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%error, "connection ended early");
                }
                break;
            }
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                driver.as_mut().graceful_shutdown();
            }
            () = check.as_mut() => {
                let stuck = offers.oldest().is_some_and(|since| since.elapsed() >= limits.write_idle);
                if stuck || watch.idle(&shared, &offers) >= limits.keep_alive_idle {
                    break;
                }
                check.as_mut().reset(Instant::now() + check_interval(limits.write_idle.min(limits.keep_alive_idle)));
            }
        }
    }
    streams.end();
}

/// Since when an HTTP/2 connection has nothing to do. Pings don't count: they would keep it for ever.
struct IdleWatch {
    since: Option<Instant>,
    /// Requests that were begun at the last look.
    begun: u64,
}

impl IdleWatch {
    fn idle(&mut self, shared: &Shared, offers: &Offers) -> Duration {
        let begun_before = std::mem::replace(&mut self.begun, offers.begun());
        let quiet = shared.in_flight.load(Ordering::Acquire) == 0 && self.begun == begun_before;
        self.since = if quiet { self.since.or_else(|| Some(Instant::now())) } else { None };
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// An idle or stuck HTTP/2 connection is found at most a quarter of its time late.
fn check_interval(limit: Duration) -> Duration {
    (limit / 4).max(Duration::from_millis(5))
}

/// Owns the tasks of one HTTP/2 connection's streams, so that none outlives it.
#[derive(Clone, Default)]
struct Streams(Arc<Mutex<JoinSet<()>>>);

impl Streams {
    fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while streams.try_join_next().is_some() {}
        streams.spawn(stream);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_read_from_a_whole_request_line_alone() {
        let check = |first: &str, path: Option<&str>| assert_eq!(path_of(first.as_bytes()), path, "{first:?}");
        check("GET /a/b?c=d HTTP/1.1\r\nHost: x\r\n", Some("/a/b"));
        check("POST / HTTP/1.1\r", Some("/"));
        check("GET /a/b", None);
        check("GET http://x/a HTTP/1.1\r\n", None);
        check("\r\n", None);
    }
}
