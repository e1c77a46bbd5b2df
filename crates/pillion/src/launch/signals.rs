//! What ends a run: Ctrl-C, SIGTERM, SIGHUP, or Dapr's shutdown API.

use super::native;
use std::io;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
};

/// The signals, listened to from before the first app starts.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// From here on a signal no longer ends the process by itself.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the first reason to end.
    pub(crate) async fn wait(&mut self, shutdown: &Notify) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "Ctrl-C",
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.hang_up.recv() => "SIGHUP",
            () = shutdown.notified() => "the shutdown API, or every app ended",
        }
    }

    /// Ends the process at a further signal, whatever is still in flight.
    pub(crate) fn force_on_next(mut self) {
        tokio::spawn(async move {
            tokio::select! { _ = self.terminate.recv() => {}, _ = self.interrupt.recv() => {} }
            crate::print::problem("error: a second signal came; ended without draining");
            exit_now(130);
        });
    }
}

/// Ends at once. No native app outlives the process.
pub(crate) fn exit_now(code: i32) -> ! {
    native::kill_all();
    std::process::exit(code)
}
