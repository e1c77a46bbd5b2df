//! Every route of Dapr's HTTP API, in one table over the segments of a path.

use super::invoke::{self, METHOD_MARK};
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use pillion_api::{Code, Error, Result, Target, path};

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Invoke {
        target: Target,
        path: path::Path,
    },
    GetState {
        store: String,
        key: String,
    },
    SaveState {
        store: String,
    },
    DeleteState {
        store: String,
        key: String,
    },
    GetBulkState {
        store: String,
    },
    StateTransaction {
        store: String,
    },
    QueryState {
        store: String,
    },
    Publish {
        pubsub: String,
        topic: String,
    },
    BulkPublish {
        pubsub: String,
        topic: String,
    },
    GetSecret {
        store: String,
        key: String,
    },
    GetBulkSecret {
        store: String,
    },
    InvokeBinding {
        binding: String,
    },
    GetMetadata,
    SetMetadata {
        key: String,
    },
    Healthz,
    HealthzOutbound,
    Shutdown,
    /// A route of daprd that isn't here yet.
    Unimplemented {
        api: &'static str,
    },
}

/// Finds the route. What is no route of Dapr's is an invocation of the app that the headers name.
///
/// # Errors
/// [`Code::DirectInvokeNoAppId`] where nobody is named, [`Code::RequestRefused`] for a path that isn't normal.
pub(super) fn route(method: &Method, raw: &str, headers: &HeaderMap) -> Result<Route> {
    let segments = segments(raw)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match table(method.as_str(), &segments) {
        Some(route) => Ok(route),
        None => invocation(raw, headers),
    }
}

fn table(method: &str, segments: &[&str]) -> Option<Route> {
    let unimplemented = |api| Some(Route::Unimplemented { api });
    let owned = |text: &&str| (*text).to_owned();
    let (version, rest) = segments.split_first()?;
    match (*version, method, rest) {
        ("v1.0", "GET", ["healthz"]) => Some(Route::Healthz),
        ("v1.0", "GET", ["healthz", "outbound"]) => Some(Route::HealthzOutbound),
        ("v1.0", "GET", ["metadata"]) => Some(Route::GetMetadata),
        ("v1.0", "PUT", ["metadata", key]) => Some(Route::SetMetadata { key: owned(key) }),
        ("v1.0", "POST", ["shutdown"]) => Some(Route::Shutdown),

        ("v1.0", "POST" | "PUT", ["state", store]) => Some(Route::SaveState { store: owned(store) }),
        ("v1.0", "POST" | "PUT", ["state", store, "bulk"]) => Some(Route::GetBulkState { store: owned(store) }),
        ("v1.0", "POST" | "PUT", ["state", store, "transaction"]) => {
            Some(Route::StateTransaction { store: owned(store) })
        }
        ("v1.0-alpha1", "POST" | "PUT", ["state", store, "query"]) => Some(Route::QueryState { store: owned(store) }),
        ("v1.0", "GET", ["state", store, key]) => Some(Route::GetState { store: owned(store), key: owned(key) }),
        ("v1.0", "DELETE", ["state", store, key]) => Some(Route::DeleteState { store: owned(store), key: owned(key) }),

        ("v1.0" | "v1.0-alpha1", "POST" | "PUT", ["publish", "bulk", pubsub, topic @ ..]) => {
            Some(Route::BulkPublish { pubsub: owned(pubsub), topic: topic.join("/") })
        }
        ("v1.0", "POST" | "PUT", ["publish", pubsub, topic @ ..]) => {
            Some(Route::Publish { pubsub: owned(pubsub), topic: topic.join("/") })
        }

        ("v1.0", "GET", ["secrets", store, "bulk"]) => Some(Route::GetBulkSecret { store: owned(store) }),
        ("v1.0", "GET", ["secrets", store, key]) => Some(Route::GetSecret { store: owned(store), key: owned(key) }),

        ("v1.0", "POST" | "PUT", ["bindings", binding]) => Some(Route::InvokeBinding { binding: owned(binding) }),
        ("v1.0" | "v1.0-alpha1", "GET", ["configuration", _]) => unimplemented("configuration"),
        ("v1.0" | "v1.0-alpha1", "GET", ["configuration", _, "subscribe"]) => unimplemented("configuration"),
        ("v1.0" | "v1.0-alpha1", "GET", ["configuration", _, _, "unsubscribe"]) => unimplemented("configuration"),
        ("v1.0-alpha1", "POST", ["lock" | "unlock", _]) => unimplemented("lock"),
        ("v1.0-alpha1", "PUT", ["crypto", _, "encrypt" | "decrypt"]) => unimplemented("cryptography"),
        ("v1.0-alpha1", "POST", ["subtlecrypto", _, _]) => unimplemented("subtle cryptography"),
        ("v1.0", "GET" | "POST" | "PUT" | "DELETE", ["actors", _, _, "method", _]) => unimplemented("actors"),
        ("v1.0", "POST" | "PUT", ["actors", _, _, "state"]) => unimplemented("actors"),
        ("v1.0", "GET", ["actors", _, _, "state", _]) => unimplemented("actors"),
        ("v1.0", "GET" | "POST" | "PUT" | "DELETE" | "PATCH", ["actors", _, _, "reminders", _]) => {
            unimplemented("actors")
        }
        ("v1.0", "POST" | "PUT" | "DELETE", ["actors", _, _, "timers", _]) => unimplemented("actors"),
        ("v1.0" | "v1.0-alpha1" | "v1.0-beta1", "GET", ["workflows", _, _]) => unimplemented("workflow"),
        (
            "v1.0" | "v1.0-alpha1" | "v1.0-beta1",
            "POST",
            ["workflows", _, _, "start" | "terminate" | "pause" | "resume" | "purge"]
            | ["workflows", _, _, "raiseEvent", _],
        ) => unimplemented("workflow"),
        ("v1.0" | "v1.0-alpha1", "GET" | "POST" | "DELETE", ["jobs", _]) => unimplemented("jobs"),
        ("v1.0-alpha1" | "v1.0-alpha2", "POST", ["conversation", _, "converse"]) => unimplemented("conversation"),
        _ => None,
    }
}

