//! The messages of the stream, as `dapr/proto/runtime/v1/actors.proto` of Dapr 1.18 numbers them, and what they mean.

use bytes::Bytes;
use pillion_api::{
    Error, Metadata,
    actors::{Actor, Event, HostedType, Reentrancy, Turn, media_type},
    is_metadata,
};
use prost::{Message, Oneof};
use prost_types::{Any, Duration};
use std::collections::HashMap;

/// What the app says: `SubscribeActorEventsRequestAlpha1`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Say {
    #[prost(oneof = "Saying", tags = "1, 2, 3, 4, 5, 6")]
    saying: Option<Saying>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Saying {
    #[prost(message, tag = "1")]
    Initial(Initial),
    #[prost(message, tag = "2")]
    Invoked(Invoked),
    #[prost(message, tag = "3")]
    Reminded(Ticked),
    #[prost(message, tag = "4")]
    Timed(Ticked),
    #[prost(message, tag = "5")]
    Deactivated(Deactivated),
    #[prost(message, tag = "6")]
    Failed(Failed),
}

#[derive(Clone, PartialEq, Message)]
struct Initial {
    #[prost(string, repeated, tag = "1")]
    entities: Vec<String>,
    #[prost(message, optional, tag = "3")]
    drain_ongoing_call_timeout: Option<Duration>,
    #[prost(bool, optional, tag = "4")]
    drain_rebalanced_actors: Option<bool>,
    #[prost(message, repeated, tag = "6")]
    entities_config: Vec<Entity>,
}

#[derive(Clone, PartialEq, Message)]
struct Entity {
    #[prost(string, repeated, tag = "1")]
    entities: Vec<String>,
    #[prost(message, optional, tag = "2")]
    actor_idle_timeout: Option<Duration>,
    #[prost(message, optional, tag = "3")]
    drain_ongoing_call_timeout: Option<Duration>,
    #[prost(bool, optional, tag = "4")]
    drain_rebalanced_actors: Option<bool>,
    #[prost(message, optional, tag = "5")]
    reentrancy: Option<ReentrancyConfig>,
}

#[derive(Clone, PartialEq, Message)]
struct ReentrancyConfig {
    #[prost(bool, tag = "1")]
    enabled: bool,
    #[prost(int32, optional, tag = "2")]
    max_stack_depth: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct Invoked {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(bytes = "bytes", tag = "2")]
    data: Bytes,
    #[prost(map = "string, string", tag = "3")]
    metadata: HashMap<String, String>,
}

/// Of a reminder and of a timer.
#[derive(Clone, PartialEq, Message)]
struct Ticked {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, Message)]
struct Deactivated {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, Message)]
struct Failed {
    #[prost(string, tag = "1")]
    id: String,
    /// Of gRPC.
    #[prost(uint32, tag = "2")]
    code: u32,
    #[prost(string, tag = "3")]
    message: String,
}

/// What daprd says: `SubscribeActorEventsResponseAlpha1`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Hear {
    #[prost(oneof = "Hearing", tags = "1, 2, 3, 4, 5")]
    hearing: Option<Hearing>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Hearing {
    #[prost(message, tag = "1")]
    Registered(()),
    #[prost(message, tag = "2")]
    Invoke(Invoke),
    #[prost(message, tag = "3")]
    Remind(Remind),
    #[prost(message, tag = "4")]
    Time(Time),
    #[prost(message, tag = "5")]
    Deactivate(Deactivate),
}

