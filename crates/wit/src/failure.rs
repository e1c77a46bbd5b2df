//! Why a call of the host failed: an answer to the guest, or the end of it.

/// The error of every host function.
#[derive(Debug)]
pub enum Failure {
    /// The guest learns it.
    Answer(pillion_api::Error),
    /// The guest ends by it.
    Trap(wasmtime::Error),
}

impl From<pillion_api::Error> for Failure {
    fn from(error: pillion_api::Error) -> Self {
        Self::Answer(error)
    }
}

impl From<wasmtime::Error> for Failure {
    fn from(error: wasmtime::Error) -> Self {
        Self::Trap(error)
    }
}

impl From<wasmtime::component::ResourceTableError> for Failure {
    fn from(error: wasmtime::component::ResourceTableError) -> Self {
        Self::Trap(error.into())
    }
}
