//! The handlers: each writes down what came, in the state store `notes`, and does as the event says.

use crate::Cases;
use pillion_sdk::binding::{self, BindingEvent, Reply};
use pillion_sdk::bulk_topic::{self, Entry, EntryStatus};
use pillion_sdk::configuration_update::{self, Update};
use pillion_sdk::job::{self, JobEvent};
use pillion_sdk::pubsub;
use pillion_sdk::state::Store;
use pillion_sdk::topic::{self, TopicEvent, TopicStatus};

topic::export!(Cases);
bulk_topic::export!(Cases);
binding::export!(Cases);
job::export!(Cases);
configuration_update::export!(Cases);

fn note(what: String) -> Result<(), String> {
    Store::open("notes").set("event", what).map_err(pillion_sdk::text)
}

fn data(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn status(event: &TopicEvent) -> TopicStatus {
    match event.data.as_slice() {
        b"retry" => TopicStatus::Retry,
        b"drop" => TopicStatus::Drop,
        _ => TopicStatus::Success,
    }
}

impl topic::Handler for Cases {
    fn handle(event: TopicEvent) -> Result<TopicStatus, String> {
        match event.data.as_slice() {
            b"fail" => return Err("as asked".to_owned()),
            // The topic that it came from: whoever sends this starts a circle.
            b"again" => pubsub::publish(&event.pubsub, &event.topic, "again").map_err(pillion_sdk::text)?,
            _ => {}
        }
        note(format!("{} {} {} {}", event.pubsub, event.topic, event.id, data(&event.data)))?;
        Ok(status(&event))
    }
}

impl bulk_topic::Handler for Cases {
    fn handle(entries: Vec<Entry>) -> Result<Vec<EntryStatus>, String> {
        if entries.first().is_some_and(|entry| entry.event.topic == "many") {
            return count(&entries);
        }
        // The first is forgotten: it has to come again.
        let said = |entry: &Entry| EntryStatus { entry_id: entry.entry_id.clone(), status: status(&entry.event) };
        Ok(entries.iter().skip(1).map(said).collect())
    }
}

/// Keeps how many came in all and how many at once.
fn count(entries: &[Entry]) -> Result<Vec<EntryStatus>, String> {
    let notes = Store::open("notes");
    let read = |key| {
        let value = notes.get(key).map_err(pillion_sdk::text)?;
        Ok::<usize, String>(value.and_then(|item| data(&item.value).parse().ok()).unwrap_or(0))
    };
    let (most, all) = (read("most")?, read("all")?);
    notes.set("most", most.max(entries.len()).to_string()).map_err(pillion_sdk::text)?;
    notes.set("all", (all + entries.len()).to_string()).map_err(pillion_sdk::text)?;
    let taken = |entry: &Entry| EntryStatus { entry_id: entry.entry_id.clone(), status: TopicStatus::Success };
    Ok(entries.iter().map(taken).collect())
}

impl binding::Handler for Cases {
    fn handle(event: BindingEvent) -> Result<Option<Reply>, String> {
        note(format!("{} {} {:?}", event.binding, data(&event.data), event.metadata))?;
        match event.data.as_slice() {
            b"fail" => Err("as asked".to_owned()),
            b"" => Ok(None),
            _ => Ok(Some(Reply { data: event.data, to: vec!["elsewhere".to_owned()], parallel: true })),
        }
    }
}

impl job::Handler for Cases {
    fn handle(event: JobEvent) -> Result<(), String> {
        note(format!("{} {} {:?}", event.name, data(&event.data), event.content_type))?;
        if event.data == b"fail" { Err("as asked".to_owned()) } else { Ok(()) }
    }
}

impl configuration_update::Handler for Cases {
    fn handle(update: Update) -> Result<(), String> {
        let items: Vec<String> = update.items.iter().map(|(key, item)| format!("{key}={}", item.value)).collect();
        note(format!("{} {} {}", update.store, update.id, items.join(",")))
    }
}
