//! Spans on their way to a collector.

use crate::{
    edge::{EdgeLimits, Listener, Observe, Server, serve, service_fn},
    telemetry::{
        metrics::{Metrics, PortKind},
        otlp::{Exporter, OtlpSettings},
        traces::Traces,
    },
};
use http::{HeaderMap, Response};
use pillion_api::{
    body,
    spans::{Event, Kind, Span, Status},
    trace::TraceContext,
};
use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, SystemTime},
};
use tokio::{sync::mpsc, time::timeout};

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const PATIENCE: Duration = Duration::from_secs(10);

/// A collector that hands over what it got: path, content type, `x-key`, body.
async fn collector() -> (Server, SocketAddr, mpsc::UnboundedReceiver<(String, HeaderMap, Vec<u8>)>) {
    let (sender, received) = mpsc::unbounded_channel();
    let service = service_fn(move |request: http::Request<pillion_api::Body>| {
        let sender = sender.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body::collect(body, 1 << 20).await.expect("a small body");
            let _ = sender.send((parts.uri.path().to_owned(), parts.headers, body.to_vec()));
            Response::new(body::empty())
        }
    });
    let listener = Listener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound port");
    let metrics = Metrics::new().port("collector", PortKind::App);
    let observe = Observe { app: "collector".into(), metrics, traces: Traces::off() };
    (serve(listener, service, EdgeLimits::app(), observe), address, received)
}

fn exporter(endpoint: String) -> Exporter {
    let headers = HashMap::from([("x-key".to_owned(), "k".to_owned())]);
    let settings = OtlpSettings { endpoint, headers, service_name: "pillion".into() };
    Exporter::new(&settings).expect("a good endpoint")
}

fn caller() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", CALLER.parse().expect("a value"));
    headers.insert("tracestate", "vendor=1".parse().expect("a value"));
    headers
}

/// The length-delimited fields of a protobuf message, by number.
fn fields(mut message: &[u8]) -> Vec<(u64, &[u8])> {
    fn varint(message: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let (&byte, rest) = message.split_first().expect("a whole varint");
            *message = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }
    let mut found = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let length = match key & 7 {
            0 => {
                varint(&mut message);
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut message)).expect("a length"),
            5 => 4,
            other => panic!("wire type {other}"),
        };
        let (value, rest) = message.split_at(length);
        found.push((key >> 3, value));
        message = rest;
    }
    found
}

