//! A sidecar from YAML texts, and an app that records what it gets and answers what it is told.

use async_trait::async_trait;
use http::{Request, Response};
use pillion_api::{
    AppChannel, Body, Error, Result, body,
    pubsub::{BulkDelivery, Delivery, Destination, Source, Subscription, TopicStatus},
};
use pillion_sidecar::{
    Embedded, EmbeddedConfig, Resources, Run,
    clock::{ManualClock, parse_rfc3339},
    pubsub::Redelivery,
    run::RunConfig,
};
use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::{sync::mpsc, time::Instant};

/// A run with a folder of resources and a clock that stands still.
pub(crate) struct World {
    pub(crate) directory: TempDir,
    pub(crate) clock: ManualClock,
    pub(crate) run: Arc<Run>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn with(change: impl FnOnce(&mut RunConfig)) -> Self {
        let directory = TempDir::new().expect("a folder");
        let clock = ManualClock::new(parse_rfc3339("2026-11-22T10:00:00Z").expect("a time"));
        let mut config = RunConfig {
            clock: Arc::new(clock.clone()),
            directory: directory.path().to_owned(),
            redelivery: Redelivery { retries: 2, ..Redelivery::default() },
            ..RunConfig::default()
        };
        change(&mut config);
        Self { directory, clock, run: Run::new(config) }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        std::fs::write(self.path().join(file), text).expect("a file");
    }

    pub(crate) fn resources(&self, yaml: &str) -> Arc<Resources> {
        self.write("resources.yaml", yaml);
        let resources = Resources::load(&[self.path().join("resources.yaml")]);
        assert!(!resources.has_errors(), "{:?}", resources.diagnostics);
        Arc::new(resources)
    }

    pub(crate) fn config(&self, app_id: &str, yaml: &str) -> EmbeddedConfig {
        EmbeddedConfig::new(app_id, self.resources(yaml), Arc::clone(&self.run))
    }

    /// A sidecar with the components of a YAML text.
    pub(crate) async fn open(&self, app_id: &str, yaml: &str) -> Arc<Embedded> {
        Embedded::open(self.config(app_id, yaml)).await.expect("components that open")
    }

    /// A sidecar whose app has these subscriptions of its own, started and ready.
    pub(crate) async fn start(
        &self,
        app_id: &str,
        yaml: &str,
        subscriptions: Vec<Subscription>,
    ) -> (Arc<Embedded>, Arc<App>) {
        let sidecar = self.open(app_id, yaml).await;
        let app = App::new(subscriptions);
        sidecar.start(Some(Arc::clone(&app) as Arc<dyn AppChannel>));
        sidecar.wait_ready().await;
        (sidecar, app)
    }
}

/// A component of a type with metadata lines `name: value`.
pub(crate) fn component(name: &str, kind: &str, metadata: &[(&str, &str)]) -> String {
    let items: String =
        metadata.iter().map(|(name, value)| format!("\n  - {{ name: {name}, value: \"{value}\" }}")).collect();
    format!(
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{ name: {name} }}\nspec:\n  type: {kind}\n  version: v1\n  metadata: [{}]\n---\n",
        items.trim_start_matches("\n  - ").replace("\n  - ", ", ")
    )
}

/// A subscription of an app's own.
pub(crate) fn subscription(topic: &str, route: &str) -> Subscription {
    Subscription {
        pubsub: "bus".to_owned(),
        topic: topic.to_owned(),
        rules: Vec::new(),
        default: Some(Destination::Path(route.to_owned())),
        metadata: Default::default(),
        dead_letter_topic: None,
        bulk: None,
        source: Source::Programmatic,
    }
}

pub(crate) async fn stop(sidecar: &Embedded) {
    sidecar.stop(Instant::now() + Duration::from_secs(5)).await;
}

/// What an app does with a request.
type OnInvoke = Box<dyn Fn(Request<Body>) -> Result<Response<Body>> + Send + Sync>;

/// Records deliveries and answers them from a list, then with success.
pub(crate) struct App {
    subscriptions: Vec<Subscription>,
    answers: Mutex<Vec<Result<TopicStatus>>>,
    deliveries: mpsc::UnboundedSender<Delivery>,
    received: tokio::sync::Mutex<mpsc::UnboundedReceiver<Delivery>>,
    panics: AtomicBool,
    /// How many messages each bulk had.
    pub(crate) bulks: Mutex<Vec<usize>>,
    pub(crate) on_invoke: Mutex<Option<OnInvoke>>,
}

impl App {
    pub(crate) fn new(subscriptions: Vec<Subscription>) -> Arc<Self> {
        let (deliveries, received) = mpsc::unbounded_channel();
        Arc::new(Self {
            subscriptions,
            answers: Mutex::default(),
            deliveries,
            received: tokio::sync::Mutex::new(received),
            panics: AtomicBool::new(false),
            bulks: Mutex::default(),
            on_invoke: Mutex::default(),
        })
    }

    /// The answers to the next deliveries.
    pub(crate) fn will_answer(&self, answers: impl IntoIterator<Item = Result<TopicStatus>>) {
        let mut all: Vec<_> = answers.into_iter().collect();
        all.reverse();
        *self.answers.lock().expect("a lock") = all;
    }

    pub(crate) fn will_panic_once(&self) {
        self.panics.store(true, Ordering::Relaxed);
    }

    pub(crate) fn will_invoke(&self, with: impl Fn(Request<Body>) -> Result<Response<Body>> + Send + Sync + 'static) {
        *self.on_invoke.lock().expect("a lock") = Some(Box::new(with));
    }

    /// The next delivery; on a paused clock a minute without one passes at once.
    pub(crate) async fn next(&self) -> Option<Delivery> {
        let mut received = self.received.lock().await;
        tokio::time::timeout(Duration::from_secs(60), received.recv()).await.ok().flatten()
    }

    /// The event of the next delivery.
    pub(crate) async fn next_event(&self) -> serde_json::Value {
        let delivery = self.next().await.expect("a delivery");
        serde_json::from_slice(&delivery.event).expect("an event")
    }
}

#[async_trait]
impl AppChannel for App {
    async fn invoke(&self, request: Request<Body>) -> Result<Response<Body>> {
        match &*self.on_invoke.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(answer) => answer(request),
            None => Ok(Response::new(body::empty())),
        }
    }

    async fn subscriptions(&self) -> Result<Vec<Subscription>> {
        Ok(self.subscriptions.clone())
    }

    async fn deliver(&self, delivery: Delivery) -> Result<TopicStatus> {
        self.deliveries.send(delivery).map_err(|_| Error::new(pillion_api::Code::Internal, "nobody receives"))?;
        assert!(!self.panics.swap(false, Ordering::Relaxed), "a panic that was asked for");
        self.answers.lock().expect("a lock").pop().unwrap_or(Ok(TopicStatus::Success))
    }

    async fn deliver_bulk(&self, delivery: BulkDelivery) -> Result<Vec<TopicStatus>> {
        self.bulks.lock().expect("a lock").push(delivery.entries.len());
        let mut statuses = Vec::new();
        for entry in delivery.entries {
            statuses.push(self.deliver(entry.delivery).await?);
        }
        Ok(statuses)
    }
}
