//! Watches a bucket: keeps each change in the store `seen`; the value `trap` traps.

use wasi::keyvalue::store::{self, Bucket};

wit_bindgen::generate!({
    path: "../../wit/deps/wasi-keyvalue-0.2.0-draft",
    world: "watch-service",
    generate_all,
});

struct Watcher;

export!(Watcher);

impl exports::wasi::keyvalue::watcher::Guest for Watcher {
    fn on_set(bucket: Bucket, key: String, value: Vec<u8>) {
        assert_ne!(value, b"trap", "asked to");
        keep(&key, &[b"set to ", &value[..]].concat());
        // The bucket is that of the component's name, whatever that is.
        keep(&format!("{key}-of-bucket"), format!("{:?}", bucket.get(&key)).as_bytes());
    }

    fn on_delete(_: Bucket, key: String) {
        keep(&key, b"deleted");
    }
}

fn keep(key: &str, what: &[u8]) {
    store::open("seen").and_then(|seen| seen.set(key, what)).expect("kept");
}
