//! Messages of Spin's Redis trigger: keeps each in the store `default`; `bad` is refused, `trap` traps.

use exports::fermyon::spin::inbound_redis::{Error, Guest, Payload};

wit_bindgen::generate!({
    path: ["../../wit/deps/fermyon-spin", "../../wit/deps/fermyon-spin-2.0.0"],
    inline: "
        package pillion:message-spin;
        world handler {
            import fermyon:spin/key-value@2.0.0;
            export fermyon:spin/inbound-redis;
        }
    ",
    generate_all,
});

struct Handler;

export!(Handler);

impl Guest for Handler {
    fn handle_message(message: Payload) -> Result<(), Error> {
        assert_ne!(message, b"trap", "asked to");
        if message == b"bad" {
            return Err(Error::Error);
        }
        let store = fermyon::spin2_0_0::key_value::Store::open("default").map_err(|_| Error::Error)?;
        store.set("message", &message).map_err(|_| Error::Error)
    }
}
