//! Which actors wait for a call. The chain travels with the call, through Dapr too, so that an actor that is called by its own
//! call is told so at once: an instance of a guest can't be entered twice, and both would wait for each other.

use http::{HeaderMap, HeaderName, HeaderValue};
use pillion_api::actors::Actor;
use pillion_api::{Code, Error, Metadata};

/// The header of the chain. A guest can neither set nor clear it.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("pillion-actors");
/// Dapr's header: the same in all calls of a chain, where the type is reentrant.
pub(crate) const REENTRANCY_ID: &str = "dapr-reentrancy-id";
const REENTRANCY_HEADER: HeaderName = HeaderName::from_static(REENTRANCY_ID);
/// The most actors that wait for one call: Dapr's own bound where reentrancy is on.
const MAX_DEPTH: usize = 32;
/// Characters of a longer id are no id of Dapr's, which are UUIDs.
const MAX_ID: usize = 64;

/// The actors that wait for a call, the first one first; none for most calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    actors: Vec<u64>,
    /// What Dapr calls the chain.
    id: Option<String>,
}

impl Chain {
    /// The chain that a call came with. What can't be read is no chain: whoever forges one only keeps itself out.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let read =
            |text: &str| text.split('.').map(|part| u64::from_str_radix(part, 16).ok()).take(MAX_DEPTH + 1).collect();
        let id = text(&REENTRANCY_HEADER).filter(|id| id.len() <= MAX_ID).map(str::to_owned);
        Self { actors: text(&HEADER).and_then(read).unwrap_or_default(), id }
    }

    /// The chain of the calls that an actor makes in a turn.
    #[must_use]
    pub(crate) fn with(mut self, actor: &Actor) -> Self {
        self.actors.push(digest(actor));
        self
    }

    /// What Dapr calls the chain.
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Refuses the call of an actor that waits for this call already.
    ///
    /// # Errors
    /// [`Code::ActorReentered`]; [`Code::ActorStackDepth`] where too many wait.
    pub(crate) fn check(&self, actor: &Actor) -> Result<(), Error> {
        if self.actors.contains(&digest(actor)) {
            return Err(reentered(actor));
        }
        if self.actors.len() >= MAX_DEPTH {
            return Err(Error::new(Code::ActorStackDepth, format!("more than {MAX_DEPTH} actors wait for each other")));
        }
        Ok(())
    }

    /// Has a request say which actors wait for it.
    pub(crate) fn dress(&self, headers: &mut HeaderMap) {
        if let Some(Ok(value)) = self.shown().map(HeaderValue::try_from) {
            headers.insert(HEADER, value);
        }
    }

    /// The same for the call of an actor, which belongs to the chain by Dapr's id, too.
    pub(crate) fn onward(&self, mut metadata: Metadata) -> Metadata {
        metadata.retain(|key, _| ![HEADER.as_str(), REENTRANCY_ID].iter().any(|own| key.eq_ignore_ascii_case(own)));
        metadata.extend(self.shown().map(|value| (HEADER.as_str().to_owned(), value)));
        metadata.extend(self.id.clone().map(|id| (REENTRANCY_ID.to_owned(), id)));
        metadata
    }

    fn shown(&self) -> Option<String> {
        let parts: Vec<String> = self.actors.iter().map(|actor| format!("{actor:016x}")).collect();
        (!parts.is_empty()).then(|| parts.join("."))
    }
}

/// The error of a call that would wait for itself.
pub(crate) fn reentered(actor: &Actor) -> Error {
    let Actor { kind, id } = actor;
    Error::new(Code::ActorReentered, format!("actor `{kind}/{id}` waits for this very call, and its guest can't be entered twice"))
        .hint("let the actor answer first: hand it what it needs as an argument, or have it called later by a reminder, a timer or a message")
}

/// FNV-1a: short, however long ids are, and the same in every process.
fn digest(actor: &Actor) -> u64 {
    let bytes = actor.kind.bytes().chain(std::iter::once(0)).chain(actor.id.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(id: &str) -> Actor {
        Actor { kind: "Order".into(), id: id.into() }
    }

    #[test]
    fn a_chain_travels_in_headers_and_refuses_who_is_in_it() {
        let mut headers = HeaderMap::new();
        headers.insert(REENTRANCY_ID, HeaderValue::from_static("r"));
        let chain = Chain::of(&headers).with(&actor("1")).with(&actor("2"));
        let metadata = chain.onward([("Pillion-Actors".to_owned(), "forged".to_owned())].into());
        let mut sent = HeaderMap::new();
        for (name, value) in &metadata {
            sent.insert(HeaderName::try_from(name).expect("a name"), HeaderValue::try_from(value).expect("a value"));
        }
        assert_eq!((sent.len(), Chain::of(&sent)), (2, chain.clone()));
        for (id, expected) in [("1", Some(Code::ActorReentered)), ("2", Some(Code::ActorReentered)), ("3", None)] {
            assert_eq!(Chain::of(&sent).check(&actor(id)).err().map(|error| error.code()), expected, "{id}");
        }
    }

    #[test]
    fn a_chain_has_an_end_and_what_is_none_is_none() {
        let deep = (0..MAX_DEPTH).fold(Chain::default(), |chain, id| chain.with(&actor(&id.to_string())));
        assert_eq!(deep.check(&actor("new")).expect_err("too deep").code(), Code::ActorStackDepth);
        for value in ["", "x", "1.2.", "-1"] {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_static(value));
            assert_eq!(Chain::of(&headers), Chain::default(), "{value}");
        }
    }
}
