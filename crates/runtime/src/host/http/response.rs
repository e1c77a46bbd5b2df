//! The answer's head, and the place where the guest puts it.

use super::outgoing_body::State;
use super::{Answer, QUICK, QuickView, Whole, gone, is_quick};
use http::{Response, StatusCode, header};
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi_http::FieldMap;
use wasmtime_wasi_http::p2::bindings::http::types::{self, ErrorCode, StatusCode as Status};
use wasmtime_wasi_http::p2::body::{HostOutgoingBody, HyperOutgoingBody};
use wasmtime_wasi_http::p2::types::{HostOutgoingResponse, HostResponseOutparam};
use wasmtime_wasi_http::p2::{HttpError, HttpResult};

/// What comes of the call.
#[derive(Default)]
pub(super) enum Outcome {
    /// Nothing was set, or it is on its way.
    #[default]
    None,
    Quick(Head),
    Stock(Box<Response<HyperOutgoingBody>>),
    Failed(ErrorCode),
}

/// The quick response: a call has one.
#[derive(Default)]
pub(super) enum Made {
    #[default]
    No,
    Held(Head),
    /// The guest set or dropped it.
    Gone,
}

/// A head, with its body once that streams.
pub(super) struct Head {
    status: StatusCode,
    headers: FieldMap,
    frames: Option<HyperOutgoingBody>,
}

impl Made {
    fn head(&mut self) -> Result<&mut Head> {
        match self {
            Self::Held(head) => Ok(head),
            _ => Err(gone()),
        }
    }

    fn take(&mut self) -> Result<Head> {
        match std::mem::replace(self, Self::Gone) {
            Self::Held(head) => Ok(head),
            _ => Err(gone()),
        }
    }
}

impl super::Quick {
    /// The body of the quick response streams from now on.
    pub(super) fn stream(&mut self, frames: HyperOutgoingBody) {
        if let (Made::Held(head), _) | (_, Outcome::Quick(head)) = (&mut self.made, &mut self.outcome) {
            head.frames = Some(frames);
        }
    }
}

impl QuickView<'_> {
    /// Sends what was set to whoever waits for the answer, though the guest goes on. What was not finished streams.
    pub(crate) fn hand_over(&mut self) {
        // Only a table that is full refuses a stream: then the answer waits for the guest's end, and takes no harm.
        if matches!(self.0.quick.outcome, Outcome::Quick(_)) && self.make_stock_body().is_err() {
            return;
        }
        if let Some(answer) = self.answer()
            && let Some(exchange) = &self.0.quick.exchange
        {
            exchange.send(answer);
        }
    }

    /// What was set, if anything was and has not been handed over.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        let quick = self.quick();
        match std::mem::take(&mut quick.outcome) {
            Outcome::Quick(head) => Some(whole_or_stream(head, &mut quick.outbox)),
            Outcome::Failed(code) => Some(Answer::Failed(code)),
            Outcome::Stock(response) => Some(Answer::Stream(*response)),
            Outcome::None => None,
        }
    }
}

fn whole_or_stream(head: Head, outbox: &mut super::Outbox) -> Answer {
    let mut response = Response::new(());
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers.into();
    match head.frames {
        Some(frames) => Answer::Stream(response.map(|()| frames)),
        None => Answer::Whole(Whole {
            response,
            bytes: std::mem::take(&mut outbox.bytes).freeze(),
            trailers: outbox.trailers.take(),
            promised: outbox.expected,
            finished: matches!(outbox.state, State::Finished | State::Untaken),
            aborted: matches!(outbox.state, State::Aborted),
        }),
    }
}

/// The length that the headers promise; nothing can be made of one that is no number.
fn content_length(headers: &FieldMap) -> Result<Option<u64>, ()> {
    let Some(value) = headers.get(header::CONTENT_LENGTH) else { return Ok(None) };
    // Names and values were checked as the guest set them, so this is one row of digits.
    value.to_str().map_err(drop)?.parse().map(Some).map_err(drop)
}

impl types::HostOutgoingResponse for QuickView<'_> {
    fn new(&mut self, headers: Resource<FieldMap>) -> Result<Resource<HostOutgoingResponse>> {
        let mut headers = self.take_fields(headers)?;
        headers.set_immutable();
        match &mut self.quick().made {
            made @ Made::No => {
                *made = Made::Held(Head { status: StatusCode::OK, headers, frames: None });
                Ok(Resource::new_own(QUICK))
            }
            _ => Ok(self.table().push(HostOutgoingResponse { status: StatusCode::OK, headers, body: None })?),
        }
    }

    fn body(&mut self, response: Resource<HostOutgoingResponse>) -> Result<Result<Resource<HostOutgoingBody>, ()>> {
        if !is_quick(&response) {
            return self.stock().body(response);
        }
        let quick = self.quick();
        match content_length(&quick.made.head()?.headers) {
            Ok(expected) if quick.outbox.open(expected) => Ok(Ok(Resource::new_own(QUICK))),
            _ => Ok(Err(())),
        }
    }

    fn status_code(&mut self, response: Resource<HostOutgoingResponse>) -> Result<Status> {
        match is_quick(&response) {
            true => Ok(self.quick().made.head()?.status.as_u16()),
            false => self.stock().status_code(response),
        }
    }

    fn set_status_code(&mut self, response: Resource<HostOutgoingResponse>, status: Status) -> Result<Result<(), ()>> {
        if !is_quick(&response) {
            return self.stock().set_status_code(response, status);
        }
        let head = self.quick().made.head()?;
        match StatusCode::from_u16(status) {
            Ok(status) => {
                head.status = status;
                Ok(Ok(()))
            }
            Err(_) => Ok(Err(())),
        }
    }

    fn headers(&mut self, response: Resource<HostOutgoingResponse>) -> Result<Resource<FieldMap>> {
        if !is_quick(&response) {
            return types::HostOutgoingResponse::headers(&mut self.stock(), response);
        }
        let headers = self.quick().made.head()?.headers.clone();
        self.push_fields(headers)
    }

    fn drop(&mut self, response: Resource<HostOutgoingResponse>) -> Result<()> {
        if !is_quick(&response) {
            return types::HostOutgoingResponse::drop(&mut self.stock(), response);
        }
        let quick = self.quick();
        quick.made.take()?;
        quick.outbox.close();
        Ok(())
    }
}

impl types::HostResponseOutparam for QuickView<'_> {
    fn set(
        &mut self,
        place: Resource<HostResponseOutparam>,
        response: Result<Resource<HostOutgoingResponse>, ErrorCode>,
    ) -> Result<()> {
        if !is_quick(&place) {
            return Err(gone());
        }
        let outcome = match response {
            Err(code) => Outcome::Failed(code),
            Ok(response) if is_quick(&response) => Outcome::Quick(self.quick().made.take()?),
            Ok(response) => Outcome::Stock(Box::new(self.table().delete(response)?.try_into()?)),
        };
        // A body that streams is waited for from now on; so are the news of a failure.
        let waits = !matches!(&outcome, Outcome::Quick(Head { frames: None, .. }));
        self.quick().outcome = outcome;
        if waits {
            self.hand_over();
        }
        Ok(())
    }

    fn send_informational(
        &mut self,
        _: Resource<HostResponseOutparam>,
        _: Status,
        _: Resource<FieldMap>,
    ) -> HttpResult<()> {
        Err(HttpError::trap(wasmtime::format_err!("not implemented")))
    }

    fn drop(&mut self, place: Resource<HostResponseOutparam>) -> Result<()> {
        if is_quick(&place) { Ok(()) } else { Err(gone()) }
    }
}
