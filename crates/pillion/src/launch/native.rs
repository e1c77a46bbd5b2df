//! Native apps of the run file: started as processes, their output prefixed, ended with the rest, restarted never.

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    collections::BTreeSet,
    path::Path,
    process::Stdio,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::{Child, Command},
    sync::oneshot,
    task::JoinHandle,
};

/// The process groups of the native apps that run, for an end that runs no destructors.
static GROUPS: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

fn groups() -> MutexGuard<'static, BTreeSet<u32>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills every native app with all that it started.
pub(crate) fn kill_all() {
    for id in std::mem::take(&mut *groups()) {
        signal_group(id, Signal::KILL);
    }
}

/// The longest line of an app's output that is printed as one.
const MAX_LINE: usize = 64 * 1024;

/// A running native app.
pub(crate) struct Native {
    app_id: String,
    child: Child,
    output: Vec<JoinHandle<()>>,
}

/// How an app ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// With 0, or because it was told to.
    Success,
    /// By itself, with something else.
    Failure,
}

impl Native {
    /// Starts `command` in `dir`. Every line that it prints appears behind `== APP - <id> == `.
    pub(crate) fn start(
        app_id: &str,
        command: &[String],
        dir: &Path,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        let (program, args) = command.split_first().context("the command is empty")?;
        let mut child = Command::new(program)
            .args(args)
            .current_dir(dir)
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: Ctrl-C reaches us alone, and we end the whole group.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("app `{app_id}`: command `{program}` in `{}` can't be started", dir.display()))?;
        groups().extend(child.id());
        let output = [
            child.stdout.take().map(|pipe| tokio::spawn(copy_lines(app_id.to_owned(), pipe))),
            child.stderr.take().map(|pipe| tokio::spawn(copy_lines(app_id.to_owned(), pipe))),
        ];
        Ok(Self { app_id: app_id.to_owned(), child, output: output.into_iter().flatten().collect() })
    }

    /// Lives with the app until it ends by itself, or is told to within a time.
    pub(crate) async fn watch(mut self, stop: oneshot::Receiver<Duration>) -> Exit {
        let id = self.child.id();
        let stopped = tokio::select! {
            exit = self.ended() => Err(exit),
            grace = stop => Ok(grace.unwrap_or_default()),
        };
        let exit = match stopped {
            Ok(grace) => self.stop(grace).await,
            Err(exit) => exit,
        };
        id.map(|id| groups().remove(&id));
        exit
    }

    async fn ended(&mut self) -> Exit {
        match self.child.wait().await {
            Ok(status) if status.success() => Exit::Success,
            Ok(status) => {
                crate::print::line(&format!("The App process exited with error: app `{}`: {status}", self.app_id));
                Exit::Failure
            }
            Err(error) => {
                tracing::error!(app = self.app_id, %error, "the app's process can't be waited for");
                Exit::Failure
            }
        }
    }

    /// Asks the app's whole group to end, and ends it by force after `grace`.
    async fn stop(mut self, grace: Duration) -> Exit {
        let mut exit = Exit::Success;
        self.signal(Signal::TERM);
        if tokio::time::timeout(grace, self.child.wait()).await.is_err() {
            tracing::warn!(app = self.app_id, "the app did not end in time and is killed");
            self.signal(Signal::KILL);
            exit = Exit::Failure;
            let _ = self.child.wait().await;
        }
        for task in self.output {
            // A grandchild may hold the pipe open for ever.
            let _ = tokio::time::timeout(Duration::from_millis(200), task).await;
        }
        crate::print::app_line(&self.app_id, "ended");
        exit
    }

    fn signal(&self, signal: Signal) {
        if let Some(id) = self.child.id() {
            signal_group(id, signal);
        }
    }
}

fn signal_group(id: u32, signal: Signal) {
    let Some(group) = Pid::from_raw(id.cast_signed()) else { return };
    if let Err(error) = kill_process_group(group, signal) {
        tracing::debug!(group = id, %error, "the process group is gone");
    }
}

async fn copy_lines(app_id: String, pipe: impl AsyncRead + Unpin) {
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reader).take(MAX_LINE as u64).read_until(b'\n', &mut line).await;
        match read {
            Ok(0) => return,
            Ok(_) => crate::print::app_line(&app_id, String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r'])),
            Err(error) => return tracing::debug!(app = app_id, %error, "the app's output broke off"),
        }
    }
}
