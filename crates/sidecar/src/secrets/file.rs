//! `secretstores.local.file`: secrets from a JSON file.

use super::SecretStore;
use crate::components::{Init, Opened, Opening};
use async_trait::async_trait;
use pillion_api::secrets::{Secret, Secrets};
use serde_json::{Map, Value};
use std::{fs::File, io::Read, path::Path, pin::Pin, sync::Arc};

/// The largest secrets file that is read, in bytes.
pub(crate) const MAX_FILE: u64 = 4 * 1024 * 1024;

pub(crate) fn open(init: Init) -> Pin<Box<dyn Future<Output = Opening> + Send>> {
    Box::pin(async move {
        let path = init.get("secretsFile").ok_or("missing local secrets file in metadata")?;
        let path = init.directory.join(path);
        let separator = init.get("nestedSeparator").unwrap_or(":").to_owned();
        let multi_valued = init.flag("multiValued");
        let reading = tokio::task::spawn_blocking(move || {
            let object =
                read(&path).map_err(|why| format!("can't read the secrets file `{}`: {why}", path.display()))?;
            Ok::<_, String>(secrets(object, &separator, multi_valued))
        });
        let secrets = reading.await.map_err(|error| error.to_string())??;
        Ok(Opened::Secrets(Arc::new(LocalFile { secrets, multi_valued })))
    })
}

struct LocalFile {
    secrets: Secrets,
    multi_valued: bool,
}

#[async_trait]
impl SecretStore for LocalFile {
    fn capabilities(&self) -> &'static [&'static str] {
        if self.multi_valued { &["MULTIPLE_KEY_VALUES_PER_SECRET"] } else { &[] }
    }

    async fn get(&self, name: &str) -> Result<Secret, String> {
        self.secrets.get(name).cloned().ok_or_else(|| format!("secret {name} not found"))
    }

    async fn all(&self) -> Result<Secrets, String> {
        Ok(self.secrets.clone())
    }
}

/// Reads the object. A parser's message may quote what it met, so only its place is told.
fn read(path: &Path) -> Result<Map<String, Value>, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("it is larger than {MAX_FILE} bytes"));
    }
    let place =
        |error: serde_json::Error| format!("no JSON object at line {}, column {}", error.line(), error.column());
    serde_json::from_slice(&bytes).map_err(place)
}

fn secrets(object: Map<String, Value>, separator: &str, multi_valued: bool) -> Secrets {
    let mut secrets = Secrets::new();
    if !multi_valued {
        flatten(&Value::Object(object), "", separator, &mut |name, value| {
            let single = Secret([(name.clone(), value)].into());
            secrets.insert(name, single);
        });
        return secrets;
    }
    for (name, value) in object {
        let mut secret = Secret::default();
        match &value {
            Value::String(text) => drop(secret.0.insert(name.clone(), text.clone())),
            // As in Dapr, what is neither text nor object at the top is left out here.
            Value::Object(_) => flatten(&value, "", separator, &mut |key, value| drop(secret.0.insert(key, value))),
            _ => continue,
        }
        secrets.insert(name, secret);
    }
    secrets
}

/// Visits each value with the names above it; the parser bounds the depth.
fn flatten(value: &Value, path: &str, separator: &str, visit: &mut impl FnMut(String, String)) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}{separator}{name}") };
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| flatten(value, &below(name), separator, visit))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| flatten(value, &below(&at.to_string()), separator, visit));
        }
        Value::String(text) => visit(path.to_owned(), text.clone()),
        other => visit(path.to_owned(), other.to_string()),
    }
}
