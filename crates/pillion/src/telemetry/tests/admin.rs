//! The admin port.

use crate::telemetry::{
    admin,
    metrics::{Collect, Kind, Metric, Metrics, PortKind, Sample},
};
use http::{Request, StatusCode};
use pillion_api::body;
use std::{sync::Arc, time::Duration};

/// Status, content type and body of a request to the admin port.
async fn ask(metrics: &Arc<Metrics>, ready: &Arc<admin::Readiness>, line: &str) -> (u16, String, String) {
    let service = admin::service(metrics.clone(), ready.clone());
    let (method, target) = line.split_once(' ').expect("a method and a target");
    let request = Request::builder().method(method).uri(target).body(body::empty()).expect("a request");
    let (parts, body) = service.call(request).await.into_parts();
    let body = body::collect(body, 1 << 20).await.expect("a body");
    let content_type = parts.headers["content-type"].to_str().expect("text").to_owned();
    (parts.status.as_u16(), content_type, String::from_utf8(body.to_vec()).expect("text"))
}

#[tokio::test]
async fn health_says_alive_and_ready_apart() {
    let (metrics, ready) = (Metrics::new(), Arc::<admin::Readiness>::default());
    for (line, before, after) in [
        ("GET /healthz", 200, 200),
        ("HEAD /healthz", 200, 200),
        ("GET /readyz", 503, 200),
        ("GET /metrics", 200, 200),
        ("GET /", 404, 404),
        ("GET /metrics/x", 404, 404),
        ("GET /../metrics", 400, 400),
        ("POST /metrics", 405, 405),
    ] {
        ready.set(false);
        assert_eq!(ask(&metrics, &ready, line).await.0, before, "{line}");
        ready.set(true);
        assert_eq!(ask(&metrics, &ready, line).await.0, after, "{line}");
    }
}

struct Runtime;

impl Collect for Runtime {
    fn collect(&self) -> Vec<Metric> {
        let sample = |app: &str, value| Sample { labels: vec![("app", app.to_owned())], value };
        vec![
            Metric {
                name: "pillion_guest_calls",
                help: "Calls of guests",
                kind: Kind::Counter,
                samples: vec![sample("a", 3.0), sample("b\"\n", 4.0)],
            },
            Metric {
                name: "pillion_instances",
                help: "Instances now",
                kind: Kind::Gauge,
                samples: vec![Sample { labels: Vec::new(), value: 1.5 }],
            },
        ]
    }
}

#[tokio::test]
async fn metrics_hold_the_process_the_edge_and_what_others_collect() {
    let metrics = Metrics::new();
    metrics.add(Arc::new(Runtime));
    let port = metrics.port("shop", PortKind::Dapr);
    let connection = port.connection();
    let mut request = port.request();
    request.finish(StatusCode::NOT_FOUND, Duration::from_millis(3));
    drop(request);
    drop(port.request());
    let (_, content_type, text) = ask(&metrics, &Arc::default(), "GET /metrics").await;
    drop(connection);
    assert!(content_type.starts_with("application/openmetrics-text"), "{content_type}");
    for line in [
        "# TYPE pillion_edge_connections gauge",
        "pillion_edge_connections{app=\"shop\",port=\"dapr\"} 1",
        "pillion_edge_connections_accepted_total{app=\"shop\",port=\"dapr\"} 1",
        "pillion_edge_requests_in_flight{app=\"shop\",port=\"dapr\"} 0",
        "pillion_edge_requests_total{app=\"shop\",port=\"dapr\",status=\"4xx\"} 1",
        "pillion_edge_requests_total{app=\"shop\",port=\"dapr\",status=\"gone\"} 1",
        "pillion_edge_request_duration_seconds_bucket{le=\"0.0025\",app=\"shop\",port=\"dapr\"} 0",
        "pillion_edge_request_duration_seconds_bucket{le=\"0.005\",app=\"shop\",port=\"dapr\"} 1",
        "# TYPE pillion_guest_calls counter",
        "pillion_guest_calls_total{app=\"a\"} 3.0",
        "pillion_guest_calls_total{app=\"b\\\"\\n\"} 4.0",
        "pillion_instances 1.5",
        "# EOF",
    ] {
        assert!(text.lines().any(|other| other == line), "no `{line}` in\n{text}");
    }
    let value = |name: &str| -> f64 {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}"));
        line.rsplit(' ').next().expect("a value").parse().expect("a number")
    };
    assert!(value("process_start_time_seconds ") > 1.7e9);
    if cfg!(target_os = "linux") {
        assert!(value("process_resident_memory_bytes ") > 1e6);
        assert!(value("process_open_fds ") > 2.0 && value("process_threads ") >= 1.0);
    }
}
