//! Spin's variables, fermyon:spin/variables 2.0 and spin:variables 3.0: configuration, then secrets, then the environment.

use super::asking::{Asking, Told, shown};
use super::settings;
use crate::instance::Host;
use pillion_api::Error;
use wasmtime::component::{ComponentType, LinkerInstance, Lower};
use wasmtime::{AsContextMut, StoreContextMut};

/// The longest name of a variable.
const MAX_NAME: usize = 256;

#[derive(ComponentType, Lower)]
#[component(variant)]
enum Failure {
    #[component(name = "invalid-name")]
    InvalidName(String),
    #[component(name = "undefined")]
    Undefined(String),
    #[component(name = "provider")]
    Provider(String),
    /// Never said: whatever fails is the provider's.
    #[component(name = "other")]
    #[allow(dead_code)]
    Other(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Provider(error.message().to_owned())
    }
}

/// Spin's rule: lower case letters, digits and underscores, a letter first, no underscore at the end or beside another.
fn is_name(name: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    name.len() <= MAX_NAME && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.split('_').all(word)
}

async fn get(asking: Asking, name: String) -> Told<String, Failure> {
    if !is_name(&name) {
        let why = format!("`{}`: only lower case letters, digits and single underscores between them", shown(&name));
        return Ok((Err(Failure::InvalidName(why)),));
    }
    match settings::variable(&asking, &name).await {
        Ok(None) => Ok((Err(Failure::Undefined(format!("no configuration, secret or environment has `{name}`"))),)),
        Ok(Some(value)) => Ok((Ok(value),)),
        Err(error) => asking.told(Err(error)),
    }
}

/// `get` of 2.0.
pub(super) fn define(instance: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    instance.func_wrap_async("get", |mut store: StoreContextMut<'_, Host>, (name,): (String,)| {
        Box::new(async move { get(Asking::begin(&mut store)?, name).await })
    })
}

/// `get` of 3.0, which is async.
pub(super) fn define_async(instance: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    instance.func_wrap_concurrent("get", |task, (name,): (String,)| {
        Box::pin(async move {
            let asking = task.with(|mut access| Asking::begin(&mut access.as_context_mut()))?;
            get(asking, name).await
        })
    })
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_are_those_of_spin() {
        for (name, good) in [
            ("a", true),
            ("api_key2", true),
            ("", false),
            ("A", false),
            ("2a", false),
            ("_a", false),
            ("a_", false),
            ("a__b", false),
            ("a-b", false),
        ] {
            assert_eq!(is_name(name), good, "{name}");
        }
    }
}
