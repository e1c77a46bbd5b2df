//! `middleware.http.wasm`: a handler of the http-wasm ABI.

use crate::{
    components::{Init, Opened, Opening},
    program,
};
use bytes::Bytes;
use std::pin::Pin;

pub(crate) fn open(init: Init) -> Pin<Box<dyn Future<Output = Opening> + Send>> {
    Box::pin(async move {
        let programs = program::host(&init)?;
        let config = Bytes::from(init.get("guestConfig").unwrap_or_default().to_owned());
        let handler = programs.middleware(program::read(&init).await?, config).await;
        Ok(Opened::Middleware(handler.map_err(|error| error.to_string())?))
    })
}
