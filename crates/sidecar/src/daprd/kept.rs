//! Streams that the app opens and daprd sends by: opened again whenever they break, ended in order.

use super::{connect::BackOff, status};
use async_trait::async_trait;
use futures_util::Stream;
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};
use tonic::Status;

/// A stream may be gone so long before the log says so again; a daprd may be away so long before it says so at all.
const AWAY: Duration = Duration::from_secs(10);

/// Streams that are kept open until they are stopped or dropped.
pub struct Streams {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    /// What the log says where the work in hand didn't end in time.
    unended: &'static str,
}

impl Streams {
    pub(super) fn new(unended: &'static str) -> Self {
        Self { stop: watch::Sender::new(false), tasks: JoinSet::new(), unended }
    }

    pub(super) fn keep(&mut self, stream: impl Kept) {
        self.tasks.spawn(keep(stream, self.stop.subscribe()));
    }

    /// Ends the streams once what is in hand is done and answered.
    pub async fn stop(mut self, deadline: Instant) {
        self.stop.send_replace(true);
        let ended = timeout_at(deadline, async { while self.tasks.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            tracing::warn!("{}", self.unended);
        }
    }
}

/// One stream.
#[async_trait]
pub(super) trait Kept: Send + Sync + 'static {
    /// What daprd sends, and where the answers go.
    type Opened: Send;

    /// Opens it; it is open when daprd has said its first word.
    async fn open(&self) -> Result<Self::Opened, Status>;

    /// Takes what daprd sends until the stream ends; answers why. Stopped, it ends the stream when all in hand is answered.
    async fn take(
        &self,
        opened: Self::Opened,
        in_hand: &mut JoinSet<()>,
        stopped: &mut watch::Receiver<bool>,
    ) -> Status;

    /// Tells the log that it is open.
    fn say_open(&self);

    /// Tells the log that it is not, and why.
    fn say_gone(&self, why: &Status);
}

/// What the app sends, as it comes.
pub(super) struct Messages<T>(pub(super) mpsc::Receiver<T>);

impl<T> Stream for Messages<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(context)
    }
}

/// Opens a stream again and again.
async fn keep(stream: impl Kept, mut stopped: watch::Receiver<bool>) {
    let mut pauses = BackOff::new();
    let (mut since, mut said) = (Instant::now(), None::<Instant>);
    let mut in_hand = JoinSet::new();
    while !*stopped.borrow() {
        let opened = tokio::select! {
            opened = stream.open() => opened,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let why = match opened {
            Ok(opened) => {
                stream.say_open();
                let why = stream.take(opened, &mut in_hand, &mut stopped).await;
                (pauses, since, said) = (BackOff::new(), Instant::now(), None);
                why
            }
            Err(why) => why,
        };
        if *stopped.borrow() {
            break;
        }
        let is_news = match said {
            Some(said) => said.elapsed() >= AWAY,
            // Who starts with its daprd waits for it a moment, as a matter of course.
            None => !status::not_reached(&why) || since.elapsed() >= AWAY,
        };
        if is_news {
            stream.say_gone(&why);
            said = Some(Instant::now());
        }
        tokio::select! {
            () = sleep(pauses.next()) => {}
            _ = stopped.wait_for(|stopped| *stopped) => break,
        }
    }
    // Of streams that broke: nobody asks for their answers, but a guest comes to its end.
    while in_hand.join_next().await.is_some() {}
}
