//! Messages of Spin's Redis trigger of WASI 0.3: keeps each in the store `default`; `bad` is refused, `trap` traps.

use exports::spin::redis::inbound_redis::{Error, Guest, Payload};
use spin::key_value::key_value::Store;

wit_bindgen::generate!({
    path: ["../../wit/deps/spin-redis-3.0.0", "../../wit/deps/spin-key-value-3.0.0"],
    inline: "
        package pillion:message-spin-async;
        world handler {
            import spin:key-value/key-value@3.0.0;
            export spin:redis/inbound-redis@3.0.0;
        }
    ",
    generate_all,
});

struct Handler;

export!(Handler);

impl Guest for Handler {
    async fn handle_message(message: Payload) -> Result<(), Error> {
        assert_ne!(message, b"trap", "asked to");
        if message == b"bad" {
            return Err(Error::Other("no good".into()));
        }
        let failed = |error| Error::Other(format!("{error:?}"));
        let store = Store::open("default".into()).await.map_err(failed)?;
        store.set("message".into(), message).await.map_err(failed)
    }
}
