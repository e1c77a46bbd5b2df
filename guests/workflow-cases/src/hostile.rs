//! What a workflow may not do, and what it sees where others see the world.

use pillion_sdk::state::Store;
use pillion_sdk::workflows::{Data, Failure, context};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::{Instant, SystemTime};

pub fn run(input: Data) -> Result<Data, Failure> {
    match input.as_deref().unwrap_or_default() {
        "state" => {
            Store::open("statestore").set("from-a-workflow", b"no".to_vec())?;
        }
        "spin" => loop {
            std::hint::black_box(());
        },
        "trap" => trap(),
        "many" => {
            for _ in 0..10_000 {
                context::create_timer(1000);
            }
        }
        "large" => {
            context::call_activity("upper", "x".repeat(2 << 20));
        }
        "forged" => return context::wait_for_event("go").wait(),
        "files" => return Ok(Some(format!("{:?}", std::fs::read_dir("/").map(Iterator::count).map_err(|e| e.kind())))),
        other => return Err(Failure::new("Unknown", other)),
    }
    Ok(Some("done".to_owned()))
}

/// A function of its own, so that the trap can name it.
#[inline(never)]
fn trap() {
    unreachable!("this workflow traps");
}

/// Random numbers, as hash maps draw them.
pub fn drawn() -> u64 {
    RandomState::new().hash_one("text")
}

/// Whether both clocks stand while the workflow computes.
pub fn time_stands_still() -> bool {
    let (instant, time) = (Instant::now(), SystemTime::now());
    for n in 0..1_000_000_u32 {
        std::hint::black_box(n);
    }
    let now = SystemTime::now();
    let millis = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis());
    instant.elapsed().is_zero() && time == now && millis == u128::from(context::current_time())
}
