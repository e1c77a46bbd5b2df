//! Objects by the operations of an output binding: create, get, delete, list.

use super::{Container, Form, Listing};
use crate::host::interfaces::asking::{Asking, shown};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pillion_api::{Code, Error, Metadata, bindings};
use serde_json::Value;
use std::fmt::Write;

/// Objects that are listed. A container with more is to be listed by the binding itself.
const MAX_OBJECTS: usize = 10_000;
/// What local storage says of a file that isn't there, before its path.
const NO_FILE: &str = "file not found: ";
/// How the components say that an object isn't there.
const ABSENT: [&str; 4] = ["file not found", "object not found", "blob not found", "no such file or directory"];
/// A name that no object has: what local storage says of it tells where its files are.
const NOBODY: &str = "pillion-asks-where-this-is";

/// Whether an error says that there is no such object.
pub(super) fn is_absent(error: &Error) -> bool {
    ABSENT.iter().any(|text| error.message().contains(text))
}

impl Container {
    async fn ask(
        &self,
        asking: &Asking,
        operation: &str,
        data: Bytes,
        metadata: Metadata,
    ) -> Result<bindings::Answer, Error> {
        let request = bindings::Request {
            operation: operation.to_owned(),
            data,
            metadata: crate::host::dapr::onward(&asking.call, metadata),
        };
        let answer = asking.sidecar().invoke_binding(&self.name, request).await?;
        asking.fits(answer.data.len())?;
        Ok(answer)
    }

    fn object(&self, name: &str) -> Result<Metadata, Error> {
        // Without a name, components make one up, or take all there is.
        if name.is_empty() {
            return Err(Error::new(Code::BadRequest, "an object has a name"));
        }
        Ok([(self.store.key.to_owned(), name.to_owned())].into())
    }

    pub(super) async fn get(&self, asking: &Asking, name: &str) -> Result<Bytes, Error> {
        Ok(self.ask(asking, "get", Bytes::new(), self.object(name)?).await?.data)
    }

    /// Creates or replaces an object.
    pub(super) async fn create(&self, asking: &Asking, name: &str, data: Bytes) -> Result<(), Error> {
        let mut metadata = self.object(name)?;
        let data = match self.store.form {
            Form::Base64 => STANDARD.encode(data).into(),
            Form::AskedBase64 => {
                metadata.insert("decodeBase64".to_owned(), "true".to_owned());
                STANDARD.encode(data).into()
            }
            Form::Plain => unquoted(data),
        };
        self.ask(asking, "create", data, metadata).await.map(|_| ())
    }