#[derive(Clone, PartialEq, Message)]
struct Invoke {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    actor_type: String,
    #[prost(string, tag = "3")]
    actor_id: String,
    #[prost(string, tag = "4")]
    method: String,
    #[prost(bytes = "bytes", tag = "5")]
    data: Bytes,
    #[prost(map = "string, string", tag = "6")]
    metadata: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct Remind {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    actor_type: String,
    #[prost(string, tag = "3")]
    actor_id: String,
    #[prost(string, tag = "4")]
    name: String,
    #[prost(message, optional, tag = "7")]
    data: Option<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Time {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    actor_type: String,
    #[prost(string, tag = "3")]
    actor_id: String,
    #[prost(string, tag = "4")]
    name: String,
    #[prost(string, tag = "7")]
    callback: String,
    #[prost(message, optional, tag = "8")]
    data: Option<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Deactivate {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    actor_type: String,
    #[prost(string, tag = "3")]
    actor_id: String,
}

/// `google.protobuf.BytesValue`, in which daprd wraps the data of timers and reminders.
#[derive(Clone, PartialEq, Message)]
struct BytesValue {
    #[prost(bytes = "bytes", tag = "1")]
    value: Bytes,
}

/// The name of the last, after the last `/` of an `Any`'s URL.
const BYTES_VALUE: &str = "google.protobuf.BytesValue";

/// What an answer is one to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Method,
    Reminder,
    Timer,
    Deactivation,
}

/// A turn that daprd asks for.
#[derive(Debug)]
pub(super) struct Asked {
    /// The answer carries it.
    pub(super) id: String,
    pub(super) what: What,
    pub(super) event: Event,
}

/// The first word: the types that the app hosts.
pub(super) fn initial(types: &[HostedType]) -> Say {
    let (longest, any) = HostedType::draining(types);
    let initial = Initial {
        entities: types.iter().map(|hosted| hosted.kind.clone()).collect(),
        drain_ongoing_call_timeout: longest.and_then(time),
        drain_rebalanced_actors: any,
        entities_config: types.iter().map(entity).collect(),
    };
    Say { saying: Some(Saying::Initial(initial)) }
}

fn entity(hosted: &HostedType) -> Entity {
    let reentrancy = |Reentrancy { enabled, max_stack_depth }| ReentrancyConfig {
        enabled,
        max_stack_depth: max_stack_depth.map(|depth| i32::try_from(depth).unwrap_or(i32::MAX)),
    };
    Entity {
        entities: vec![hosted.kind.clone()],
        actor_idle_timeout: hosted.idle_timeout.and_then(time),
        drain_ongoing_call_timeout: hosted.drain_ongoing_call_timeout.and_then(time),
        drain_rebalanced_actors: hosted.drain_rebalanced_actors,
        reentrancy: hosted.reentrancy.map(reentrancy),
    }
}

/// None for a time that has no place on the wire, some hundred million years.
fn time(time: std::time::Duration) -> Option<Duration> {
    Duration::try_from(time).ok()
}

/// What daprd asks for; none where it only says that the types are registered, or what no version up to 1.18 says.
pub(super) fn asked(heard: Hear) -> Option<Asked> {
    let of = |kind, id| Actor { kind, id };
    let event = |actor, turn| Event { actor, turn, metadata: Metadata::new(), traceparent: None };
    Some(match heard.hearing? {
        Hearing::Registered(()) => return None,
        Hearing::Invoke(Invoke { id, actor_type, actor_id, method, data, metadata }) => {
            let headers = metadata.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
            let (metadata, of_request): (Metadata, Metadata) = headers.partition(|(name, _)| is_metadata(name));
            let traceparent = of_request.get("traceparent").cloned();
            let turn = Turn::Invoke { method, data };
            Asked {
                id,
                what: What::Method,
                event: Event { metadata, traceparent, ..event(of(actor_type, actor_id), turn) },
            }
        }
        Hearing::Remind(Remind { id, actor_type, actor_id, name, data }) => {
            let turn = Turn::Reminder { name, data: data_of(data) };
            Asked { id, what: What::Reminder, event: event(of(actor_type, actor_id), turn) }
        }
        Hearing::Time(Time { id, actor_type, actor_id, name, callback, data }) => {
            let turn = Turn::Timer { name, callback, data: data_of(data) };
            Asked { id, what: What::Timer, event: event(of(actor_type, actor_id), turn) }
        }
        Hearing::Deactivate(Deactivate { id, actor_type, actor_id }) => {
            Asked { id, what: What::Deactivation, event: event(of(actor_type, actor_id), Turn::Deactivate) }
        }
    })
}

/// The JSON that a timer or reminder was registered with; what another client registered as a message of its own stays as
/// it is.
fn data_of(data: Option<Any>) -> Bytes {
    let Some(Any { type_url, value }) = data else { return Bytes::new() };
    let data = match type_url.rsplit('/').next() {
        Some(BYTES_VALUE) => BytesValue::decode(value.as_slice()).map(|bytes| bytes.value).unwrap_or_default(),
        _ => value.into(),
    };
    if data == "null" { Bytes::new() } else { data }
}

/// The answer to a turn that was taken.
pub(super) fn done(id: String, what: What, data: Bytes) -> Say {
    let saying = match what {
        What::Method => {
            let media_type = media_type(&data).map(|media_type| ("content-type".to_owned(), media_type.to_owned()));
            Saying::Invoked(Invoked { id, data, metadata: media_type.into_iter().collect() })
        }
        What::Reminder => Saying::Reminded(Ticked { id }),
        What::Timer => Saying::Timed(Ticked { id }),
        What::Deactivation => Saying::Deactivated(Deactivated { id }),
    };
    Say { saying: Some(saying) }
}

/// The answer to one that failed. To daprd `NOT_FOUND` is a method that nobody has, over HTTP 404.
pub(super) fn failed(id: String, error: &Error) -> Say {
    let code = match error.status() {
        http::StatusCode::NOT_FOUND => tonic::Code::NotFound as u32,
        _ => error.code().grpc() as u32,
    };
    Say { saying: Some(Saying::Failed(Failed { id, code, message: format!("{error:?}") })) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pillion_api::Code;
    use std::time::Duration as Time_;

    fn any(type_url: &str, value: &[u8]) -> Option<Any> {
        Some(Any { type_url: type_url.to_owned(), value: value.to_vec() })
    }

    #[test]
    fn data_is_the_json_that_was_registered() {
        let wrapped = |text: &'static str| {
            let value = BytesValue { value: text.into() }.encode_to_vec();
            data_of(any("type.googleapis.com/google.protobuf.BytesValue", &value))
        };
        assert_eq!(wrapped(r#"{"a": 1.50}"#), r#"{"a": 1.50}"#);
        assert_eq!(wrapped("null"), "");
        assert_eq!(data_of(None), "");
        assert_eq!(data_of(any("type.googleapis.com/some.Message", b"\x08\x01")), &b"\x08\x01"[..]);
        assert_eq!(data_of(any("type.googleapis.com/google.protobuf.BytesValue", b"\xff")), "");
    }

    #[test]
    fn a_method_comes_with_the_callers_headers_in_lower_case() {
        let headers = [
            ("Content-Type", "application/json"),
            ("Dapr-Reentrancy-Id", "r1"),
            ("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ("X-Mine", "1"),
            ("Host", "localhost"),
        ];
        let invoke = Invoke {
            id: "7".into(),
            actor_type: "Counter".into(),
            actor_id: "a".into(),
            method: "add".into(),
            data: Bytes::from_static(b"1"),
            metadata: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        };
        let asked = asked(Hear { hearing: Some(Hearing::Invoke(invoke)) }).expect("a turn");
        assert_eq!((asked.id.as_str(), asked.what), ("7", What::Method));
        assert_eq!(asked.event.turn, Turn::Invoke { method: "add".into(), data: "1".into() });
        assert_eq!(asked.event.metadata, [("dapr-reentrancy-id", "r1"), ("x-mine", "1")].map(own).into());
        assert!(asked.event.traceparent.is_some_and(|trace| trace.starts_with("00-0af7")));
    }

    fn own((name, value): (&str, &str)) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn the_first_word_names_the_types_and_what_holds_for_each() {
        let plain = HostedType { kind: "Plain".into(), ..HostedType::default() };
        let order = HostedType {
            kind: "Order".into(),
            idle_timeout: Some(Time_::from_millis(90_500)),
            drain_ongoing_call_timeout: Some(Time_::from_secs(60)),
            drain_rebalanced_actors: Some(true),
            reentrancy: Some(Reentrancy { enabled: true, max_stack_depth: Some(3) }),
        };
        let Some(Saying::Initial(said)) = initial(&[order, plain]).saying else { panic!("no first word") };
        assert_eq!(said.entities, ["Order", "Plain"]);
        assert_eq!(said.drain_ongoing_call_timeout, Some(Duration { seconds: 60, nanos: 0 }));
        assert_eq!(said.drain_rebalanced_actors, Some(true));
        let [order, plain] = &said.entities_config[..] else { panic!("{said:?}") };
        assert_eq!(order.actor_idle_timeout, Some(Duration { seconds: 90, nanos: 500_000_000 }));
        assert_eq!(order.reentrancy, Some(ReentrancyConfig { enabled: true, max_stack_depth: Some(3) }));
        assert_eq!(plain, &Entity { entities: vec!["Plain".into()], ..Entity::default() });
    }

    #[test]
    fn what_is_not_there_is_not_found_to_daprd() {
        let code = |error: Error| match failed("1".into(), &error).saying {
            Some(Saying::Failed(failed)) => (failed.code, failed.message),
            other => panic!("{other:?}"),
        };
        assert_eq!(code(Error::new(Code::RouteNotFound, "no such method")).0, 5);
        let (failed, text) = code(Error::new(Code::GuestTrap, "unreachable").hint("look"));
        assert_eq!((failed, text.as_str()), (13, "PILLION_GUEST_TRAP: unreachable (hint: look)"));
    }
}
