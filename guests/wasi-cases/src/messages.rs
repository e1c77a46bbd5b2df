//! wasi:messaging and wasmcloud:messaging, outwards.

use crate::wasi::messaging::{producer, types};
use crate::wasmcloud::messaging::{consumer, types::BrokerMessage};
use crate::{said, unknown, value};

pub fn run(call: &[&str]) -> String {
    match call {
        ["send", client, topic, word] => send(client, topic, word, None),
        ["send", client, topic, word, content_type] => send(client, topic, word, Some(content_type)),
        ["publish", subject, word] => {
            let message = BrokerMessage { subject: subject.to_string(), body: value(word), reply_to: None };
            said(consumer::publish(&message))
        }
        ["request", subject, word] => said(consumer::request(subject, &value(word), 1000)),
        _ => unknown(call),
    }
}

fn send(client: &str, topic: &str, word: &str, content_type: Option<&str>) -> String {
    let client = match types::Client::connect(client) {
        Ok(client) => client,
        Err(error) => return format!("{error:?}"),
    };
    let message = types::Message::new(b"to be replaced");
    message.set_data(&value(word));
    if let Some(content_type) = content_type {
        message.set_content_type(content_type);
    }
    message.add_metadata("dropped", "yes");
    message.add_metadata("ttlInSeconds", "9");
    message.remove_metadata("dropped");
    said(producer::send(&client, topic, message).and_then(|()| client.disconnect()))
}
