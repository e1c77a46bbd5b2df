//! Work of workflows: daprd streams turns and activities, the app does them, and daprd gets what came of each.
//!
//! What was not answered when the stream breaks, daprd hands out again: to this process or to another one of the same app.

mod answer;
mod wire;

use super::{Daprd, connect::BackOff};
use dapr_durabletask_proto as proto;
use pillion_api::{AppChannel, Error, Fault, workflow::Failure};
use proto::{
    WorkItem, task_hub_sidecar_service_client::TaskHubSidecarServiceClient as Client, work_item::Request as Work,
};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, timeout_at},
};
use tonic::{Code as Status, Streaming, transport::Channel};

/// How long an answer may take to be accepted.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// daprd may be away so long before the log says so, and so long between two such lines.
const AWAY: Duration = Duration::from_secs(10);

/// How much work there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkBounds {
    /// Turns of workflows at the same time.
    pub turns: usize,
    /// Activities at the same time.
    pub activities: usize,
    /// Bytes of one piece of work, which for a turn has the whole history.
    pub item: usize,
}

impl Default for WorkBounds {
    fn default() -> Self {
        Self { turns: 100, activities: 100, item: 64 << 20 }
    }
}

/// Takes work until it is stopped or dropped.
pub struct Worker {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Worker {
    /// Takes no more work, and waits until what is in hand is done and answered.
    pub async fn stop(mut self, deadline: Instant) {
        self.stop.send_replace(true);
        if timeout_at(deadline, &mut self.task).await.is_err() {
            tracing::warn!("workflows: work in hand did not end in time; daprd hands it out again");
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Daprd {
    /// Does the app's workflows and activities. A daprd that is away is waited for, however long.
    pub fn work(self: &Arc<Self>, app: Arc<dyn AppChannel>, bounds: WorkBounds) -> Worker {
        let (stop, stopped) = watch::channel(false);
        let hands = Hands {
            turns: Arc::new(Semaphore::new(bounds.turns)),
            activities: Arc::new(Semaphore::new(bounds.activities)),
            app,
            daprd: self.clone(),
            bounds,
        };
        Worker { stop, task: tokio::spawn(work(Arc::new(hands), stopped)) }
    }

    fn hub(&self, bounds: WorkBounds) -> Client<Channel> {
        let client = Client::new(self.channel.clone());
        client.max_decoding_message_size(bounds.item).max_encoding_message_size(bounds.item)
    }
}

/// What does the work.
struct Hands {
    daprd: Arc<Daprd>,
    app: Arc<dyn AppChannel>,
    turns: Arc<Semaphore>,
    activities: Arc<Semaphore>,
    bounds: WorkBounds,
}

/// Connects and works, again and again.
async fn work(hands: Arc<Hands>, mut stopped: watch::Receiver<bool>) {
    let app = hands.daprd.config.app_id.clone();
    let mut pauses = BackOff::new();
    let mut away: Option<Instant> = None;
    while !*stopped.borrow() {
        let connected = tokio::select! {
            connected = connect(&hands) => connected,
            _ = stopped.changed() => return,
        };
        let why = match connected {
            Ok(stream) => {
                tracing::info!(app, "workflows: connected to daprd");
                (pauses, away) = (BackOff::new(), None);
                serve(&hands, stream, &mut stopped).await
            }
            Err(status) => status,
        };
        if *stopped.borrow() {
            return;
        }
        let why = describe(&why, hands.bounds);
        if away.is_none_or(|said| said.elapsed() >= AWAY) {
            tracing::warn!(app, "workflows: no work from daprd: {why}");
            away = Some(Instant::now());
        }
        tokio::select! {
            () = sleep(pauses.next()) => {}
            _ = stopped.changed() => return,
        }
    }
}

fn describe(status: &tonic::Status, bounds: WorkBounds) -> String {
    match status.code() {
        Status::OutOfRange | Status::ResourceExhausted => format!(
            "{} (hint: a history is larger than `workflows.workItem`, {} bytes: raise it, or continue as new)",
            status.message(),
            bounds.item
        ),
        _ => status.message().to_owned(),
    }
}

async fn connect(hands: &Hands) -> Result<Streaming<WorkItem>, tonic::Status> {
    let request = hands.daprd.request(proto::GetWorkItemsRequest::default(), None);
    hands.daprd.hub(hands.bounds).get_work_items(request).await.map(tonic::Response::into_inner)
}

/// Takes work from a stream until it ends; answers why. Stopped, it keeps the stream until all work in hand is answered: daprd
/// takes no answer for work of a stream that is gone.
async fn serve(
    hands: &Arc<Hands>,
    mut stream: Streaming<WorkItem>,
    stopped: &mut watch::Receiver<bool>,
) -> tonic::Status {
    let mut running = JoinSet::new();
    let why = loop {
        tokio::select! {
            item = stream.message() => match item {
                Ok(Some(item)) => {
                    let Some(request) = item.request else { continue };
                    // Taken before the next piece is read: what can't be done here, another process may do.
                    let permit = tokio::select! {
                        permit = hands.permit(&request) => permit,
                        _ = stopped.changed() => break tonic::Status::cancelled("stopped"),
                    };
                    let hands = hands.clone();
                    running.spawn(async move {
                        hands.done(request, item.completion_token).await;
                        drop(permit);
                    });
                }
                Ok(None) => break tonic::Status::unavailable("daprd ended the stream"),
                Err(status) => break status,
            },
            _ = stopped.changed() => break tonic::Status::cancelled("stopped"),
            // Ended work leaves no room behind.
            Some(_) = running.join_next() => {}
        }
    };
    if *stopped.borrow() {
        while running.join_next().await.is_some() {}
    }
    // Answers of a broken stream would be refused: what runs still is dropped, and comes again.
    why
}

impl Hands {
    async fn permit(&self, work: &Work) -> Option<OwnedSemaphorePermit> {
        let places = match work {
            Work::WorkflowRequest(_) => &self.turns,
            Work::ActivityRequest(_) => &self.activities,
            Work::HealthPing(_) => return None,
        };
        places.clone().acquire_owned().await.ok()
    }

    async fn done(&self, work: Work, token: String) {
        match work {
            Work::WorkflowRequest(request) => self.turn(request, token).await,
            Work::ActivityRequest(request) => self.activity(request, token).await,
            Work::HealthPing(_) => {}
        }
    }

    #[allow(deprecated, reason = "the newer name of the method is unknown to the daprd of 1.16")]
    async fn turn(&self, request: proto::WorkflowRequest, token: String) {
        let turn = Arc::new(wire::turn(request));
        let decision = again("a turn", &turn.instance_id, || self.app.workflow_turn(turn.clone())).await;
        let answer = answer::workflow(&turn.instance_id, decision, token.clone());
        let refused = self.complete(&turn.instance_id, &answer, |mut hub, answer| async move {
            hub.complete_orchestrator_task(answer).await
        });
        let Some(why) = refused.await else { return };
        let failure = Failure::new("PILLION_ANSWER_REFUSED", format!("daprd took no answer of the turn: {why}"));
        let answer = answer::workflow_failed(&turn, failure, token);
        self.complete(&turn.instance_id, &answer, |mut hub, answer| async move {
            hub.complete_orchestrator_task(answer).await
        })
        .await;
    }

    async fn activity(&self, request: proto::ActivityRequest, token: String) {
        let activity = wire::activity(request);
        let outcome = again("an activity", &activity.instance_id, || self.app.workflow_activity(&activity)).await;
        let answer = answer::activity(&activity, outcome, token.clone());
        let refused = self.complete(&activity.instance_id, &answer, |mut hub, answer| async move {
            hub.complete_activity_task(answer).await
        });
        let Some(why) = refused.await else { return };
        let failure = Failure::new("PILLION_ANSWER_REFUSED", format!("daprd took no answer of the activity: {why}"));
        let answer = answer::activity(&activity, Err(failure), token);
        self.complete(&activity.instance_id, &answer, |mut hub, answer| async move {
            hub.complete_activity_task(answer).await
        })
        .await;
    }

    /// Hands an answer over. Some where daprd has it for too large, so that another one is due; whatever else goes wrong, daprd
    /// hands the work out again.
    async fn complete<A: Clone, F>(
        &self,
        instance: &str,
        answer: &A,
        send: impl Fn(Client<Channel>, tonic::Request<A>) -> F,
    ) -> Option<String>
    where
        F: Future<Output = Result<tonic::Response<proto::CompleteTaskResponse>, tonic::Status>>,
    {
        let request = self.daprd.request(answer.clone(), None);
        let sent = tokio::time::timeout(ANSWER_TIMEOUT, send(self.daprd.hub(self.bounds), request)).await;
        let status = match sent {
            Ok(Ok(_)) => return None,
            Ok(Err(status)) => status,
            Err(_) => tonic::Status::deadline_exceeded("daprd did not answer in time"),
        };
        let app = &*self.daprd.config.app_id;
        tracing::warn!(app, instance, "workflows: daprd took no answer: {}", status.message());
        let too_large = matches!(status.code(), Status::ResourceExhausted | Status::OutOfRange);
        too_large.then(|| status.message().to_owned())
    }
}

/// Does work again while it is not the work's fault that it can't be done.
async fn again<T, F>(what: &str, instance: &str, mut work: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, Error>>,
    T: FromFailure,
{
    let mut pauses = BackOff::new();
    loop {
        match work().await {
            Ok(done) => return done,
            Err(error) if error.fault() == Fault::Host => {
                tracing::info!(instance, "workflows: {what} is tried again: {error}");
                sleep(pauses.next()).await;
            }
            Err(error) => return T::from_failure(Failure::from(&error)),
        }
    }
}

/// What work comes to that can't be done at all.
trait FromFailure {
    fn from_failure(failure: Failure) -> Self;
}

impl FromFailure for pillion_api::workflow::Outcome {
    fn from_failure(failure: Failure) -> Self {
        Err(failure)
    }
}

impl FromFailure for pillion_api::workflow::Decision {
    fn from_failure(failure: Failure) -> Self {
        use pillion_api::workflow::turn::{Action, ActionKind};
        let action = Action { id: 0, app_id: None, kind: ActionKind::Complete(Err(failure)) };
        Self { actions: vec![action], custom_status: None }
    }
}
