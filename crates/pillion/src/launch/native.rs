//! Native apps of the run file: started as processes, their output prefixed, ended with the rest, restarted never.

use anyhow::{Context, Result};
use std::{path::Path, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::{Child, Command},
    sync::oneshot,
    task::JoinHandle,
};

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
        let output = [
            child.stdout.take().map(|pipe| tokio::spawn(copy_lines(app_id.to_owned(), pipe))),
            child.stderr.take().map(|pipe| tokio::spawn(copy_lines(app_id.to_owned(), pipe))),
        ];
        Ok(Self { app_id: app_id.to_owned(), child, output: output.into_iter().flatten().collect() })
    }

    /// Lives with the app until it ends by itself, or is told to within a time.
    pub(crate) async fn watch(mut self, stop: oneshot::Receiver<Duration>) -> Exit {
        let stopped = tokio::select! {
            exit = self.ended() => Err(exit),
            grace = stop => Ok(grace.unwrap_or_default()),
        };
        match stopped {
            Ok(grace) => {
                self.stop(grace).await;
                Exit::Success
            }
            Err(exit) => exit,
        }
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
    async fn stop(mut self, grace: Duration) {
        self.signal(rustix::process::Signal::TERM);
        if tokio::time::timeout(grace, self.child.wait()).await.is_err() {
            tracing::warn!(app = self.app_id, "the app did not end in time and is killed");
            self.signal(rustix::process::Signal::KILL);
            let _ = self.child.wait().await;
        }
        for task in self.output {
            // A grandchild may hold the pipe open for ever.
            let _ = tokio::time::timeout(Duration::from_millis(200), task).await;
        }
        crate::print::app_line(&self.app_id, "ended");
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let Some(id) = self.child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())) else { return };
        if let Err(error) = rustix::process::kill_process_group(id, signal) {
            tracing::debug!(app = self.app_id, %error, "the app's process group is gone");
        }
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
