//! The one body type that requests and responses carry between sidecar, app and guest.

use crate::{Code, Error};
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::{BodyExt, Empty, Full, LengthLimitError, Limited, combinators::UnsyncBoxBody};

/// A streaming body. Its error says who broke it off.
pub type Body = UnsyncBoxBody<Bytes, Error>;

/// A body that is already in memory.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// No body.
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Reads a body to its end into one piece, at most `limit` bytes.
///
/// # Errors
/// [`Code::RequestTooLarge`] past the limit, before more than one frame over it was read; else the body's own error.
pub async fn collect(mut body: Body, limit: u64) -> Result<Bytes, Error> {
    if body.size_hint().lower() > limit {
        return Err(too_large(limit));
    }
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    let mut length = 0u64;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        length += data.len() as u64;
        if length > limit {
            return Err(too_large(limit));
        }
        match &first {
            None => first = Some(data),
            Some(head) => {
                if rest.is_empty() {
                    rest.extend_from_slice(head);
                }
                rest.extend_from_slice(&data);
            }
        }
    }
    Ok(if rest.is_empty() { first.unwrap_or_default() } else { rest.freeze() })
}

/// Reads a body to its end and keeps at most `limit` bytes of it; true where there were more.
///
/// # Errors
/// The body's own.
pub async fn collect_start(mut body: Body, limit: u64) -> Result<(Bytes, bool), Error> {
    let (mut kept, mut more) = (BytesMut::new(), false);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let room = usize::try_from(limit).unwrap_or(usize::MAX) - kept.len();
        kept.extend_from_slice(&data[..data.len().min(room)]);
        more |= data.len() > room;
    }
    Ok((kept.freeze(), more))
}

/// The same body, broken off by [`Code::RequestTooLarge`] once more than `limit` bytes came through.
pub fn limited(body: Body, limit: u64) -> Body {
    let limit_for_error = limit;
    Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX))
        .map_err(move |error| {
            if error.is::<LengthLimitError>() {
                return too_large(limit_for_error);
            }
            match error.downcast::<Error>() {
                Ok(error) => *error,
                Err(error) => Error::new(Code::BodyRead, error.to_string()),
            }
        })
        .boxed_unsync()
}

/// The error of a request body that is over its limit.
pub fn too_large(limit: u64) -> Error {
    Error::new(Code::RequestTooLarge, format!("the request body is over the limit of {limit} bytes"))
        .limit("limits.request", limit)
}
