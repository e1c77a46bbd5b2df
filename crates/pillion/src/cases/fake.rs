//! The sidecar of a case: state and topics in memory, everything else as the case says, and each call written down.

mod calls;

use super::{
    MAX_CALLS, MAX_RECORDED,
    answer::{Reply, Says},
    call::Call,
    given::Given,
};
use bytes::Bytes;
use pillion_api::{Code, Error, Result, Sidecar, configuration, policy::List, secrets, state};
use pillion_sidecar::Embedded;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The fakes of one case.
pub(super) struct Fake {
    /// State stores and brokers in memory.
    inner: Arc<Embedded>,
    given: Given,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    calls: Vec<Call>,
    /// Bytes of the values of `calls`.
    bytes: usize,
    /// How often each answer was given.
    given: Vec<u32>,
    locks: BTreeMap<(String, String), String>,
    /// What the policy denied, in words.
    denials: Vec<String>,
}

impl Fake {
    pub(super) fn new(inner: Arc<Embedded>, given: Given) -> Self {
        let held = Held { given: vec![0; given.answers.len()], locks: given.locks.clone(), ..Held::default() };
        Self { inner, given, held: Mutex::new(held) }
    }

    /// Puts the given state into the stores.
    pub(super) async fn fill(&self) -> Result<()> {
        for (store, entries) in &self.given.state {
            let set = |(key, value): (&String, &Bytes)| state::Set {
                key: key.clone(),
                value: value.clone(),
                ..state::Set::default()
            };
            self.inner.save_state(store, entries.iter().map(set).collect()).await?;
        }
        Ok(())
    }

    /// A key's value, without writing down that it was asked for.
    pub(super) async fn state(&self, store: &str, key: &str) -> Result<Option<Bytes>> {
        let get = state::Get { key: key.to_owned(), ..state::Get::default() };
        Ok(self.inner.get_state(store, get).await?.map(|item| item.value))
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.held().calls.clone()
    }

    pub(super) fn denials(&self) -> Vec<String> {
        self.held().denials.clone()
    }

    /// Writes down what `allow` does not grant.
    pub(super) fn deny(&self, list: List, name: &str) {
        self.note(Call::new("denied").with("list", list.key()).with("name", name));
        let denial = format!("denied: `allow.{}` doesn't name `{name}`", list.key());
        let mut held = self.held();
        if held.denials.len() < MAX_CALLS {
            held.denials.push(denial);
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a call down; its place, and what the case answers to it.
    fn note(&self, mut call: Call) -> (usize, Option<&Says>) {
        let mut held = self.held();
        let answers = self.given.answers.iter().enumerate();
        let mut fitting = answers.filter(|(place, answer)| answer.times.is_none_or(|times| held.given[*place] < times));
        let answer = fitting.find(|(_, answer)| answer.pattern.describes(&call));
        let answer = answer.map(|(place, answer)| (place, &answer.says));
        if let Some((place, _)) = answer {
            held.given[place] = held.given[place].saturating_add(1);
        }
        held.bytes += call.value.as_ref().map_or(0, Bytes::len);
        if held.bytes > MAX_RECORDED {
            call.value = None;
        }
        let place = held.calls.len();
        if place < MAX_CALLS {
            held.calls.push(call);
        }
        (place, answer.map(|(_, says)| says))
    }

    /// Writes down what came of a call.
    fn judge<T>(&self, place: usize, answer: &Result<T>) {
        if let Err(error) = answer
            && let Some(call) = self.held().calls.get_mut(place)
        {
            call.fails = Some(error.code().name());
        }
    }

    /// Answers as the case says, else as `otherwise` does.
    async fn answer<T>(
        &self,
        call: Call,
        of: impl FnOnce(&Reply) -> Result<T>,
        otherwise: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let (place, says) = self.note(call);
        let answer = match says {
            Some(Says::Fails(error)) => Err(error.clone()),
            Some(Says::Reply(reply)) => of(reply),
            None => otherwise.await,
        };
        self.judge(place, &answer);
        answer
    }

    /// A call whose answer only an error of the case changes.
    async fn through<T: Send>(&self, call: Call, otherwise: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let (place, says) = self.note(call);
        let answer = match says {
            Some(Says::Fails(error)) => Err(error.clone()),
            _ => otherwise.await,
        };
        self.judge(place, &answer);
        answer
    }

    /// A call that can't be answered unless the case says how.
    async fn must<T: Send>(&self, call: Call, code: Code, of: impl FnOnce(&Reply) -> Result<T>) -> Result<T> {
        let why = format!("the case has no answer for `{}`", call.shown());
        let name = call.name;
        let hint = format!("add `- {name}: {{ … }}` with its answer to `given: {{ answers: [...] }}`");
        self.answer(call, of, async { Err(Error::new(code, why).hint(hint)) }).await
    }

    fn items(&self, store: &str, keys: &[String]) -> Result<configuration::Items> {
        let missing =
            || Error::new(Code::ConfigurationStoreNotFound, format!("`given` has no configuration `{store}`"));
        let items = self.given.configuration.get(store).ok_or_else(missing)?;
        let wanted = |key: &String| keys.is_empty() || keys.contains(key);
        Ok(items.iter().filter(|(key, _)| wanted(key)).map(|(key, item)| (key.clone(), item.clone())).collect())
    }

    fn secrets(&self, store: &str) -> Result<&secrets::Secrets> {
        let missing = || Error::new(Code::SecretStoreNotFound, format!("`given` has no secrets of `{store}`"));
        self.given.secrets.get(store).ok_or_else(missing)
    }
}
