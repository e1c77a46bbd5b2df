//! The activities.

use pillion_sdk::state::Store;
use pillion_sdk::workflows::{Activity, Data, Failure};

pub fn upper(call: Activity) -> Result<Data, Failure> {
    Ok(call.input.map(|text| text.to_uppercase()))
}

/// Fails twice for each piece of work, which it counts as state.
pub fn flaky(call: Activity) -> Result<Data, Failure> {
    let key = format!("tries-{}", call.info.execution_id);
    let store = Store::open("statestore");
    let tries = store.get(&key)?.map_or(0, |item| item.value.len()) + 1;
    store.set(&key, vec![b'x'; tries])?;
    if tries < 3 { Err(Failure::new("NotYet", format!("try {tries}"))) } else { Ok(Some(format!("try {tries}"))) }
}

pub fn fail(call: Activity) -> Result<Data, Failure> {
    Err(Failure::new("OutOfStock", call.input.unwrap_or_default()))
}

#[inline(never)]
pub fn trap(_: Activity) -> Result<Data, Failure> {
    unreachable!("this activity traps");
}

pub fn spin(_: Activity) -> Result<Data, Failure> {
    loop {
        std::hint::black_box(());
    }
}

/// Writes its input down, once for each piece of work.
pub fn keep(call: Activity) -> Result<Data, Failure> {
    let store = Store::open("statestore");
    store.set(&format!("kept-{}", call.info.execution_id), call.input.unwrap_or_default().into_bytes())?;
    Ok(None)
}

/// Asks for what only a workflow has.
pub fn context(_: Activity) -> Result<Data, Failure> {
    Ok(Some(pillion_sdk::workflows::context::new_uuid()))
}

/// What the manifest says in `env`.
pub fn place(_: Activity) -> Result<Data, Failure> {
    Ok(std::env::var("PLACE").ok())
}
