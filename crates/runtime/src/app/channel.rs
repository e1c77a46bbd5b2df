//! What Dapr asks of an app of guests. An event goes to the guest that a trigger names, else to whoever answers its HTTP form.

use super::App;
use crate::GuestKind;
use crate::call::Hosted;
use crate::event;
use crate::route::Found;
use crate::spec::On;
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use pillion_api::pubsub::{BulkDelivery, Delivery, Destination, Subscription, TopicStatus};
use pillion_api::workflow::{Activity, Decision, Outcome, Turn};
use pillion_api::{AppChannel, Body, Error, actors, bindings, callback, configuration, jobs, path};
use std::sync::Arc;

/// Where messages go that a trigger sends to a guest: a guest that speaks HTTP needs some path.
const ROOT: &str = "/";

/// Who takes an event.
struct Taker {
    guest: Option<Arc<Hosted>>,
    /// By name, whatever the routes say.
    named: bool,
}

impl Taker {
    /// Whether it is a program of one input and one output, or takes one message, and can't know Dapr's message of several.
    fn knows_one_call(&self) -> bool {
        let one = |kind| matches!(kind, GuestKind::Command | GuestKind::Bindgen | GuestKind::Messages);
        self.guest.as_ref().is_some_and(|guest| one(guest.kind()))
    }

    /// The guest, if it takes events typed.
    fn typed(&self) -> Option<&Arc<Hosted>> {
        self.guest.as_ref().filter(|guest| event::is_typed(guest))
    }
}

impl App {
    fn named(&self, name: &str) -> Result<Taker, Error> {
        self.guest_of(name)
            .map(|guest| Taker { guest: Some(guest), named: true })
            .ok_or_else(|| super::no_guest(&self.0.id, name))
    }

    /// The guest of a trigger.
    fn triggered(&self, matches: impl Fn(&On) -> bool) -> Option<Taker> {
        let trigger = self.0.triggers.iter().find(|trigger| matches(&trigger.on))?;
        self.named(&trigger.guest).ok()
    }

    fn routed(&self, request: &Request<Body>) -> Result<Taker, Error> {
        let path = path::normalise(request.uri().path())?;
        let guest = match self.0.router.find(&path, request.method()) {
            Found::Guest(index) => Some(self.guest(index)),
            _ => None,
        };
        Ok(Taker { guest, named: false })
    }

    /// Posts an event to whoever takes it.
    async fn post(
        &self,
        taker: &Taker,
        trigger: &'static str,
        request: Request<Body>,
    ) -> Result<(StatusCode, Bytes), Error> {
        match &taker.guest {
            Some(guest) if taker.named => event::post(guest, trigger, request).await,
            _ => event::answered(self.dispatch(trigger, request).await?).await,
        }
    }

    async fn deliver_each(&self, delivery: BulkDelivery) -> Result<Vec<TopicStatus>, Error> {
        let mut statuses = Vec::with_capacity(delivery.entries.len());
        for entry in delivery.entries {
            statuses.push(self.deliver(entry.delivery).await.unwrap_or(TopicStatus::Retry));
        }
        Ok(statuses)
    }

    fn taker_of(&self, destination: &Destination) -> Result<(Taker, String), Error> {
        match destination {
            Destination::Guest(name) => Ok((self.named(name)?, ROOT.to_owned())),
            Destination::Path(path) => {
                let rooted = if path.starts_with('/') { path.clone() } else { format!("/{path}") };
                let normal = path::normalise(&rooted)?;
                let guest = match self.0.router.find(&normal, &http::Method::POST) {
                    Found::Guest(index) => Some(self.guest(index)),
                    _ => None,
                };
                Ok((Taker { guest, named: false }, rooted))
            }
        }
    }
}

#[async_trait]
impl AppChannel for App {
    async fn invoke(&self, request: Request<Body>) -> Result<Response<Body>, Error> {
        self.dispatch("invoke", request).await
    }

    async fn subscriptions(&self) -> Result<Vec<Subscription>, Error> {
        let mut all: Vec<Subscription> = self.0.triggers.iter().filter_map(|trigger| trigger.subscription()).collect();
        if self.answers_subscribe() {
            all.extend(self.programmatic().await);
        }
        Ok(all)
    }

