//! Small answers that wait for the end of their thread's turn.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A body that is small enough to wait, so that many of them fill a socket soon.
const BODY: usize = 3 * 1024;

fn pipelined(count: usize) -> String {
    (0..count).map(|number| format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n")).collect()
}

fn padded() -> Arc<dyn Service> {
    service_fn(|request| async move {
        let path = request.uri().path().to_owned();
        Response::new(body::full(format!("{path} {}", "x".repeat(BODY))))
    })
}

#[tokio::test]
async fn answers_of_a_connection_come_in_order_wherever_it_lives() {
    for edge in [Edge::start(EdgeLimits::app(), echo()).await, Edge::start_here(EdgeLimits::app(), echo()).await] {
        let mut stream = edge.connect().await;
        stream.write_all(pipelined(300).as_bytes()).await.expect("the socket takes it");
        for number in 0..300 {
            let answer = read_answer(&mut stream).await;
            assert!(answer.ends_with(&format!("GET /{number} 0")), "{number}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_client_that_reads_late_gets_every_answer() {
    const REQUESTS: usize = 8000;
    let edge = Edge::start(EdgeLimits { keep_alive_idle: PATIENCE, ..EdgeLimits::app() }, padded()).await;
    let (mut reading, mut writing) = edge.connect().await.into_split();
    let asking = tokio::spawn(async move {
        writing.write_all(pipelined(REQUESTS).as_bytes()).await.expect("the socket takes it");
        writing
    });
    // Until the server can't get rid of any more: more answers than a socket holds, however large it is.
    let answered = || edge.gauge("pillion_edge_requests_total{app=\"shop\",port=\"app\",status=\"2xx\"}");
    let mut before = -1.0;
    while answered() > before {
        before = answered();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let mut bytes = Vec::new();
    let all = async {
        let last = format!("/{} ", REQUESTS - 1);
        while !String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(2 * BODY)..]).contains(&last)
            || !bytes.ends_with(b"xxx")
        {
            assert_ne!(reading.read_buf(&mut bytes).await.expect("the connection is kept"), 0);
        }
    };
    timeout(6 * PATIENCE, all).await.expect("all answers");
    drop(asking.await);
    let text = String::from_utf8(bytes).expect("text");
    let numbers: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix('/')?.split(' ').next()).collect();
    assert_eq!(numbers, (0..REQUESTS).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_client_that_never_reads_its_small_answers_is_ended() {
    let limits = EdgeLimits { write_idle: Duration::from_millis(150), ..EdgeLimits::app() };
    let edge = Edge::start(limits, padded()).await;
    let mut stream = edge.connect().await;
    let requests = pipelined(20_000);
    // Ends where the server ends the connection.
    let _ = timeout(PATIENCE, stream.write_all(requests.as_bytes())).await.expect("the connection is ended");
    edge.until("pillion_edge_connections{", 0.0).await;
}

#[tokio::test]
async fn an_answer_does_not_wait_for_whoever_comes_after_it() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let service = service_fn(|request| async move {
        if request.uri().path() == "/long" {
            ASKED.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>().await;
        }
        Response::new(body::full("short"))
    });
    let edge = Edge::start(EdgeLimits::app(), service).await;
    let mut stream = edge.connect().await;
    // The second keeps the connection's task busy: the first is out all the same.
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /long HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .expect("the socket takes it");
    assert!(read_answer(&mut stream).await.ends_with("short"));
    timeout(PATIENCE, async {
        while ASKED.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the second is asked");
}
