//! `pubsub.in-memory`: a queue for each group of each topic, which reaches every app of the run.

use super::{Broker, Consumer, Message};
use crate::{
    components::{Init, Opened, Opening},
    run::Limits,
};
use async_trait::async_trait;
use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// What one queued message costs beside its data and metadata, in bytes.
const MESSAGE_COST: u64 = 200;

pub(crate) fn open(init: Init) -> Pin<Box<dyn Future<Output = Opening> + Send>> {
    let bus = init.buses.of(&init.name, init.limits);
    Box::pin(std::future::ready(Ok(Opened::Pubsub(bus))))
}

/// The buses of a run by component name: apps with files of their own meet on the same one.
#[derive(Default)]
pub(crate) struct Buses(Mutex<HashMap<String, Arc<Bus>>>);

impl Buses {
    fn of(&self, name: &str, limits: Limits) -> Arc<Bus> {
        let mut buses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(buses.entry(name.to_owned()).or_insert_with(|| Arc::new(Bus::new(limits))))
    }
}

pub(crate) struct Bus {
    limits: Limits,
    groups: Arc<Mutex<Vec<Group>>>,
}

/// Consumers that share the messages of a topic.
struct Group {
    name: String,
    topic: String,
    consumers: usize,
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    held: Mutex<Held>,
    arrived: Notify,
}

#[derive(Default)]
struct Held {
    messages: VecDeque<Message>,
    bytes: u64,
}

impl Queue {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock(groups: &Mutex<Vec<Group>>) -> MutexGuard<'_, Vec<Group>> {
    groups.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bus {
    fn new(limits: Limits) -> Self {
        Self { limits, groups: Arc::default() }
    }

    fn check_room(&self, queue: &Queue, cost: u64, group: &Group) -> Result<(), String> {
        let held = queue.held();
        let Limits { queue_messages, queue_bytes, .. } = self.limits;
        if held.messages.len() < queue_messages && held.bytes.saturating_add(cost) <= queue_bytes {
            return Ok(());
        }
        let name = &group.name;
        Err(format!(
            "the queue of `{name}` is full: it holds at most {queue_messages} messages and {queue_bytes} bytes"
        ))
    }
}

/// A pattern ends in `*` and needs at least one more character, as in Dapr.
fn covers(pattern: &str, topic: &str) -> bool {
    let prefix = pattern.strip_suffix('*');
    pattern == topic || prefix.is_some_and(|prefix| topic.len() > prefix.len() && topic.starts_with(prefix))
}

fn cost(message: &Message) -> u64 {
    let metadata: usize = message.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    MESSAGE_COST + (message.data.len() + metadata) as u64
}

#[async_trait]
impl Broker for Bus {
    fn capabilities(&self) -> &'static [&'static str] {
        &["SUBSCRIBE_WILDCARDS"]
    }

    async fn publish(&self, message: Message) -> Result<(), String> {
        let cost = cost(&message);
        // One lock for all queues, so that every group sees the messages in one order.
        let groups = lock(&self.groups);
        let wanted = || groups.iter().filter(|group| covers(&group.topic, &message.topic));
        for group in wanted() {
            self.check_room(&group.queue, cost, group)?;
        }
        for group in wanted() {
            let mut held = group.queue.held();
            held.bytes += cost;
            held.messages.push_back(message.clone());
            group.queue.arrived.notify_one();
        }
        Ok(())
    }

    fn subscribe(&self, group: &str, topic: &str) -> Box<dyn Consumer> {
        let mut groups = lock(&self.groups);
        let existing = groups.iter_mut().find(|existing| existing.name == group && existing.topic == topic);
        let queue = match existing {
            Some(existing) => {
                existing.consumers += 1;
                Arc::clone(&existing.queue)
            }
            None => {
                let queue = Arc::<Queue>::default();
                let (name, topic) = (group.to_owned(), topic.to_owned());
                groups.push(Group { name, topic, consumers: 1, queue: Arc::clone(&queue) });
                queue
            }
        };
        Box::new(OfGroup { groups: Arc::clone(&self.groups), queue })
    }
}

struct OfGroup {
    groups: Arc<Mutex<Vec<Group>>>,
    queue: Arc<Queue>,
}

#[async_trait]
impl Consumer for OfGroup {
    async fn next(&mut self) -> Option<Message> {
        loop {
            let arrived = self.queue.arrived.notified();
            {
                let mut held = self.queue.held();
                if let Some(message) = held.messages.pop_front() {
                    held.bytes = held.bytes.saturating_sub(cost(&message));
                    return Some(message);
                }
            }
            arrived.await;
        }
    }
}

impl Drop for OfGroup {
    fn drop(&mut self) {
        let mut groups = lock(&self.groups);
        let Some(at) = groups.iter().position(|group| Arc::ptr_eq(&group.queue, &self.queue)) else { return };
        groups[at].consumers -= 1;
        if groups[at].consumers > 0 {
            return;
        }
        let group = groups.swap_remove(at);
        let left = group.queue.held().messages.len();
        if left > 0 {
            tracing::warn!(group = group.name, topic = group.topic, left, "undelivered in-memory messages are dropped");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_needs_one_more_character() {
        for (pattern, topic, yes) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("a*", "a", false),
            ("*", "x", true),
            ("a*b", "axb", false),
        ] {
            assert_eq!(covers(pattern, topic), yes, "{pattern} {topic}");
        }
    }
}