    async fn deliver(&self, delivery: Delivery) -> Result<TopicStatus, Error> {
        let (taker, path) = self.taker_of(&delivery.destination)?;
        if let Some(guest) = taker.typed() {
            return event::topic(guest, delivery).await;
        }
        match self.post(&taker, "topic", callback::topic(&path, &delivery)?).await {
            Ok((status, answer)) => Ok(TopicStatus::from_http(status, &answer)),
            Err(error) if error.status() == StatusCode::NOT_FOUND => Ok(TopicStatus::Drop),
            Err(error) => Err(error),
        }
    }

    async fn deliver_bulk(&self, delivery: BulkDelivery) -> Result<Vec<TopicStatus>, Error> {
        let (taker, path) = self.taker_of(&delivery.destination)?;
        if let Some(guest) = taker.typed() {
            return event::bulk_topic(guest, delivery).await;
        }
        if taker.knows_one_call() {
            return self.deliver_each(delivery).await;
        }
        match self.post(&taker, "bulk-topic", callback::bulk(&path, &delivery)?).await {
            Ok((status, answer)) => Ok(callback::bulk_statuses(&delivery, status, &answer)),
            Err(error) if error.status() == StatusCode::NOT_FOUND => {
                Ok(vec![TopicStatus::Drop; delivery.entries.len()])
            }
            Err(error) => Err(error),
        }
    }

    async fn input_bindings(&self) -> Result<Vec<String>, Error> {
        let name = |on: &On| if let On::Binding(name) = on { Some(name.clone()) } else { None };
        Ok(self.0.triggers.iter().filter_map(|trigger| name(&trigger.on)).collect())
    }

    async fn binding_event(&self, event: bindings::Event) -> Result<bindings::Reply, Error> {
        let request = callback::binding(&event)?;
        let taker = match self.triggered(|on| matches!(on, On::Binding(name) if *name == event.binding)) {
            Some(taker) => taker,
            None => self.routed(&request)?,
        };
        if let Some(guest) = taker.typed() {
            return event::binding(guest, event).await;
        }
        let (status, answer) = self.post(&taker, "binding", request).await?;
        callback::binding_reply(&event.binding, status, answer)
    }

    async fn job_event(&self, event: jobs::Event) -> Result<(), Error> {
        let request = callback::job(&event)?;
        let taker = match self.triggered(|on| matches!(on, On::Job(name) if *name == event.name)) {
            Some(taker) => taker,
            None => self.routed(&request)?,
        };
        if let Some(guest) = taker.typed() {
            return event::job(guest, event).await;
        }
        let (status, _) = self.post(&taker, "job", request).await?;
        callback::job_done(&event.name, status)
    }

    async fn configuration_update(&self, update: configuration::Update) -> Result<(), Error> {
        let named = self.triggered(|on| matches!(on, On::Configuration { store, .. } if *store == update.store));
        if let Some(guest) = named.and_then(|taker| taker.guest) {
            return event::configuration(&guest, update).await;
        }
        for request in callback::configuration(&update)? {
            let taker = self.routed(&request)?;
            if let Some(guest) = taker.typed() {
                return event::configuration(guest, update).await;
            }
            let (status, _) = self.post(&taker, "configuration", request).await?;
            callback::configuration_taken(&update.store, status)?;
        }
        Ok(())
    }

    async fn workflow_turn(&self, turn: Arc<Turn>) -> Result<Decision, Error> {
        self.turn(turn).await
    }

    async fn workflow_activity(&self, activity: &Activity) -> Result<Outcome, Error> {
        self.activity(activity).await
    }

    async fn actor_turn(&self, event: actors::Event) -> Result<Bytes, Error> {
        let guest = self.0.actors.guest(&event.actor.kind)?;
        let hosted = self.guest_of(guest).ok_or_else(|| super::no_guest(&self.0.id, guest))?;
        self.0.actors.turn(&hosted, event).await
    }

    fn release_actors(&self) {
        self.0.actors.release();
    }
}
