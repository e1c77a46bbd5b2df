//! wasi:blobstore.

use crate::wasi::blobstore::blobstore::{self, ObjectId};
use crate::wasi::blobstore::container::Container;
use crate::wasi::blobstore::types::{IncomingValue, OutgoingValue};
use crate::{said, shown, unknown, value};

#[derive(Default)]
pub struct Opened(Option<Container>);

impl Opened {
    pub fn run(&mut self, call: &[&str]) -> String {
        match call {
            ["open", name] => return said(blobstore::get_container(name).map(|container| self.0 = Some(container))),
            ["create", name] => {
                return said(blobstore::create_container(name).map(|container| self.0 = Some(container)));
            }
            ["exists", name] => return said(blobstore::container_exists(name)),
            ["delete-container", name] => return said(blobstore::delete_container(name)),
            ["copy", from, to] => return said(blobstore::copy_object(&id(from), &id(to))),
            ["move", from, to] => return said(blobstore::move_object(&id(from), &id(to))),
            _ => {}
        }
        let Some(container) = &self.0 else { return "nothing is open".into() };
        match call {
            ["name"] => said(container.name()),
            ["write", name, word] => said(write(container, name, &value(word), true)),
            ["drop", name, word] => said(write(container, name, &value(word), false)),
            ["read", name, start, end] => {
                let end = end.parse().unwrap_or(u64::MAX);
                let read = container.get_data(name, start.parse().unwrap_or(0), end);
                said(read.and_then(IncomingValue::incoming_value_consume_sync).map(|bytes| shown(&bytes)))
            }
            ["stream", name] => said(container.get_data(name, 0, u64::MAX).and_then(stream)),
            ["list"] => said(list(container)),
            ["delete", names @ ..] => match names {
                [name] => said(container.delete_object(name)),
                names => said(container.delete_objects(&names.iter().map(ToString::to_string).collect::<Vec<_>>())),
            },
            ["has", name] => said(container.has_object(name)),
            ["size", name] => said(container.object_info(name).map(|info| info.size)),
            ["clear"] => said(container.clear()),
            _ => unknown(call),
        }
    }
}

fn id(word: &str) -> ObjectId {
    let (container, object) = word.split_once('/').unwrap_or(("", word));
    ObjectId { container: container.into(), object: object.into() }
}

/// In the order of the interface's own examples: the container hears of the value before it is written.
fn write(container: &Container, name: &str, bytes: &[u8], finish: bool) -> Result<(), String> {
    let value = OutgoingValue::new_outgoing_value();
    container.write_data(name, &value)?;
    let body = value.outgoing_value_write_body().expect("taken once");
    assert!(value.outgoing_value_write_body().is_err(), "taken twice");
    for part in bytes.chunks(4096) {
        body.blocking_write_and_flush(part).map_err(|error| format!("{error:?}"))?;
    }
    drop(body);
    if finish { OutgoingValue::finish(value) } else { Ok(()) }
}

fn stream(value: IncomingValue) -> Result<String, String> {
    let size = value.size();
    let stream = IncomingValue::incoming_value_consume_async(value)?;
    let mut bytes = Vec::new();
    while let Ok(part) = stream.blocking_read(1000) {
        bytes.extend(part);
    }
    Ok(format!("{size}: {}", shown(&bytes)))
}

/// Two at a time, behind the first.
fn list(container: &Container) -> Result<Vec<String>, String> {
    let names = container.list_objects()?;
    let (skipped, mut over) = names.skip_stream_object_names(1)?;
    let mut all = vec![format!("{skipped} skipped")];
    while !over {
        let (more, end) = names.read_stream_object_names(2)?;
        all.extend(more);
        over = end;
    }
    Ok(all)
}
