//! Http: prepares a table by `wizer-initialize`, or at the first call where that was not run, and answers what it finds:
//! who prepared it, a number of the table, a random number of the preparation, and which call this is for the instance.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, OnceLock};
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

wit_bindgen::generate!({
    inline: "
        package pillion:prepared;
        world prepared {
            export wizer-initialize: func();
        }
    ",
});

/// Entries of the table; a call that has to make it takes milliseconds.
const ENTRIES: usize = 200_000;

/// What a guest has after its start.
struct Prepared {
    by: &'static str,
    table: Vec<u32>,
    random: u64,
}

impl Prepared {
    fn new(by: &'static str) -> Self {
        let mut state = 1_u32;
        let next = |_| {
            (0..16).for_each(|_| state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
            state
        };
        Self { by, table: (0..ENTRIES).map(next).collect(), random: wasip2::random::random::get_random_u64() }
    }
}

static PREPARED: OnceLock<Prepared> = OnceLock::new();
static CALLS: LazyLock<AtomicU32> = LazyLock::new(AtomicU32::default);

struct Handler;

wasip2::http::proxy::export!(Handler);
export!(Handler);

impl Guest for Handler {
    fn wizer_initialize() {
        PREPARED.get_or_init(|| Prepared::new("start"));
    }
}

impl wasip2::exports::http::incoming_handler::Guest for Handler {
    fn handle(_: IncomingRequest, out: ResponseOutparam) {
        let prepared = PREPARED.get_or_init(|| Prepared::new("call"));
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        let number = prepared.table[ENTRIES / 2];
        let text = format!("{} {number} {:016x} {call}", prepared.by, prepared.random);
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().expect("the stream is taken once");
        stream.blocking_write_and_flush(text.as_bytes()).expect("the client reads on");
        drop(stream);
        OutgoingBody::finish(body, None).expect("no content-length was promised");
    }
}
