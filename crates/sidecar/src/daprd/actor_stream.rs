//! Actors over a stream that the app opens: daprd asks for their turns on it, as it does at the port of an app of HTTP
//! (`SubscribeActorEventsAlpha1`, from 1.18 on). daprd takes it from apps of the protocol gRPC alone, and from 1.18.2 on from
//! an app without a port.
//!
//! A turn without an answer, when its stream ends, has failed for whoever asked for it; daprd counts no actor as active from
//! there on, and the types live on in other instances of the app.

mod wire;

use super::{
    Daprd, connect,
    kept::{Kept, Messages, Streams},
    subscribe::LINGER,
};
use ::http::uri::PathAndQuery;
use async_trait::async_trait;
use pillion_api::{AppChannel, Error, actors::HostedType};
use std::sync::Arc;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tonic::{Code, Status, Streaming, client::Grpc, transport::Channel};
use tonic_prost::ProstCodec;
use wire::{Asked, Hear, Say};

/// Turns at the same time, those that wait for their actor among them; while there are so many, no more are read.
pub const MOST_IN_HAND: usize = 1024;

const PATH: &str = "/dapr.proto.runtime.v1.Dapr/SubscribeActorEventsAlpha1";
/// How a daprd begins that has no such stream, and looked for an app that would.
const NOBODYS: &str = "failed to proxy request";
const TOO_OLD: &str = "daprd hosts actors of apps of gRPC from 1.18 on; start an older one with `--app-protocol http`";
/// What the log says where turns are cut off.
const UNENDED: &str = "actors: turns in hand did not end in time; whoever asked for them has an error";

/// Bytes of one turn.
#[derive(Clone, Copy, Debug)]
pub struct TurnBounds {
    /// Of what daprd asks, beside [`HEAD`]. A larger one breaks the stream: daprd's own bound keeps it out.
    pub asked: usize,
    /// Of an answer: daprd's `maxBodySize`. A larger one would break the stream, and is an error instead.
    pub answer: usize,
}

/// Bytes of names and headers that come with a turn.
pub const HEAD: usize = 1 << 20;

impl Daprd {
    /// Hosts actors: gives them the turns that daprd asks for on a stream. A daprd that is away is waited for, however long.
    pub fn host(self: &Arc<Self>, types: Vec<HostedType>, bounds: TurnBounds, app: &Arc<dyn AppChannel>) -> Streams {
        // A connection of its own: unread turns hold up what shares their connection, and that would be every call.
        let channel = connect::channel(&self.config.grpc).unwrap_or_else(|_| self.channel.clone());
        let client = Grpc::new(channel)
            .max_decoding_message_size(bounds.asked.saturating_add(HEAD).max(self.config.max_message))
            .max_encoding_message_size(usize::MAX);
        let places = Arc::new(Semaphore::new(MOST_IN_HAND));
        let mut streams = Streams::new(UNENDED);
        streams.keep(Host { daprd: self.clone(), app: app.clone(), client, types, most: bounds.answer, places });
        streams
    }
}

/// An app with actors.
struct Host {
    daprd: Arc<Daprd>,
    app: Arc<dyn AppChannel>,
    client: Grpc<Channel>,
    types: Vec<HostedType>,
    most: usize,
    places: Arc<Semaphore>,
}

#[async_trait]
impl Kept for Host {
    type Opened = (Streaming<Hear>, mpsc::Sender<Say>);

    async fn open(&self) -> Result<Self::Opened, Status> {
        // Whoever was active over an earlier stream is nobody to daprd, and may live elsewhere.
        self.app.release_actors();
        // Room for the first message, and for an answer of each turn in hand.
        let (answers, messages) = mpsc::channel(MOST_IN_HAND + 1);
        let _ = answers.try_send(wire::initial(&self.types));
        let request = self.daprd.request(Messages(messages), None);
        let mut client = self.client.clone();
        let opened = async {
            client.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
            let opened = client.streaming(request, PathAndQuery::from_static(PATH), ProstCodec::default()).await?;
            let mut calls: Streaming<Hear> = opened.into_inner();
            // A daprd without such streams opens one all the same, and looks for somebody else to serve it.
            match calls.message().await? {
                Some(_) => Ok((calls, answers)),
                None => Err(Status::unavailable("daprd ended the stream")),
            }
        };
        let opened = timeout(self.daprd.config.call_timeout, opened).await;
        opened.map_err(|_| Status::deadline_exceeded("daprd did not register the actor types in time"))?
    }

