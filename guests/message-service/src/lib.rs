//! Messages of wasmcloud:messaging 0.3: does what each line says, and publishes the answers to `out`, a line each.
//! `reject`, `retry`, `other` and `trap` end the delivery so.

mod keyvalue;

use exports::wasmcloud::messaging::handler::Guest;
use wasmcloud::messaging::consumer;
use wasmcloud::messaging::types::{BrokerMessage, HandleMessageError};
use wit_bindgen::{StreamReader, spawn};

wit_bindgen::generate!({
    path: ["../../wit/deps/wasmcloud-messaging-0.3.0", "../../wit/deps/wasmcloud-keyvalue-0.2.0"],
    inline: "
        package pillion:message-service;
        world handler {
            import wasmcloud:messaging/consumer@0.3.0;
            export wasmcloud:messaging/handler@0.3.0;
            include wasmcloud:keyvalue/imports@0.2.0;
        }
    ",
    generate_all,
});

struct Handler;

export!(Handler);

impl Guest for Handler {
    async fn handle_message(message: BrokerMessage) -> Result<(), HandleMessageError> {
        let script = message.body.collect().await;
        match &script[..] {
            b"reject" => return Err(HandleMessageError::Reject),
            b"retry" => return Err(HandleMessageError::Retry),
            b"other" => return Err(HandleMessageError::Other("no good".into())),
            b"trap" => panic!("asked to"),
            _ => {}
        }
        let script = String::from_utf8(script).expect("text");
        let mut bucket = keyvalue::Opened::default();
        let mut answers = format!("{}\n", message.subject);
        for line in script.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let answer = match words[..] {
                ["publish", subject, count] => publish(subject, count.parse().unwrap_or(0)).await,
                ["request", subject] => request(subject).await,
                _ => bucket.run(&words).await,
            };
            answers.push_str(&format!("{answer}\n"));
        }
        let sent =
            consumer::publish(BrokerMessage { subject: "out".into(), body: body(answers.into()), reply_to: None });
        sent.await.map_err(|error| HandleMessageError::Other(format!("{error:?}")))
    }
}

/// A body that is written while it is read.
fn body(bytes: Vec<u8>) -> StreamReader<u8> {
    let (mut writer, reader) = wit_stream::new();
    spawn(async move {
        writer.write_all(bytes).await;
    });
    reader
}

async fn publish(subject: &str, bytes: usize) -> String {
    let message = BrokerMessage { subject: subject.into(), body: body(vec![b'x'; bytes]), reply_to: None };
    format!("{:?}", consumer::publish(message).await)
}

async fn request(subject: &str) -> String {
    match consumer::request(subject.into(), body(b"ask".to_vec()), Some(10)).await {
        Ok(reply) => reply.subject,
        Err(error) => format!("{error:?}"),
    }
}