fn invocation(raw: &str, headers: &HeaderMap) -> Result<Route> {
    // daprd asks the headers first, even where the URL names an app.
    let (app, raw_path) = match invoke::app_id_of(headers) {
        Some(app) => (app, raw),
        None => by_url(raw).ok_or_else(no_app_id)?,
    };
    let is_url = app.starts_with("http://") || app.starts_with("https://");
    let target = if is_url { Target::Endpoint(app) } else { Target::App(app) };
    Ok(Route::Invoke { target, path: path::normalise(raw_path)? })
}

/// App id and raw method path of `/v1.0/invoke/{app id}/method/{path}`. The app id may be an address, plain or
/// encoded, whose slashes must not be cleaned away; so this works on the raw path.
fn by_url(raw: &str) -> Option<(String, &str)> {
    let rest = after_segment(after_segment(raw, "v1.0")?, "invoke")?;
    let mark = rest.find(METHOD_MARK)?;
    let app = decode(rest[..mark].trim_start_matches('/'))?;
    (!app.is_empty()).then(|| (app, &rest[mark + METHOD_MARK.len() - 1..]))
}

/// What follows a first segment of this name, with its slash.
fn after_segment<'a>(raw: &'a str, name: &str) -> Option<&'a str> {
    raw.trim_start_matches('/').strip_prefix(name).filter(|rest| rest.starts_with('/'))
}

fn no_app_id() -> Error {
    let message = "failed getting app id either from the URL path or the header dapr-app-id";
    Error::new(Code::DirectInvokeNoAppId, message)
}

/// The segments of a path, each decoded once. Unlike [`path::normalise`] this lets a segment hold an encoded slash,
/// since a state key may; a dot segment is refused however it is written.
fn segments(raw: &str) -> Result<Vec<String>> {
    if raw.len() > path::MAX_PATH {
        return Err(refused("is too long"));
    }
    raw.split('/').filter(|segment| !segment.is_empty()).map(segment).collect()
}

fn segment(raw: &str) -> Result<String> {
    let decoded = decode(raw).ok_or_else(|| refused("has a broken escape or is not UTF-8"))?;
    if decoded.split(['/', '\\']).any(|part| part == "." || part == "..") {
        return Err(refused("has a dot segment"));
    }
    if decoded.chars().any(char::is_control) {
        return Err(refused("has a control character"));
    }
    Ok(decoded)
}

/// Decodes as Go's `url.QueryUnescape` does, which daprd applies to path parameters: `+` is a space.
pub(super) fn decode(raw: &str) -> Option<String> {
    let bytes = raw.as_bytes();
    let is_escape = |at: usize| bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
    if bytes.iter().enumerate().any(|(at, byte)| *byte == b'%' && !is_escape(at)) {
        return None;
    }
    percent_decode_str(&raw.replace('+', " ")).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

fn refused(what: &'static str) -> Error {
    Error::new(Code::RequestRefused, format!("the request path {what}"))
}
