//! Blocks that the embedded sidecar lacks, with daprd's own components that need nothing beside them.

use crate::process::{Ports, Process, Start, tools, write_config};
use pillion_api::{
    Body, Code, Metadata, Result, Sidecar, bindings, body,
    conversation::{Input, Message, Request, Said},
    crypto::{Decrypt, Encrypt},
};
use pillion_sidecar::Daprd;
use std::path::Path;
use tempfile::TempDir;

/// Larger than one message of the stream, and than one of daprd's.
const DOCUMENT: usize = 9_000_000;

struct World {
    daprd: Daprd,
    _process: Process,
    folder: TempDir,
}

async fn start(tools: &Path) -> World {
    let folder = TempDir::new().expect("a folder");
    write_config(folder.path(), "");
    let keys = folder.path().join("keys");
    let files = folder.path().join("files");
    for path in [&keys, &files] {
        std::fs::create_dir(path).expect("a folder");
    }
    std::fs::write(keys.join("key"), [7; 32]).expect("a key");
    let component = |name: &str, kind: &str, metadata: String| {
        format!(
            "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{ name: {name} }}\nspec:\n  type: {kind}\n  version: v1\n  metadata: [{metadata}]\n---\n"
        )
    };
    let item = |name: &str, path: &Path| format!("{{ name: {name}, value: \"{}\" }}", path.display());
    let text = [
        component("vault", "crypto.dapr.localstorage", item("path", &keys)),
        component("files", "bindings.localstorage", item("rootPath", &files)),
        component("echo", "conversation.echo", String::new()),
    ];
    std::fs::write(folder.path().join("resources/all.yaml"), text.concat()).expect("a file");
    let ports = Ports::free();
    let start = Start { tools, folder: folder.path(), app_id: "blocks", app_port: None, token: None, ports };
    let _process = start.ready().await;
    World { daprd: Daprd::new(ports.config("blocks")).expect("a client"), _process, folder }
}

async fn bytes(body: Body) -> Result<bytes::Bytes> {
    body::collect(body, 2 * DOCUMENT as u64).await
}

#[tokio::test]
async fn blocks_with_a_component_work() {
    let Some(tools) = tools("blocks of daprd") else { return };
    let world = start(&tools).await;
    cryptography(&world.daprd).await;
    conversation(&world.daprd).await;
    bindings(&world).await;
}

async fn cryptography(daprd: &Daprd) {
    let how = || Encrypt { key_name: "key".into(), key_wrap_algorithm: "A256KW".into(), ..Encrypt::default() };
    for document in [vec![], b"short".to_vec(), vec![b'l'; DOCUMENT]] {
        let encrypted =
            bytes(daprd.encrypt("vault", how(), body::full(document.clone())).await.expect("encrypts")).await;
        let encrypted = encrypted.expect("whole");
        assert!(encrypted.starts_with(b"dapr.io/enc/v1"), "{} bytes", document.len());
        let plain = daprd.decrypt("vault", Decrypt::default(), body::full(encrypted)).await.expect("decrypts");
        assert!(bytes(plain).await.expect("whole") == document, "{} bytes", document.len());
    }
    let forged = daprd.decrypt("vault", Decrypt::default(), body::full("no document")).await;
    assert_eq!(forged.map(drop).expect_err("no document").code(), Code::Crypto);
    let unknown = Encrypt { key_name: "nokey".into(), ..how() };
    assert_eq!(
        daprd.encrypt("vault", unknown, body::full("x")).await.map(drop).expect_err("no key").code(),
        Code::Crypto
    );
    let other = daprd.encrypt("other", how(), body::full("x")).await;
    assert_eq!(other.map(drop).expect_err("no component").code(), Code::CryptoProviderNotFound);
    // A document that breaks off must not look whole.
    let broken = body::limited(body::full(vec![b'x'; 100]), 10);
    let answer = match daprd.encrypt("vault", how(), broken).await {
        Ok(answer) => bytes(answer).await.map(drop),
        Err(error) => Err(error),
    };
    assert_eq!(answer.expect_err("it broke").code(), Code::RequestTooLarge);
}

async fn conversation(daprd: &Daprd) {
    let said = |text: &str| Message::User(Said { name: None, content: vec![text.to_owned()] });
    let inputs = vec![Input { messages: vec![said("hello")], scrub_pii: false }];
    let request = Request {
        inputs,
        parameters: [("max_tokens".to_owned(), "7".to_owned())].into(),
        temperature: Some(0.5),
        ..Request::default()
    };
    let answer = daprd.converse("echo", request).await.expect("an answer");
    let choice = &answer.outputs[0].choices[0];
    assert_eq!((choice.content.as_str(), choice.finish_reason.as_str()), ("hello", "stop"));
    let nothing = daprd.converse("echo", Request::default()).await.expect_err("nothing was said");
    assert_eq!(nothing.code(), Code::ConversationMissingInputs, "{nothing:?}");
}

async fn bindings(world: &World) {
    let ask = async |operation: &str, data: &'static str| {
        let metadata: Metadata = [("fileName".to_owned(), "a.txt".to_owned())].into();
        let request = bindings::Request { operation: operation.to_owned(), data: data.into(), metadata };
        world.daprd.invoke_binding("files", request).await
    };
    ask("create", "text").await.expect("it writes");
    let written = std::fs::read(world.folder.path().join("files/a.txt")).expect("a file");
    assert_eq!(ask("get", "").await.expect("it reads").data, written);
    let wrong = ask("dance", "").await.expect_err("it can't");
    assert_eq!(wrong.code(), Code::InvokeOutputBinding);
}
