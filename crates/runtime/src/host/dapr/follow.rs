//! Subscriptions of configuration that outlive the call that made them: what changes comes to the guest as calls.

use crate::call::Hosted;
use crate::event;
use crate::threads::Task;
use futures_util::StreamExt;
use pillion_api::{Code, Error, Sidecar, configuration};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::runtime::Handle;

/// Subscriptions of one guest.
const MAX_FOLLOWED: usize = 100;

/// What one guest follows, by id.
#[derive(Default)]
pub(crate) struct Follows(Mutex<BTreeMap<String, Followed>>);

struct Followed {
    store: String,
    keys: Vec<String>,
    /// Ends with the guest, or when it asks for the end.
    task: Task<()>,
}

impl Hosted {
    /// Has changes handed to the guest; answers the subscription's id.
    pub(crate) async fn follow(
        self: &Arc<Self>,
        edge: &Handle,
        sidecar: Arc<dyn Sidecar>,
        store: String,
        mut get: configuration::Get,
    ) -> Result<String, Error> {
        get.keys.sort();
        get.keys.dedup();
        if let Some(id) = self.follows.find(&store, &get.keys)? {
            return Ok(id);
        }
        let keys = get.keys.clone();
        let subscription = sidecar.subscribe_configuration(&store, get).await?;
        let id = subscription.id.clone();
        // Another call of the guest may have asked meanwhile.
        if let Some(first) = self.follows.find(&store, &keys)? {
            sidecar.unsubscribe_configuration(&store, &id).await?;
            return Ok(first);
        }
        let task = Task::of(edge.spawn(hand_on(Arc::downgrade(self), store.clone(), subscription)));
        self.follows.all().insert(id.clone(), Followed { store, keys, task });
        Ok(id)
    }
}

impl Hosted {
    /// As a trigger asks for it.
    pub(crate) fn follow_from_start(self: &Arc<Self>, store: String, keys: Vec<String>) {
        let (hosted, edge) = (Arc::downgrade(self), self.shared.edge());
        edge.clone().spawn(async move {
            let Some(hosted) = hosted.upgrade() else { return };
            let Some(outgoing) = &hosted.outgoing else { return };
            let get = configuration::Get { keys, ..configuration::Get::default() };
            let followed = hosted.follow(&edge, Arc::clone(outgoing.sidecar()), store.clone(), get).await;
            if let Err(error) = followed {
                let (app, guest) = (&*hosted.app, &*hosted.name);
                tracing::error!(app, guest, store, hint = error.help(), "configuration can't be followed: {error}");
            }
        });
    }
}

impl Follows {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Followed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The subscription that is there already. Each instance of a guest asks anew, and one is enough.
    fn find(&self, store: &str, keys: &[String]) -> Result<Option<String>, Error> {
        let mut all = self.all();
        // Of one that has ended nothing comes any more.
        all.retain(|_, followed| !followed.task.is_finished());
        let same = all.iter().find(|(_, followed)| followed.store == store && followed.keys == keys);
        match same {
            Some((id, _)) => Ok(Some(id.clone())),
            None if all.len() < MAX_FOLLOWED => Ok(None),
            None => {
                let message = format!("the guest follows configuration by {MAX_FOLLOWED} subscriptions already");
                Err(Error::new(Code::GuestLimit, message).hint("follow several keys by one subscription, or end some"))
            }
        }
    }

    /// Ends a subscription.
    pub(super) async fn end(&self, sidecar: Arc<dyn Sidecar>, store: &str, id: &str) -> Result<(), Error> {
        let followed = self.all().remove(id);
        match followed {
            Some(followed) => sidecar.unsubscribe_configuration(&followed.store, id).await,
            None => {
                tracing::debug!(store, "a subscription of configuration that is not there was ended");
                Ok(())
            }
        }
    }
}

async fn hand_on(hosted: Weak<Hosted>, store: String, subscription: configuration::Subscription) {
    let configuration::Subscription { id, mut updates } = subscription;
    while let Some(update) = updates.next().await {
        let Some(hosted) = hosted.upgrade() else { return };
        let (app, guest) = (&*hosted.app, &*hosted.name);
        let items = match update {
            Ok(items) => items,
            Err(error) => return tracing::warn!(app, guest, store, "the subscription of configuration ended: {error}"),
        };
        let update = configuration::Update { store: store.clone(), id: id.clone(), items };
        if let Err(error) = event::configuration(&hosted, update).await {
            tracing::warn!(app, guest, store, "a change of configuration was not handled: {error}");
        }
    }
}
