//! Requests to the app: the handler, and answers made in a line.

pub use crate::bindings::invocation_handler::export_invocation_handler as export;
pub use crate::bindings::invocation_handler::exports::pillion::dapr::invocation_handler::{
    Guest as Handler, Request, Response,
};

impl Request {
    /// The path without the query.
    #[must_use]
    pub fn route(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }

    /// The first header of this name that is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(&found.1).ok()
    }
}

/// An answer of text.
#[must_use]
pub fn text(status: u16, body: impl Into<String>) -> Response {
    respond(status, "text/plain; charset=utf-8", body.into().into_bytes())
}

/// An answer of JSON, which is not looked at.
#[must_use]
pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Response {
    respond(status, "application/json", body.into())
}

fn respond(status: u16, content_type: &str, body: Vec<u8>) -> Response {
    Response { status, headers: vec![("content-type".to_owned(), content_type.as_bytes().to_vec())], body }
}
