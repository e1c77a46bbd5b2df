//! daprd's calls of actors: whose turn it is, and what daprd makes of the answers.

use super::{Channel, headers};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use pillion_api::{
    Body, Code, Error, Result,
    actors::{Actor, Event, Turn, media_type},
    body,
    path::Path,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// daprd marks what came by its API of actors; its own timers and reminders never came so.
const API_CALL: HeaderName = HeaderName::from_static("dapr-api-call");

/// A call of an actor, as its path says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) actor: Actor,
    pub(super) what: What,
}

/// What the actor is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Method(String),
    Timer(String),
    Reminder(String),
    Deactivate,
}

/// Reads a path; none where it is none of an actor. A method may be called `timer/x` or `remind/x` by its caller: then
/// it is a method.
pub(super) fn read(method: &Method, path: &Path, headers: &HeaderMap) -> Option<Asked> {
    let mut segments = path.segments();
    let ("actors", kind, id) = (segments.next()?, segments.next()?, segments.next()?) else { return None };
    let actor = Actor { kind: kind.to_owned(), id: id.to_owned() };
    let rest: Vec<&str> = segments.collect();
    let is_daprs = !headers.contains_key(API_CALL);
    let what = match (method, rest.as_slice()) {
        (&Method::DELETE, []) => What::Deactivate,
        (&Method::PUT, ["method", "timer", name @ ..]) if is_daprs && !name.is_empty() => What::Timer(name.join("/")),
        (&Method::PUT, ["method", "remind", name @ ..]) if is_daprs && !name.is_empty() => {
            What::Reminder(name.join("/"))
        }
        (&Method::PUT, ["method", method @ ..]) if !method.is_empty() => What::Method(method.join("/")),
        _ => return None,
    };
    Some(Asked { actor, what })
}

/// The body of a timer or reminder that is due.
#[derive(Deserialize)]
struct Due<'a> {
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    callback: String,
}

impl Asked {
    /// Hands the call to the actor. daprd takes nothing but 200 for a success, and 404 for a method that isn't there.
    pub(super) async fn hand(self, channel: &Channel, request: Request<Body>) -> Result<Response<Body>> {
        let (parts, body) = request.into_parts();
        let data = body::collect(body, channel.bounds.request).await?;
        let event = Event {
            actor: self.actor,
            turn: turn(self.what, data)?,
            metadata: headers::metadata(&parts.headers),
            traceparent: headers::traceparent(&parts.headers),
        };
        Ok(respond(channel.app.actor_turn(event).await?))
    }
}

fn turn(what: What, body: Bytes) -> Result<Turn> {
    let name = match what {
        What::Method(method) => return Ok(Turn::Invoke { method, data: body }),
        What::Deactivate => return Ok(Turn::Deactivate),
        What::Timer(ref name) | What::Reminder(ref name) => name.clone(),
    };
    let wrong =
        |error| Error::new(Code::BadRequest, format!("`{name}` is due with a body that daprd never sends: {error}"));
    let Due { data, callback } = serde_json::from_slice(&body).map_err(wrong)?;
    let data = data.filter(|data| data.get() != "null");
    let data = data.map(|data| Bytes::copy_from_slice(data.get().as_bytes())).unwrap_or_default();
    Ok(match what {
        What::Timer(_) => Turn::Timer { name, callback, data },
        _ => Turn::Reminder { name, data },
    })
}

/// Bytes with a type that they have: whoever called gets it from daprd.
fn respond(answer: Bytes) -> Response<Body> {
    let media_type = media_type(&answer);
    let mut response = Response::new(body::full(answer));
    if let Some(media_type) = media_type {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use pillion_api::path::normalise;

    fn check(line: &str, headers: &[(HeaderName, &'static str)], expected: Option<What>) {
        let (method, path) = line.split_once(' ').expect("a request line");
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        let asked = read(&method, &normalise(path).expect("a path"), &headers);
        assert_eq!(asked.map(|asked| asked.what), expected, "{line}");
    }

    #[test]
    fn a_path_says_whose_turn_it_is_and_what_for() {
        let by_api = [(API_CALL, "true")];
        check("PUT /actors/Order/1/method/add", &[], Some(What::Method("add".into())));
        check("PUT /actors/Order/1/method/a/b", &by_api, Some(What::Method("a/b".into())));
        check("PUT /actors/Order/1/method/timer/tick", &[], Some(What::Timer("tick".into())));
        check("PUT /actors/Order/1/method/remind/pay", &[], Some(What::Reminder("pay".into())));
        check("PUT /actors/Order/1/method/remind/pay", &by_api, Some(What::Method("remind/pay".into())));
        check("PUT /actors/Order/1/method/timer", &[], Some(What::Method("timer".into())));
        check("DELETE /actors/Order/1", &[], Some(What::Deactivate));
        for none in [
            "PUT /actors/Order/1",
            "DELETE /actors/Order",
            "POST /actors/Order/1/method/x",
            "PUT /actors/Order/1/method",
        ] {
            check(none, &[], None);
        }
    }

    #[test]
    fn what_is_due_comes_as_the_json_that_it_was_registered_with() {
        let due = |body: &'static str| turn(What::Timer("t".into()), Bytes::from_static(body.as_bytes()));
        let timer = |callback: &str, data: &'static str| Turn::Timer {
            name: "t".into(),
            callback: callback.into(),
            data: data.into(),
        };
        for (body, expected) in [
            (r#"{"callback":"c","data":{"a": 1.50},"dueTime":"1s","period":""}"#, timer("c", r#"{"a": 1.50}"#)),
            (r#"{"data":null,"dueTime":""}"#, timer("", "")),
            ("{}", timer("", "")),
        ] {
            assert_eq!(due(body).expect("a turn"), expected, "{body}");
        }
        assert_eq!(due("").expect_err("no JSON").code(), Code::BadRequest);
    }
}
