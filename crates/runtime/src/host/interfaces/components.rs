//! The components that an app has, by the building block: which one a guest means that doesn't name one.

use super::asking::{Asking, shown};
use pillion_api::{Code, Error};

/// What guests open that don't name a component: Spin's name for its only store, and the empty one.
const UNNAMED: [&str; 2] = ["default", ""];

/// A building block whose components have types that begin alike.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// As in `state.redis`.
    pub(super) prefix: &'static str,
    /// As in "state store".
    pub(super) called: &'static str,
    /// The code of a component that isn't there.
    pub(super) absent: Code,
}

pub(super) const STATE: Block = Block { prefix: "state.", called: "state store", absent: Code::StateStoreNotFound };
pub(super) const PUBSUB: Block = Block { prefix: "pubsub.", called: "pub/sub component", absent: Code::PubsubNotFound };
pub(super) const CONFIGURATION: Block =
    Block { prefix: "configuration.", called: "configuration store", absent: Code::ConfigurationStoreNotFound };
pub(super) const CONVERSATION: Block =
    Block { prefix: "conversation.", called: "conversation component", absent: Code::ConversationNotFound };
pub(super) const SECRETS: Block =
    Block { prefix: "secretstores.", called: "secret store", absent: Code::SecretStoreNotFound };

/// The names of the app's components of a building block.
pub(super) async fn of(asking: &Asking, block: Block) -> Result<Vec<String>, Error> {
    let metadata = asking.sidecar().metadata().await?;
    let components = metadata.components.into_iter();
    Ok(components
        .filter(|component| component.kind.starts_with(block.prefix))
        .map(|component| component.name)
        .collect())
}

/// The component of that name; one that is named `default`, or not at all, is the only one of its building block.
///
/// # Errors
/// As [`choose`].
pub(super) async fn named(asking: &Asking, block: Block, name: &str) -> Result<String, Error> {
    choose(of(asking, block).await?, block, name)
}

/// Which of the names is meant.
///
/// # Errors
/// The block's code where there is none, [`Code::BadRequest`] where there are several to choose from.
pub(super) fn choose(mut names: Vec<String>, block: Block, name: &str) -> Result<String, Error> {
    if names.iter().any(|known| known == name) {
        return Ok(name.to_owned());
    }
    let called = block.called;
    match (UNNAMED.contains(&name), names.len()) {
        (true, 1) => Ok(names.remove(0)),
        (true, 2..) => {
            let all = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            Err(Error::new(Code::BadRequest, format!("no {called} is named `default`, and there are several: {all}"))
                .hint("have the guest open one by its name, or name one of the components `default`"))
        }
        _ => Err(Error::new(block.absent, format!("there is no {called} `{}`", shown(name)))
            .hint(format!("add a Component of that name and of a type `{}…`", block.prefix))),
    }
}
