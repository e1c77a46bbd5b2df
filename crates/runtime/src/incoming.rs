//! A request's body on its way to a guest: streaming, or whole in memory that the budget of the process knows of.

use crate::GuestKind;
use crate::limiter::{Budget, Share};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use pillion_api::{Body, Code, Error, body};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// A body, as the kind of guest takes it.
pub(crate) enum Incoming {
    Streaming(Body),
    Whole(Bytes),
}

/// Makes a body ready. Whatever takes its body in one piece gets it before its turn comes, so that a slow client holds
/// no turn; what waits counts against the memory budget as long as the share lives.
pub(crate) async fn receive(
    kind: GuestKind,
    incoming: Body,
    limit: u64,
    budget: &Arc<Budget>,
) -> Result<(Incoming, Arc<Share>), Error> {
    let share = Arc::new(Share::new(budget));
    let incoming = match kind {
        GuestKind::Http => Incoming::Streaming(body::limited(incoming, limit)),
        _ => {
            let counted = Counted { inner: incoming, share: Arc::clone(&share) };
            Incoming::Whole(body::collect(counted.boxed_unsync(), limit).await?)
        }
    };
    Ok((incoming, share))
}

/// Counts the bytes that come through.
struct Counted {
    inner: Body,
    share: Arc<Share>,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(data) = frame.data_ref()
            && !self.share.grow(data.len() as u64)
        {
            let error =
                Error::new(Code::Overloaded, "the memory budget of the process is used up by requests that wait");
            return Poll::Ready(Some(Err(error.retry_after(Duration::from_secs(1)))));
        }
        frame
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
