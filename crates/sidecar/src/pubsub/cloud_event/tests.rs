//! The envelope, member by member.

use super::*;

fn wrap(content_type: &str, data: &str, metadata: &[(&str, &str)]) -> String {
    let now = clock::parse_rfc3339("2026-11-22T10:00:00Z").expect("a time");
    let envelope = Envelope { app_id: "shop", pubsub: "bus", topic: "orders", now, broker_has_ttl: false };
    let metadata =
        metadata.iter().chain(&[("cloudevent.id", "1")]).map(|(key, value)| (key.to_string(), value.to_string()));
    let event = Publish {
        data: Bytes::copy_from_slice(data.as_bytes()),
        content_type: (!content_type.is_empty()).then(|| content_type.to_owned()),
        metadata: metadata.collect(),
        traceparent: Some("00-a-b-01".to_owned()),
        tracestate: None,
    };
    String::from_utf8(envelope.wrap(&event).expect("an event").to_vec()).expect("UTF-8")
}

#[test]
fn the_envelope_has_daprs_members_in_daprs_order() {
    assert_eq!(
        wrap("application/json", r#"{"b":1, "a":"<"}"#, &[]),
        concat!(
            r#"{"data":{"a":"\u003c","b":1},"datacontenttype":"application/json","id":"1","pubsubname":"bus","source":"shop","#,
            r#""specversion":"1.0","time":"2026-11-22T10:00:00Z","topic":"orders","traceid":"00-a-b-01","#,
            r#""traceparent":"00-a-b-01","tracestate":"","type":"com.dapr.event.sent"}"#
        )
    );
}

#[test]
fn data_follows_the_content_type() {
    for (content_type, data, member) in [
        ("", "hi", r#"{"data":"hi","datacontenttype":"text/plain","#),
        ("application/json; charset=utf-8", "12345678901234567890.5", r#"{"data":12345678901234567890.5,"#),
        ("application/json", "{broken", r#"{"data":"{broken","#),
        ("application/vnd.x+json", "{}", r#"{"data":"{}","#),
        ("application/octet-stream", "hi", r#"{"data_base64":"aGk=","#),
        ("application/cloudevents+protobuf", "hi", r#"{"data_base64":"aGk=","#),
    ] {
        let event = wrap(content_type, data, &[]);
        assert!(event.starts_with(member), "{content_type}: {event}");
    }
}

#[test]
fn metadata_override_the_envelope_but_not_the_data() {
    let over =
        [("CloudEvent.Source", "me"), ("cloudevent.type", "t"), ("cloudevent.subject", "s"), ("cloudevent.topic", "x")];
    let event = wrap("text/plain", "hi", &over);
    for member in [r#""source":"me""#, r#""type":"t""#, r#""subject":"s""#, r#""topic":"orders""#] {
        assert!(event.contains(member), "{member}: {event}");
    }
    let event = wrap("", "hi", &[("cloudevent.traceparent", "mine")]);
    assert!(event.contains(r#""traceid":"mine","traceparent":"mine""#), "{event}");
}

#[test]
fn a_time_to_live_becomes_an_expiration() {
    for (key, value, expiration) in [
        ("ttlInSeconds", "60", Some("2026-11-22T10:01:00Z")),
        ("ttl", "1h", Some("2026-11-22T11:00:00Z")),
        ("ttlInSeconds", "-1", None),
        ("ttlInSeconds", "soon", None),
        ("ttlInSeconds", "9223372036854775807", None),
    ] {
        let event = wrap("", "hi", &[(key, value)]);
        match expiration {
            Some(at) => assert!(event.contains(&format!(r#""expiration":"{at}""#)), "{event}"),
            None => assert!(!event.contains("expiration"), "{event}"),
        }
    }
}

#[test]
fn a_publishers_own_event_is_only_completed() {
    let event = wrap("application/cloudevents+json", r#"{"id":7,"source":null,"traceparent":5,"x":1,"data":[2]}"#, &[]);
    assert_eq!(
        event,
        concat!(
            r#"{"data":[2],"id":7,"pubsubname":"bus","source":"Dapr","specversion":"1.0","time":"2026-11-22T10:00:00Z","#,
            r#""topic":"orders","traceid":"00-a-b-01","traceparent":"00-a-b-01","tracestate":"","type":"com.dapr.event.sent","x":1}"#
        )
    );
}

#[test]
fn members_of_any_type_are_read_without_harm() {
    let event =
        Event::read(&Bytes::from_static(br#"{"expiration":5,"traceparent":{"a":1},"traceid":[]}"#)).expect("an event");
    assert!(!event.is_expired(SystemTime::now()));
    assert_eq!(event.traceparent(), None);
    assert!(Event::read(&Bytes::from_static(b"[1]")).is_none());
}
