//! Messages of wasmcloud:messaging: sends what it gets on to the subject `out`; `bad` is refused, `trap` traps.

use wasmcloud::messaging::{consumer, types::BrokerMessage};

wit_bindgen::generate!({
    path: "../../wit/deps/wasmcloud-messaging-0.2.0",
    inline: "
        package pillion:message-wasmcloud;
        world handler {
            import wasmcloud:messaging/consumer@0.2.0;
            export wasmcloud:messaging/handler@0.2.0;
        }
    ",
    generate_all,
});

struct Handler;

export!(Handler);

impl exports::wasmcloud::messaging::handler::Guest for Handler {
    fn handle_message(message: BrokerMessage) -> Result<(), String> {
        assert_ne!(message.body, b"trap", "asked to");
        if message.body == b"bad" {
            return Err("no good".into());
        }
        let body = [message.subject.as_bytes(), b" ", &message.body].concat();
        consumer::publish(&BrokerMessage { subject: "out".into(), body, reply_to: message.reply_to })
    }
}
