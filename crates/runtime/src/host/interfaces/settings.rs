//! What guests are configured with: the configuration components of the app, its secret stores, its environment.

use super::asking::{Asking, note, shown};
use super::components::{self, CONFIGURATION, SECRETS};
use pillion_api::secrets::Secret;
use pillion_api::{Code, Error, Metadata, configuration};
use std::collections::BTreeMap;

/// What Spin's own environment provider puts before a variable's name.
const SPIN_PREFIX: &str = "SPIN_VARIABLE_";

/// The value of a key, from the first configuration component that has it.
///
/// # Errors
/// A component's failure at once; a denial only where no other component has the key.
pub(super) async fn configured(asking: &Asking, key: &str) -> Result<Option<String>, Error> {
    let mut denied = None;
    for store in components::of(asking, CONFIGURATION).await? {
        let get = configuration::Get { keys: vec![key.to_owned()], metadata: Metadata::new() };
        match asking.sidecar().get_configuration(&store, get).await {
            Ok(mut items) => match items.remove(key) {
                Some(item) => return Ok(Some(item.value)),
                None => continue,
            },
            Err(error) if is_denial(&error) => denied = Some(error),
            Err(error) => return Err(error),
        }
    }
    denied.map_or(Ok(None), Err)
}

/// Every value that the app may see, the environment below the configuration components.
pub(super) async fn all(asking: &Asking) -> Result<BTreeMap<String, String>, Error> {
    let mut all = asking.call.hosted.spec.env.clone();
    // The first component wins, so it comes last.
    for store in components::of(asking, CONFIGURATION).await?.iter().rev() {
        match asking.sidecar().get_configuration(store, configuration::Get::default()).await {
            Ok(items) => all.extend(items.into_iter().map(|(key, item)| (key, item.value))),
            Err(error) if is_denial(&error) => note(&asking.call, &error),
            Err(error) => return Err(error),
        }
    }
    asking.fits(all.iter().map(|(key, value)| key.len() + value.len()).sum())?;
    Ok(all)
}

/// The app's environment, by the name itself.
pub(super) fn of_environment(asking: &Asking, name: &str) -> Option<String> {
    asking.call.hosted.spec.env.get(name).cloned()
}

/// A key of the configuration, else of the environment.
pub(super) async fn value(asking: &Asking, key: &str) -> Result<Option<String>, Error> {
    match (configured(asking, key).await, of_environment(asking, key)) {
        (Ok(Some(value)), _) => Ok(Some(value)),
        (Err(error), Some(_)) if !is_denial(&error) => Err(error),
        (_, Some(value)) => Ok(Some(value)),
        (outcome, None) => outcome,
    }
}

/// A secret of the first secret store that has it.
///
/// # Errors
/// A denial, where no other store has the secret. Dapr's stores say of a secret that isn't there only that it could not be
/// read, so that a failure of a store is no more than logged.
pub(super) async fn secret(asking: &Asking, name: &str) -> Result<Option<Secret>, Error> {
    let mut denied = None;
    for store in components::of(asking, SECRETS).await? {
        match asking.sidecar().get_secret(&store, name, Metadata::new()).await {
            Ok(secret) => return Ok(Some(secret)),
            Err(error) if is_denial(&error) => denied = Some(error),
            Err(error) => tracing::debug!(store, "no secret `{}`: {error}", shown(name)),
        }
    }
    denied.map_or(Ok(None), Err)
}

/// The one value of a secret: of its own name, or the only one that it has.
pub(super) fn value_of(name: &str, mut secret: Secret) -> Result<String, Error> {
    if let Some(value) = secret.0.remove(name) {
        return Ok(value);
    }
    match (secret.0.len(), secret.0.pop_first()) {
        (1, Some((_, value))) => Ok(value),
        (count, _) => {
            Err(Error::new(Code::SecretGet, format!("secret `{}` has {count} values, none of its name", shown(name))))
        }
    }
}

/// A variable of Spin: configuration first, then secrets, then the environment, by Spin's name for it or its own.
pub(super) async fn variable(asking: &Asking, name: &str) -> Result<Option<String>, Error> {
    let of_configuration = configured(asking, name).await;
    // A store that fails may hold another value than the environment: only silence and a denial lead further.
    let leads_further = matches!(of_configuration, Ok(None)) || of_configuration.as_ref().is_err_and(is_denial);
    if !leads_further {
        return of_configuration;
    }
    let of_secrets = secret(asking, name).await;
    if let Ok(Some(secret)) = of_secrets {
        return value_of(name, secret).map(Some);
    }
    let long = format!("{SPIN_PREFIX}{}", name.to_ascii_uppercase());
    match of_environment(asking, &long).or_else(|| of_environment(asking, name)) {
        Some(value) => Ok(Some(value)),
        None => of_configuration.and(of_secrets).map(|_| None),
    }
}

fn is_denial(error: &Error) -> bool {
    matches!(error.code(), Code::NotAllowed | Code::PermissionDenied)
}
