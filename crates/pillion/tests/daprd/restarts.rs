//! daprd dies and comes back under load, with a broker that outlives it: what it had taken is delivered.

use crate::{
    common,
    harness::{Network, Setup, pause, rounds, tools, until},
    redis::{REDELIVERY, Redis},
};
use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

const APP: &str = r#"{ guests: { listener: { source: event-recorder.wasm } }, on: [{ pubsub: bus, topic: orders, guest: listener }], allow: { files: ["./events:/events"] } }"#;
/// Crashes of daprd; `PILLION_TEST_ROUNDS` asks for more.
const ROUNDS: usize = 5;
/// Between two events of the load.
const PAUSE: Duration = Duration::from_millis(5);
/// Events that daprd takes before it dies.
const SERVES: usize = 20;

#[test]
fn no_event_that_a_dying_daprd_took_is_lost() {
    check("no_event_that_a_dying_daprd_took_is_lost", APP);
}

pub fn check(test: &str, app: &str) {
    let Some(tools) = tools(test) else { return };
    let network = Network::new(tools);
    let Some(redis) = Redis::start(test, network.dir.path()) else { return };
    let bus = redis.component("bus", "pubsub.redis", &REDELIVERY);
    let mut behind = Setup::new("shop", app, bus).start_in(&network);
    let url = format!("http://127.0.0.1:{}/v1.0/publish/bus/orders", behind.ports.http);
    let (done, taken) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let count = || taken.lock().expect("no test panicked").len();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0;
            while !done.load(Ordering::Relaxed) {
                n += 1;
                // An event without an answer may have come through or not: nobody promised it.
                if common::try_ask("POST", &url, &[], format!("event {n}.").as_bytes())
                    .is_ok_and(|answer| answer.status == 204)
                {
                    taken.lock().expect("no test panicked").push(n);
                }
                pause(PAUSE);
            }
        });
        for round in 0..rounds(ROUNDS) {
            let before = count();
            assert!(until(|| count() >= before + SERVES), "round {round}: nothing is taken\n{}", behind.daprd.log());
            behind.stop_daprd();
            behind.start_daprd();
        }
        done.store(true, Ordering::Relaxed);
    });
    let taken = taken.into_inner().expect("no test panicked");
    let missing = || behind.missing(&taken);
    assert!(until(|| missing().is_empty()), "of {} events {:?} are lost", taken.len(), missing());
}
