//! `bindings.wasm`: a WASI command as an output binding. What is sent is its stdin, what it prints the answer.

use super::OutputBinding;
use crate::{
    components::{Init, Opened, Opening},
    program,
};
use async_trait::async_trait;
use pillion_api::{
    Metadata,
    bindings::{Answer, Request},
    programs::Command,
};
use std::{pin::Pin, sync::Arc};

/// The one operation.
const EXECUTE: &str = "execute";
/// The metadata of a request that holds the arguments, with commas between them.
const ARGS: &str = "args";

pub(crate) fn open(init: Init) -> Pin<Box<dyn Future<Output = Opening> + Send>> {
    Box::pin(async move {
        let programs = program::host(&init)?;
        let command = programs.command(program::read(&init).await?).await.map_err(|error| error.to_string())?;
        Ok(Opened::Binding(Arc::new(Wasm { command })))
    })
}

struct Wasm {
    command: Arc<dyn Command>,
}

#[async_trait]
impl OutputBinding for Wasm {
    fn operations(&self) -> &'static [&'static str] {
        &[EXECUTE]
    }

    async fn invoke(&self, request: Request) -> Result<Answer, String> {
        let args = request.metadata.get(ARGS).filter(|args| !args.is_empty());
        let args = args.map(|args| args.split(',').map(str::to_owned).collect()).unwrap_or_default();
        let data = self.command.run(args, request.data).await.map_err(|error| error.to_string())?;
        Ok(Answer { data, metadata: Metadata::new() })
    }
}
