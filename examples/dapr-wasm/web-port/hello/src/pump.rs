//! Moves a body from where it comes in to where it goes out, inside the host, without waiting and without collecting it.

use wasip2::http::types::{IncomingBody, OutgoingBody};
use wasip2::io::error::Error as IoError;
use wasip2::io::poll::{self, Pollable};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

/// The most that is asked for at once; the host's buffers are smaller.
const MAX_STEP: u64 = 256 << 10;

/// How far a pump got.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Until one of its streams is ready.
    Waiting,
    Finished,
}

/// One body on its way. The streams are declared before the bodies that they are children of: they are dropped first.
pub(crate) struct Pump {
    streams: Option<(InputStream, OutputStream)>,
    /// What the next step needs to be ready.
    needs: Need,
    to: Option<OutgoingBody>,
    _from: IncomingBody,
}

#[derive(Clone, Copy)]
enum Need {
    Input,
    Output,
}

impl Pump {
    pub(crate) fn new(from: IncomingBody, to: OutgoingBody) -> Result<Self, String> {
        let taken = |()| "a stream was taken already".to_owned();
        let streams = (from.stream().map_err(taken)?, to.write().map_err(taken)?);
        Ok(Self { streams: Some(streams), needs: Need::Input, to: Some(to), _from: from })
    }

    /// Moves what can be moved at once.
    ///
    /// # Errors
    /// Says which side ended the body early; the pump does nothing more then.
    pub(crate) fn advance(&mut self) -> Result<Progress, String> {
        let Some((input, output)) = &self.streams else { return Ok(Progress::Finished) };
        loop {
            match step(input, output) {
                Ok(Step::Moved) => {}
                Ok(Step::Needs(need)) => {
                    self.needs = need;
                    return Ok(Progress::Waiting);
                }
                Ok(Step::End) => return self.finish(),
                Err(reason) => {
                    // Dropped without `finish`: the receiver sees that the body is not whole.
                    self.streams = None;
                    self.to = None;
                    return Err(reason);
                }
            }
        }
    }

    fn finish(&mut self) -> Result<Progress, String> {
        self.streams = None;
        match self.to.take().map(|body| OutgoingBody::finish(body, None)) {
            Some(Err(code)) => Err(format!("the body could not be finished: {code:?}")),
            _ => Ok(Progress::Finished),
        }
    }

    fn pollable(&self) -> Option<Pollable> {
        let (input, output) = self.streams.as_ref()?;
        Some(match self.needs {
            Need::Input => input.subscribe(),
            Need::Output => output.subscribe(),
        })
    }
}

enum Step {
    Moved,
    Needs(Need),
    End,
}

fn step(input: &InputStream, output: &OutputStream) -> Result<Step, String> {
    let room = output.check_write().map_err(closed)?;
    if room == 0 {
        return Ok(Step::Needs(Need::Output));
    }
    match input.read(room.min(MAX_STEP)) {
        Ok(bytes) if bytes.is_empty() => Ok(Step::Needs(Need::Input)),
        Ok(bytes) => output.write(&bytes).map(|()| Step::Moved).map_err(closed),
        Err(StreamError::Closed) => Ok(Step::End),
        Err(StreamError::LastOperationFailed(error)) => Err(format!("the sender broke off: {}", cause(&error))),
    }
}

fn closed(error: StreamError) -> String {
    match error {
        StreamError::Closed => "the receiver closed the body".to_owned(),
        StreamError::LastOperationFailed(error) => format!("the receiver broke off: {}", cause(&error)),
    }
}

/// The first line: a host may put its backtrace below.
fn cause(error: &IoError) -> String {
    error.to_debug_string().lines().next().unwrap_or_default().to_owned()
}

/// Waits until one of the pumps can go on, or `also` is ready.
pub(crate) fn wait(pumps: &[&Pump], also: Option<&Pollable>) {
    let pollables: Vec<Pollable> = pumps.iter().filter_map(|pump| pump.pollable()).collect();
    let all: Vec<&Pollable> = pollables.iter().chain(also).collect();
    // The host traps on an empty list.
    if !all.is_empty() {
        poll::poll(&all);
    }
}