    /// Stopped, it goes on until nobody has a turn: there is no word to daprd that no more are wanted but the end, and that
    /// fails every turn in hand.
    async fn take(
        &self,
        (mut calls, answers): Self::Opened,
        in_hand: &mut JoinSet<()>,
        stopped: &mut watch::Receiver<bool>,
    ) -> Status {
        loop {
            // Ended ones leave no room behind.
            while in_hand.try_join_next().is_some() {}
            let is_stopped = *stopped.borrow();
            let is_idle = in_hand.is_empty();
            let next = tokio::select! {
                biased;
                _ = stopped.changed(), if !is_stopped => continue,
                Some(_) = in_hand.join_next(), if is_stopped && !is_idle => continue,
                next = self.next(&mut calls) => next,
                // The last answers are on their way by then.
                () = sleep(LINGER), if is_stopped && is_idle => break,
            };
            match next {
                Ok((Some(asked), place)) => {
                    in_hand.spawn(answer(self.app.clone(), asked, self.most, answers.clone(), place));
                }
                Ok((None, _)) => {}
                Err(why) => return why,
            }
        }
        // Reset, not only ended by this side: daprd would wait for the answers of actors that it deactivates.
        drop((calls, answers));
        Status::cancelled("stopped")
    }

    fn say_open(&self) {
        let types: Vec<&str> = self.types.iter().map(|hosted| hosted.kind.as_str()).collect();
        tracing::info!(app = self.daprd.config.app_id, ?types, "actors: daprd has registered the types");
    }

    fn say_gone(&self, why: &Status) {
        let app = &self.daprd.config.app_id;
        let hint = match why.code() {
            Code::Unimplemented => Some(TOO_OLD),
            _ if why.message().starts_with(NOBODYS) => Some(TOO_OLD),
            Code::OutOfRange | Code::ResourceExhausted => Some(
                "a call is larger than `limits.request` of every guest; start daprd with a smaller `--max-body-size`",
            ),
            Code::FailedPrecondition => Some("daprd was started for an app of HTTP; give both the same app protocol"),
            Code::Unauthenticated => Some("give both processes the same DAPR_API_TOKEN"),
            _ => None,
        };
        tracing::warn!(app, hint, "actors: daprd asks for no turns: {}", why.message());
    }
}

impl Host {
    /// A place, and what came next; nothing where it asked for nothing.
    async fn next(&self, calls: &mut Streaming<Hear>) -> Result<(Option<Asked>, Option<OwnedSemaphorePermit>), Status> {
        let place = self.places.clone().acquire_owned().await.ok();
        match calls.message().await? {
            Some(heard) => Ok((wire::asked(heard), place)),
            None => Err(Status::unavailable("daprd ended the stream")),
        }
    }
}

/// Gives an actor its turn, and daprd what came of it. An answer that a broken stream doesn't take is nobody's.
async fn answer(
    app: Arc<dyn AppChannel>,
    asked: Asked,
    most: usize,
    answers: mpsc::Sender<Say>,
    place: Option<OwnedSemaphorePermit>,
) {
    let Asked { id, what, event } = asked;
    let said = match app.actor_turn(event).await {
        Ok(data) => wire::done(id.clone(), what, data),
        Err(error) => wire::failed(id.clone(), &error),
    };
    let said = match prost::Message::encoded_len(&said) {
        size if size > most => wire::failed(id, &too_large(most)),
        _ => said,
    };
    let _ = answers.send(said).await;
    drop(place);
}

fn too_large(most: usize) -> Error {
    let message = format!("the actor's answer is larger than the {most} bytes that daprd takes");
    Error::new(pillion_api::Code::GuestLimit, message)
        .hint("raise `maxBodySize` of the app, and `--max-body-size` of daprd")
}
