//! Dapr: an order that reserves stock, waits for approval with a time-out, and then charges or cancels.
//!
//! However often the process or its daprd ends in the middle, the order goes on where it was: what the workflow asked for is in its
//! history, and the activities write under the workflow's id, so that doing one twice changes nothing.

use pillion_sdk::state::Store;
use pillion_sdk::workflows::{self, Activity, Data, Failure, RetryPolicy, context};
use serde::{Deserialize, Serialize};

workflows::export! {
    workflows: { "order" => order },
    activities: { "reserve" => reserve, "charge" => charge, "cancel" => cancel },
}

/// What a workflow gets.
#[derive(Deserialize)]
struct Order {
    item: String,
    amount: u32,
    /// Milliseconds that the approval may take.
    #[serde(default = "a_day")]
    approve_within: u64,
}

/// What comes of it.
#[derive(Serialize)]
struct Receipt<'a> {
    item: &'a str,
    amount: u32,
    status: &'a str,
}

fn a_day() -> u64 {
    24 * 60 * 60 * 1000
}

fn order(input: Data) -> Result<Data, Failure> {
    let text = input.unwrap_or_default();
    let order: Order = serde_json::from_str(&text).map_err(no_order)?;
    context::set_custom_status("reserving");
    context::retry_activity("reserve", text.clone(), RetryPolicy::attempts(5, 500).growing(2.0, 10_000)).wait()?;
    context::set_custom_status("waiting for approval");
    let approved = match context::wait_for_event_until("approval", order.approve_within).wait() {
        Ok(answer) => answer.as_deref() == Some("true"),
        // It did not come in time.
        Err(_) => false,
    };
    let (activity, status) = if approved { ("charge", "charged") } else { ("cancel", "cancelled") };
    context::set_custom_status(status);
    context::retry_activity(activity, text, RetryPolicy::attempts(5, 500).growing(2.0, 10_000)).wait()?;
    let receipt = Receipt { item: &order.item, amount: order.amount, status };
    serde_json::to_string(&receipt).map(Some).map_err(no_order)
}

fn no_order(error: serde_json::Error) -> Failure {
    Failure::new("InvalidOrder", error.to_string()).non_retriable()
}

/// Where the state of an order is kept.
fn key(call: &Activity) -> String {
    format!("order-{}", call.info.instance_id)
}

fn write(call: &Activity, status: &str) -> Result<Data, Failure> {
    Store::open("statestore").set(&key(call), status)?;
    Ok(None)
}

fn reserve(call: Activity) -> Result<Data, Failure> {
    write(&call, "reserved")
}

fn charge(call: Activity) -> Result<Data, Failure> {
    write(&call, "charged")
}

fn cancel(call: Activity) -> Result<Data, Failure> {
    write(&call, "cancelled")
}
