//! Two processes with one app id, each behind a daprd of its own: they share what comes.

use crate::{
    common,
    harness::{Behind, Network, Setup, pause, tools, until},
    redis::{REDELIVERY, Redis},
};
use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

const APP: &str = r#"{ guests: { listener: { source: event-recorder.wasm }, echo: { source: http-echo.wasm } }, routes: [{ path: /api, guest: echo }], on: [{ pubsub: bus, topic: orders, guest: listener }], allow: { files: ["./events:/events"] } }"#;
/// Between two events of the load.
const PAUSE: Duration = Duration::from_millis(5);
/// Events of the load before and after the end of one instance.
const SERVES: usize = 40;

/// The instances of one app, in one network and at one broker.
fn pair(test: &str, app: &str) -> Option<(Redis, [Behind; 2])> {
    let network = Network::new(tools(test)?);
    let redis = Redis::start(test, network.dir.path())?;
    let start = || {
        let bus = redis.component("bus", "pubsub.redis", &REDELIVERY);
        Setup::new("shop", app, bus).start_in(&network)
    };
    let apps = [start(), start()];
    Some((redis, apps))
}

fn seen(apps: &[Behind; 2], text: &str) -> usize {
    apps.iter().map(|app| app.count(text)).sum()
}

#[test]
fn instances_of_one_app_share_its_events() {
    check_shared("instances_of_one_app_share_its_events", APP);
}

pub fn check_shared(test: &str, app: &str) {
    let Some((_redis, apps)) = pair(test, app) else { return };
    let mut sent = 0;
    let both = until(|| {
        apps[sent % 2].publish("orders", &format!("event {sent}."));
        sent += 1;
        apps.iter().all(|app| app.count("event ") > 0)
    });
    assert!(both, "{sent} events went to one of them: {:?}", apps.each_ref().map(|app| app.count("event ")));
    let all = until(|| (0..sent).all(|n| seen(&apps, &format!("event {n}.")) > 0));
    assert!(all, "of {sent} events: {:#?}", apps.each_ref().map(Behind::events));
    for n in 0..sent {
        assert_eq!(seen(&apps, &format!("event {n}.")), 1, "event {n} of {sent} came more than once");
    }
}

#[test]
fn the_end_of_one_instance_loses_no_event_and_drops_no_request() {
    check_end("the_end_of_one_instance_loses_no_event_and_drops_no_request", APP);
}

pub fn check_end(test: &str, app: &str) {
    let Some((_redis, mut apps)) = pair(test, app) else { return };
    let (done, taken) = (AtomicBool::new(false), AtomicUsize::new(0));
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", apps[0].ports.http);
    let (publish, invoke) = (url("/v1.0/publish/bus/orders"), url("/v1.0/invoke/shop/method/api"));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let n = taken.load(Ordering::Relaxed);
                let answer = common::post(&publish, format!("event {n}.").as_bytes());
                assert_eq!(answer.status, 204, "{}", answer.text());
                taken.store(n + 1, Ordering::Release);
                let answer = common::post(&invoke, b"still there?");
                assert_eq!((answer.status, answer.text().contains("still there?")), (200, true), "{}", answer.text());
                pause(PAUSE);
            }
        });
        let wait_for_more = || {
            let before = taken.load(Ordering::Acquire);
            assert!(until(|| taken.load(Ordering::Acquire) >= before + SERVES), "nothing is taken");
        };
        wait_for_more();
        let (status, printed) = apps[1].terminate();
        assert_eq!(status.code(), Some(0), "{printed}");
        apps[1].stop_daprd();
        wait_for_more();
        done.store(true, Ordering::Relaxed);
    });
    let sent = taken.into_inner();
    let missing = || (0..sent).filter(|n| seen(&apps, &format!("event {n}.")) == 0).collect::<Vec<_>>();
    assert!(until(|| missing().is_empty()), "of {sent} events {:?} are lost", missing());
}
