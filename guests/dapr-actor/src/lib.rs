//! Dapr: an actor that counts, saves its count, and does what else an actor may be asked to: timers, reminders, calls of other
//! actors, long turns, failures and traps.

use pillion_sdk::actor::{self, Actor, Context, Metadata, Reminder, Timer};
use pillion_sdk::bindings::service::pillion::dapr::types::Request;
use pillion_sdk::{invocation, text};
use std::time::Duration;

/// The key of the count.
const COUNT: &str = "count";

struct Counter {
    context: Context,
    count: u64,
    /// Turns since it was activated: what only memory knows.
    turns: u64,
    /// What timers and reminders brought.
    events: Vec<String>,
}

actor::export!(Counter);

impl Actor for Counter {
    fn activate(context: Context) -> Result<Self, String> {
        if context.id() == "refuses" {
            return Err("refused on purpose".to_owned());
        }
        let saved = context.get(COUNT).map_err(text)?.unwrap_or_default();
        let count = String::from_utf8_lossy(&saved).parse().unwrap_or(0);
        eprintln!("activated {} with {count}", context.id());
        Ok(Self { context, count, turns: 0, events: Vec::new() })
    }

    fn invoke(&mut self, method: &str, data: Vec<u8>, _: Metadata) -> Result<Vec<u8>, String> {
        self.turns += 1;
        let data = String::from_utf8_lossy(&data).into_owned();
        let answer = match method {
            "add" => self.add(&data)?,
            "get" => self.count.to_string(),
            "turns" => self.turns.to_string(),
            "events" => self.events.join("\n"),
            "sleep" => {
                std::thread::sleep(Duration::from_millis(data.parse().map_err(|_| "no number")?));
                "slept".to_owned()
            }
            "grow" => std::hint::black_box(vec![1_u8; data.parse().map_err(|_| "no number")?]).len().to_string(),
            "long" => "x".repeat(data.parse().map_err(|_| "no number")?),
            "call" => self.call(&data)?,
            "invoke" => invoke(&data)?,
            "remind" => self.remind(&data)?,
            "forget" => self.context.end_reminder(&data).map(|()| String::new()).map_err(text)?,
            "start-timer" => self.start_timer(&data)?,
            "fail" => return Err("failed on purpose".to_owned()),
            "trap" => panic!("trapped on purpose"),
            method => return Err(format!("no method `{method}`")),
        };
        Ok(answer.into())
    }

    fn timer(&mut self, name: &str, callback: &str, data: Vec<u8>) -> Result<(), String> {
        self.events.push(format!("timer {name} {callback} {}", String::from_utf8_lossy(&data)));
        Ok(())
    }

    fn reminder(&mut self, name: &str, data: Vec<u8>) -> Result<(), String> {
        eprintln!("reminder {name} of {}", self.context.id());
        self.events.push(format!("reminder {name} {}", String::from_utf8_lossy(&data)));
        self.add("100").map(drop)
    }

    fn deactivate(self) -> Result<(), String> {
        eprintln!("deactivated {} after {} turns", self.context.id(), self.turns);
        Ok(())
    }
}

impl Counter {
    /// Reads, waits for Dapr, writes: two at once would lose one.
    fn add(&mut self, data: &str) -> Result<String, String> {
        let count = self.count + data.parse::<u64>().map_err(|_| "no number")?;
        self.context.set(COUNT, count.to_string()).map_err(text)?;
        self.count = count;
        Ok(count.to_string())
    }

    /// `TYPE/ID METHOD DATA…`: the answer of another actor.
    fn call(&self, line: &str) -> Result<String, String> {
        let (actor, rest) = line.split_once(' ').ok_or("no method")?;
        let (actor_type, id) = actor.split_once('/').ok_or("no actor")?;
        let (method, data) = rest.split_once(' ').unwrap_or((rest, ""));
        let answer = self.context.call(actor_type, id, method, data).map_err(text)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// `NAME DUE PERIOD`
    fn remind(&self, line: &str) -> Result<String, String> {
        let [name, due_time, period] = words(line);
        let data = br#"{"of":"reminder"}"#.to_vec();
        self.context.remind(&Reminder { name, due_time, period, ttl: String::new(), data }).map_err(text)?;
        Ok(String::new())
    }

    /// `NAME DUE PERIOD`
    fn start_timer(&self, line: &str) -> Result<String, String> {
        let [name, due_time, period] = words(line);
        let (callback, data) = ("tick".to_owned(), br#"{"of":"timer"}"#.to_vec());
        self.context
            .start_timer(&Timer { name, due_time, period, ttl: String::new(), callback, data })
            .map_err(text)?;
        Ok(String::new())
    }
}

/// Asks an app whatever it answers.
fn invoke(app_id: &str) -> Result<String, String> {
    let (method, path) = ("POST".to_owned(), "/".to_owned());
    let request = Request { method, path, headers: Vec::new(), body: Vec::new() };
    invocation::invoke(app_id, &request).map(|answer| answer.status.to_string()).map_err(text)
}

fn words<const N: usize>(line: &str) -> [String; N] {
    let mut words = line.split(' ');
    std::array::from_fn(|_| words.next().unwrap_or_default().to_owned())
}