    /// One that isn't there is a success.
    pub(super) async fn delete(&self, asking: &Asking, name: &str) -> Result<(), Error> {
        match self.ask(asking, "delete", Bytes::new(), self.object(name)?).await {
            Err(error) if !is_absent(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// The names of all objects.
    pub(super) async fn list(&self, asking: &Asking) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        let mut marker = None;
        loop {
            let page = match self.store.listing {
                Listing::Paths => serde_json::json!({}),
                Listing::Whole => serde_json::json!({ "maxResults": MAX_OBJECTS }),
                Listing::Pages => serde_json::json!({ "marker": marker.unwrap_or_default() }),
            };
            let listed = self.ask(asking, "list", page.to_string().into(), Metadata::new()).await?.data;
            let (more, is_over) = listing(&listed).ok_or_else(|| {
                Error::new(Code::InvokeOutputBinding, format!("`{}` listed its objects as nothing known", self.name))
            })?;
            let count = more.len();
            names.extend(more);
            asking.fits(names.iter().map(|name: &String| name.len() + size_of::<String>()).sum())?;
            if names.len() >= MAX_OBJECTS {
                let what = format!("`{}` has {MAX_OBJECTS} objects or more", self.name);
                return Err(Error::new(Code::BadRequest, what).hint("list them in parts, by the binding itself"));
            }
            // A page that is empty ends the listing, whatever it says.
            if self.store.listing != Listing::Pages || is_over || count == 0 {
                break;
            }
            marker = names.last().cloned();
            asking.call.count_host_call()?;
        }
        match self.store.listing {
            Listing::Paths => self.below_root(asking, names).await,
            Listing::Whole | Listing::Pages => Ok(names),
        }
    }

    /// Local storage lists paths from the root of the file system on, and objects have names from its own root on. Where that
    /// is, it tells when it is asked for a file that isn't there.
    async fn below_root(&self, asking: &Asking, paths: Vec<String>) -> Result<Vec<String>, Error> {
        if paths.is_empty() {
            return Ok(paths);
        }
        asking.call.count_host_call()?;
        let told = self.get(asking, NOBODY).await.err();
        let root = told.as_ref().and_then(|error| {
            let (_, path) = error.message().rsplit_once(NO_FILE)?;
            path.trim_end().strip_suffix(NOBODY)
        });
        let name = |path: &String| Some(path.strip_prefix(root?)?.to_owned());
        paths.iter().map(name).collect::<Option<Vec<_>>>().ok_or_else(|| {
            let told = told.as_ref().map_or("nothing", Error::message);
            let what = format!("`{}` doesn't tell the names of its objects: {}", self.name, shown(told));
            Error::new(Code::InvokeOutputBinding, what).hint("list them by the binding itself")
        })
    }
}

/// What looks like a text in quotes is quoted once more, by bytes.
fn unquoted(data: Bytes) -> Bytes {
    if !matches!(data.first(), Some(b'"' | b'\'' | b'`')) {
        return data;
    }
    let mut quoted = String::with_capacity(data.len() * 4 + 2);
    quoted.push('"');
    for byte in &data {
        // A string takes whatever is written.
        let _ = write!(quoted, "\\x{byte:02x}");
    }
    quoted.push('"');
    quoted.into()
}

/// The names in an answer, and whether there are no more behind them: texts, or records with a name, bare or as `Contents`.
fn listing(answer: &[u8]) -> Option<(Vec<String>, bool)> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let is_over = answer.get("IsTruncated").and_then(Value::as_bool) != Some(true);
    let entries = match &answer {
        Value::Object(page) => page.get("Contents").unwrap_or(&Value::Null),
        other => other,
    };
    let entries = match entries {
        Value::Array(entries) => &entries[..],
        // Go's way to write an empty list.
        Value::Null => &[],
        _ => return None,
    };
    let name = |entry: &Value| match entry {
        Value::String(name) => Some(name.clone()),
        entry => Some(entry.get("Key").or_else(|| entry.get("Name"))?.as_str()?.to_owned()),
    };
    Some((entries.iter().map(name).collect::<Option<_>>()?, is_over))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_of_each_component_have_names() {
        for (answer, names, is_over) in [
            (r#"["/a/b","/a/c"]"#, &["/a/b", "/a/c"][..], true),
            ("null", &[], true),
            (r#"{"Contents":[{"Key":"a","Size":1}],"IsTruncated":true}"#, &["a"], false),
            (r#"{"Contents":null,"IsTruncated":false}"#, &[], true),
            (r#"[{"Name":"a","Properties":{"ContentLength":1}}]"#, &["a"], true),
        ] {
            let (found, over) = listing(answer.as_bytes()).expect(answer);
            assert_eq!((&found[..], over), (&names.iter().map(ToString::to_string).collect::<Vec<_>>()[..], is_over));
        }
        for answer in ["", "7", r#"[{"Size":1}]"#, r#"{"Contents":7}"#] {
            assert!(listing(answer.as_bytes()).is_none(), "{answer}");
        }
    }

    #[test]
    fn what_would_be_taken_for_a_quoted_text_is_quoted() {
        assert_eq!(unquoted("a\"".into()), "a\"");
        assert_eq!(unquoted("\"a\"".into()), r#""\x22\x61\x22""#);
    }
}
