//! Messages of the first wasmcloud:messaging 0.3: sends what it gets on to the topic `out`; `bad` is refused, `trap` traps.

use wasmcloud::messaging::types::{Client, Error, Message};
use wasmcloud::messaging::{producer, types};

wit_bindgen::generate!({
    path: "../../wit/deps/wasmcloud-messaging-0.3.0-producer",
    world: "messaging-core",
    generate_all,
});

struct Handler;

export!(Handler);

impl exports::wasmcloud::messaging::incoming_handler::Guest for Handler {
    fn handle(message: types::Message) -> Result<(), Error> {
        let data = message.data();
        assert_ne!(data, b"trap", "asked to");
        if data == b"bad" {
            return Err(Error::Other("no good".into()));
        }
        let head = format!("{:?} {:?} ", message.topic(), message.content_type());
        let onward = Message::new(&[head.as_bytes(), &data].concat());
        producer::send(&Client::connect("default")?, "out", onward)
    }
}
