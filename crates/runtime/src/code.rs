//! The code of one file, shared by every guest that was loaded from it. Code that nobody calls may leave memory; it comes
//! back from the cache at the next call, off the threads that run guests.

use crate::call::Call;
use crate::program::{Needs, Program};
use crate::residents::Counts;
use crate::{GuestKind, Inspection, load};
use pillion_api::{Code as Kind, Error};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

/// Code that was checked and linked, in memory or not.
pub(crate) struct Code {
    pub(crate) inspection: Inspection,
    pub(crate) needs: Needs,
    pub(crate) kind: GuestKind,
    /// Whether it is a handler of WASI 0.3.
    pub(crate) is_service: bool,
    /// How it comes back; none for code that has to stay.
    pub(crate) again: Option<Again>,
    /// The time of the last call, by the clock of [`Residents`](crate::residents::Residents).
    used: AtomicU64,
    place: RwLock<Option<Arc<Program>>>,
    /// Held by the one who brings it back.
    returning: Arc<tokio::sync::Mutex<()>>,
    counts: Arc<Counts>,
}

/// What is needed to load code another time.
pub(crate) struct Again {
    pub(crate) call: Option<String>,
    /// The function that prepares it, for code that keeps the state after its start.
    pub(crate) start: Option<String>,
    /// The file that it was read from.
    pub(crate) source: Option<PathBuf>,
}

impl Code {
    pub(crate) fn new(
        inspection: Inspection,
        needs: Needs,
        program: Program,
        again: Option<Again>,
        counts: &Arc<Counts>,
    ) -> Self {
        let code = Self {
            is_service: inspection.is_service(),
            inspection,
            needs,
            kind: program.kind(),
            again,
            used: AtomicU64::new(0),
            place: RwLock::default(),
            returning: Arc::default(),
            counts: Arc::clone(counts),
        };
        code.put(Arc::new(program));
        code
    }

    /// The linked code if it is in memory. Takes no lock that anyone could hold for long: a place is changed in
    /// nanoseconds, and who comes upon it takes the long way.
    pub(crate) fn program(&self) -> Option<Arc<Program>> {
        self.place.try_read().ok()?.clone()
    }

    /// Notes a use. The clock stands still between two loads, so that most calls only read.
    pub(crate) fn touch(&self, now: u64) {
        if self.used.load(Ordering::Relaxed) != now {
            self.used.store(now, Ordering::Relaxed);
        }
    }

    pub(crate) fn last_use(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// The linked code if it is in memory, for those who may wait.
    pub(crate) fn resident(&self) -> Option<Arc<Program>> {
        self.place.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn place(&self) -> RwLockWriteGuard<'_, Option<Arc<Program>>> {
        self.place.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put(&self, program: Arc<Program>) {
        let before = self.place().replace(program);
        self.counts.came(usize::from(before.is_none()));
    }

    /// Lets go of the code, whose memory is freed after the place is; calls that run keep it.
    pub(crate) fn leave(&self) -> bool {
        let gone = self.place().take();
        let was_here = gone.is_some();
        self.counts.left(usize::from(was_here));
        was_here
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        let place = self.place.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.counts.dropped(usize::from(place.is_some()));
    }
}

/// Notes that a call's guest is in use.
pub(crate) fn touch(call: &Call) {
    call.hosted.spec.guest.0.code.touch(call.hosted.shared.residents.now());
}

/// The linked code of a call's guest, at once where it is in memory.
///
/// # Errors
/// As [`bring_back`].
pub(crate) async fn program(call: &Call) -> Result<Arc<Program>, Error> {
    let code = &call.hosted.spec.guest.0.code;
    match code.program() {
        Some(program) => Ok(program),
        None => Box::pin(bring_back(call)).await,
    }
}

/// Loads the code of a call's guest another time: one load however many calls wait, some loads at a time.
///
/// # Errors
/// The deadline; a cache that lost the code while its file is not as it was.
async fn bring_back(call: &Call) -> Result<Arc<Program>, Error> {
    let (shared, guest) = (Arc::clone(&call.hosted.shared), call.hosted.spec.guest.clone());
    let returning = Arc::clone(&guest.0.code.returning);
    let work = async {
        let only = returning.lock_owned().await;
        if let Some(program) = guest.0.code.resident() {
            return Ok(program);
        }
        let place = shared.residents.returns().await;
        let handle = shared.threads.handle().clone();
        let name = guest.0.name.clone();
        // Goes on where its caller goes away: the next call finds the code.
        let load = handle.spawn_blocking(move || {
            let _held = (only, place);
            load::again(&shared, &guest)
        });
        let failed = |_| Error::new(Kind::Internal, format!("the code of guest `{name}` could not be loaded again"));
        load.await.map_err(failed)?
    };
    match tokio::time::timeout_at(call.deadline.into(), work).await {
        Ok(program) => program,
        Err(_) => Err(call.timed_out()),
    }
}
