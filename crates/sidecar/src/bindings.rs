//! Output bindings: what each must do, and the errors that apps see.

pub(crate) mod wasm;

use async_trait::async_trait;
use pillion_api::{
    Code, Error, Result,
    bindings::{Answer, Request},
};

/// A way out to another system.
#[async_trait]
pub(crate) trait OutputBinding: Send + Sync {
    /// The operations that it knows.
    fn operations(&self) -> &'static [&'static str];

    /// Does one of its operations. The error is a sentence.
    async fn invoke(&self, request: Request) -> Result<Answer, String>;
}

/// Asks a binding for an operation that it has.
pub(crate) async fn invoke(name: &str, binding: &dyn OutputBinding, request: Request) -> Result<Answer> {
    let (operation, known) = (&request.operation, binding.operations());
    if !known.contains(&operation.as_str()) {
        let known = known.join(" ");
        let why = format!("binding {name} does not support operation {operation}. supported operations:{known}");
        return Err(failed(name, &why));
    }
    binding.invoke(request).await.map_err(|why| failed(name, &why))
}

pub(crate) fn failed(name: &str, why: &str) -> Error {
    Error::new(Code::InvokeOutputBinding, format!("error invoking output binding {name}: {why}"))
}
