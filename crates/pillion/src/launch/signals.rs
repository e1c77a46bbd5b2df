//! What ends a run: Ctrl-C, SIGTERM, or Dapr's shutdown API.

use std::sync::Arc;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
};

/// Waits for the first reason to end.
pub(crate) async fn wait(shutdown: &Arc<Notify>) -> std::io::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(tokio::select! {
        interrupted = tokio::signal::ctrl_c() => { interrupted?; "Ctrl-C" }
        _ = terminate.recv() => "SIGTERM",
        _ = hang_up.recv() => "SIGHUP",
        () = shutdown.notified() => "the shutdown API",
    })
}

/// Ends the process at the second signal, whatever is still in flight.
pub(crate) fn force_on_second() {
    tokio::spawn(async {
        let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            return;
        };
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        crate::print::problem("error: a second signal came; ended without draining");
        std::process::exit(130);
    });
}