/// The messages at a path of field numbers.
fn at<'a>(message: &'a [u8], path: &[u64]) -> Vec<&'a [u8]> {
    path.iter().fold(vec![message], |messages, number| {
        let inside = messages.into_iter().flat_map(fields);
        inside.filter(|(other, _)| other == number).map(|(_, value)| value).collect()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_gets_the_span_with_its_callers_trace_and_parent() {
    let (_server, address, mut received) = collector().await;
    let traces = Traces::new(exporter(format!("http://{address}/")), 0.0);
    let mut span = traces.server_span("POST /api/image", &caller());
    span.set("http.response.status_code", 200);
    span.set("url.path", "/api/image");
    let own = span.context();
    drop(span);
    drop(traces.server_span("GET /unsampled", &HeaderMap::new()));
    let flushed = traces.clone();
    tokio::task::spawn_blocking(move || flushed.flush()).await.expect("no panic");
    let (path, headers, body) = timeout(PATIENCE, received.recv()).await.expect("in time").expect("a request");
    assert_eq!(path, "/v1/traces");
    assert_eq!(
        (&headers["content-type"], &headers["x-key"]),
        (&"application/x-protobuf".parse().expect("a value"), &"k".parse().expect("a value"))
    );
    // ExportTraceServiceRequest: resource_spans 1, scope_spans 2, spans 2; Span: trace_id 1, span_id 2, trace_state 3,
    // parent_span_id 4, name 5.
    let spans = at(&body, &[1, 2, 2]);
    assert_eq!(spans.len(), 1);
    let trace_id = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes();
    let shown = |span: &[u8]| -> Vec<Vec<u8>> { (1..=5).map(|number| at(span, &[number]).concat()).collect() };
    let of = |span_id: u64, parent: u64, name: &str| {
        vec![
            trace_id.to_vec(),
            span_id.to_be_bytes().to_vec(),
            b"vendor=1".to_vec(),
            parent.to_be_bytes().to_vec(),
            name.as_bytes().to_vec(),
        ]
    };
    let expected = of(own.span_id, 0x00f0_67aa_0ba9_02b7, "POST /api/image");
    assert_eq!(shown(spans[0]), expected);
    let text = String::from_utf8_lossy(&body);
    assert!(text.contains("service.name") && text.contains("pillion") && text.contains("/api/image"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guests_span_goes_the_same_way_with_the_names_of_app_and_guest() {
    let (_server, address, mut received) = collector().await;
    let traces = Traces::new(exporter(format!("http://{address}/")), 0.0);
    assert!(Traces::off().of_guests().is_none());
    let context = TraceContext::parse(CALLER).expect("a context");
    let forged = ("dapr.app_id".to_owned(), "\"other-app\"".to_owned());
    traces.of_guests().expect("an exporter").ended(
        "shop",
        "cases",
        Span {
            context: context.child(7),
            parent: context.span_id,
            kind: Kind::Client,
            name: "work".into(),
            start: SystemTime::UNIX_EPOCH,
            end: SystemTime::now(),
            attributes: vec![forged, ("size".into(), "7".into())],
            events: vec![Event { name: "happened".into(), time: SystemTime::UNIX_EPOCH, attributes: Vec::new() }],
            links: vec![(context, Vec::new())],
            status: Status::Error("no good".into()),
            library: "library".into(),
            dropped: [1, 0, 0],
        },
    );
    tokio::task::spawn_blocking(move || traces.flush()).await.expect("no panic");
    let (_, _, body) = timeout(PATIENCE, received.recv()).await.expect("in time").expect("a request");
    let spans = at(&body, &[1, 2, 2]);
    assert_eq!(at(spans[0], &[2]).concat(), 7_u64.to_be_bytes());
    assert_eq!(at(spans[0], &[4]).concat(), context.span_id.to_be_bytes());
    let text = String::from_utf8_lossy(&body);
    for part in ["work", "happened", "no good", "library", "dapr.app_id", "shop", "pillion.guest", "cases", "size"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("other-app"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_not_there_never_holds_up_a_call() {
    let (server, address, _) = collector().await;
    drop(server);
    let traces = Traces::new(exporter(format!("http://{address}")), 1.0);
    let started = std::time::Instant::now();
    for _ in 0..20_000 {
        drop(traces.server_span("GET /", &HeaderMap::new()));
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn what_the_caller_decided_about_recording_holds_and_else_the_ratio() {
    let (_server, address, _) = collector().await;
    let traces = |ratio| Traces::new(exporter(format!("http://{address}")), ratio);
    let recorded = |traces: &Traces, headers: &HeaderMap| {
        (0..1000).filter(|_| traces.server_span("x", headers).is_recorded()).count()
    };
    let mut unsampled = caller();
    unsampled.insert("traceparent", CALLER.replace("-01", "-00").parse().expect("a value"));
    let (none, half, all) = (traces(0.0), traces(0.5), traces(1.0));
    assert_eq!((recorded(&none, &caller()), recorded(&all, &unsampled)), (1000, 0));
    assert_eq!((recorded(&none, &HeaderMap::new()), recorded(&all, &HeaderMap::new())), (0, 1000));
    let half = recorded(&half, &HeaderMap::new());
    assert!((350..650).contains(&half), "{half}");
    assert_eq!(recorded(&Traces::off(), &caller()), 0);
}

#[test]
fn a_context_is_handed_on_even_if_nothing_is_recorded() {
    let span = Traces::off().server_span("x", &caller());
    let mut headers = caller();
    span.propagate(&mut headers);
    let handed_on = TraceContext::parse(headers["traceparent"].to_str().expect("text")).expect("a context");
    let from = TraceContext::parse(CALLER).expect("a context");
    assert_eq!((handed_on.trace_id, handed_on.sampled), (from.trace_id, true));
    assert_ne!(handed_on.span_id, from.span_id);
    assert_eq!(headers["tracestate"], "vendor=1");
    // Two `traceparent` headers, or a broken one, begin a new trace, and its state goes.
    headers.append("traceparent", CALLER.parse().expect("a value"));
    for broken in [
        headers,
        HeaderMap::from_iter([("traceparent".parse().expect("a name"), "nonsense".parse().expect("a value"))]),
    ] {
        let span = Traces::off().server_span("x", &broken);
        let mut onwards = broken.clone();
        span.propagate(&mut onwards);
        assert_ne!(span.context().trace_id, from.trace_id);
        assert!(!onwards.contains_key("tracestate"));
        assert_eq!(onwards.get_all("traceparent").iter().count(), 1);
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_spoken_is_refused_at_the_start() {
    for endpoint in ["https://collector:4318", "collector:4318", "", "grpc://x"] {
        let settings =
            OtlpSettings { endpoint: endpoint.into(), headers: HashMap::new(), service_name: "pillion".into() };
        let error = Exporter::new(&settings).expect_err(endpoint);
        assert!(error.to_string().contains(&format!("`{endpoint}`")), "{error}");
    }
}
