//! The processor's work of host functions: what is short runs where the guest runs, in turns as a guest's own, so that it
//! costs no hand-over; the rest runs off the guest's thread. Both as much at a time as there are cores.

use crate::call::Call;
use crate::instance::TURN;
use crate::threads;
use crate::ticker::{Rest, TICK};
use pillion_api::{Code, Error};
use pillion_nn::image::{self, ImageError, Kind, Limits, Pixel};
use pillion_nn::{Model, Progress};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;

/// What a guest may run before others get their turn.
const TURN_TIME: Duration = TICK.saturating_mul(TURN);
/// How far past its turn an operator may go: numbers that the processor is slow with can make one last a hundred times longer.
const LONG: Duration = TICK.saturating_mul(16);
/// Pictures that are decoded and scaled within a turn: bytes of the file, pixels of the picture, and pixels asked for.
const SHORT_FILE: usize = 128 << 10;
const SHORT_PIXELS: u64 = 1 << 18;

/// The size of a picture, in pixels.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) width: u32,
    pub(super) height: u32,
}

/// A place among the computing threads, while no tick is needed.
struct Place<'a> {
    _permit: OwnedSemaphorePermit,
    _rest: Rest<'a>,
}

async fn place(call: &Call) -> Result<Place<'_>, Error> {
    let shared = &call.hosted.shared;
    let permit = Arc::clone(&shared.inference).acquire_owned().await.map_err(|_| failed())?;
    Ok(Place { _permit: permit, _rest: shared.machine(&call.hosted.spec.guest.0.code).1.rest() })
}

fn failed() -> Error {
    Error::new(Code::Internal, "inference failed in the host")
}

/// Outputs in the model's order.
pub(super) type Outputs = Result<Vec<Arc<[u8]>>, pillion_nn::Error>;
/// Each input with its index.
pub(super) type Inputs = Vec<(usize, Vec<u8>)>;

/// Runs a model. The inputs come back, for the guest may run it again.
pub(super) async fn infer(call: &Arc<Call>, model: Arc<Model>, inputs: Inputs) -> Result<(Outputs, Inputs), Error> {
    // How long an operator takes is known after the first run.
    let in_turns = model.longest_step().is_some_and(|longest| longest <= TURN_TIME) && threads::runs_guests();
    if in_turns {
        let outputs = {
            let _place = place(call).await?;
            infer_in_turns(call, &model, &inputs).await
        };
        // An operator that takes many turns with these inputs goes elsewhere.
        let overran = matches!(outputs, Err(pillion_nn::Error::Stopped)) && Instant::now() < call.deadline;
        if !overran {
            return Ok((outputs, inputs));
        }
    }
    off_thread(call, move |stop| {
        let mut context = model.context();
        let outputs = set(&mut context, &inputs).and_then(|()| context.run(stop)).and_then(|()| outputs_of(&context));
        (outputs, inputs)
    })
    .await
}

async fn infer_in_turns(call: &Call, model: &Arc<Model>, inputs: &Inputs) -> Outputs {
    let mut context = model.context();
    set(&mut context, inputs)?;
    loop {
        let end = Instant::now() + TURN_TIME;
        let last = call.deadline.min(end + LONG);
        let progress = context.advance(&|| Instant::now() >= last, &|| Instant::now() >= end)?;
        if progress == Progress::Done {
            return outputs_of(&context);
        }
        tokio::task::yield_now().await;
    }
}

fn set(context: &mut pillion_nn::Context, inputs: &Inputs) -> Result<(), pillion_nn::Error> {
    inputs.iter().try_for_each(|(index, data)| context.set_input(*index, data))
}

fn outputs_of(context: &pillion_nn::Context) -> Outputs {
    (0..context.model().outputs().len()).map(|index| context.output(index).map(Arc::from)).collect()
}

/// Decodes and scales a picture.
pub(super) async fn load_picture(
    call: &Arc<Call>,
    file: Vec<u8>,
    kind: Kind,
    size: Size,
    pixel: Pixel,
) -> Result<Result<Vec<u8>, ImageError>, Error> {
    let Size { width, height } = size;
    let asked = u64::from(width) * u64::from(height);
    if asked <= SHORT_PIXELS && threads::runs_guests() && image::is_short(&file, SHORT_FILE) {
        let _place = place(call).await?;
        let limits = Limits { pixels: SHORT_PIXELS, bytes: SHORT_FILE };
        let loaded = image::load_within(&file, kind, limits, width, height, pixel);
        // What is larger than it may be here is decided by its header.
        if !matches!(loaded, Err(ImageError::TooLarge { .. })) {
            return Ok(loaded);
        }
    }
    off_thread(call, move |_| image::load(&file, kind, width, height, pixel)).await
}

/// Runs work of the processor off the guest's thread. The work is told to stop at the deadline, or when the guest is gone.
pub(super) async fn off_thread<T: Send + 'static>(
    call: &Arc<Call>,
    work: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
) -> Result<T, Error> {
    let Place { _permit: permit, _rest } = place(call).await?;
    let (deadline, gone) = (call.deadline, Gone::default());
    let of_work = Arc::clone(&gone.0);
    let task = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work(&|| of_work.load(Ordering::Relaxed) || Instant::now() >= deadline)
    });
    task.await.map_err(|_| failed())
}

/// Says that the guest is gone when it is dropped with it.
#[derive(Default)]
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
