//! Publish and subscribe over every broker: who gets what, how often, in which form.

use crate::harness::{World, component, stop, subscription};
use pillion_api::{
    AppChannel, Code, Error, Metadata, Result, Sidecar,
    pubsub::{Bulk, BulkEntry, Destination, Publish, Rule, Subscription, TopicStatus},
};
use pillion_sidecar::{hops, run::Limits};
use std::{sync::Arc, time::Duration};

fn bus() -> String {
    component("bus", "pubsub.in-memory", &[])
}

fn text(data: &str) -> Publish {
    Publish { data: data.to_owned().into(), content_type: Some("text/plain".to_owned()), ..Publish::default() }
}

fn with(data: &str, metadata: &[(&str, &str)]) -> Publish {
    let metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Publish { metadata, ..text(data) }
}

#[tokio::test(start_paused = true)]
async fn a_message_reaches_every_app_once_in_order() {
    let world = World::new();
    let mut apps = Vec::new();
    for app_id in ["a", "b", "c"] {
        apps.push(world.start(app_id, &bus(), vec![subscription("orders", "/orders")]).await);
    }
    for n in 0..50 {
        apps[0].0.publish("bus", "orders", text(&n.to_string())).await.expect("published");
    }
    for (_, app) in &apps {
        for n in 0..50 {
            assert_eq!(app.next_event().await["data"], n.to_string());
        }
        assert!(app.next().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_daprs_cloud_event() {
    let world = World::new();
    let (sidecar, app) = world.start("shop", &bus(), vec![subscription("orders", "/orders")]).await;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let event = Publish {
        data: r#"{"orderId": 7}"#.into(),
        content_type: Some("application/json".to_owned()),
        traceparent: Some(traceparent.to_owned()),
        ..with("", &[("cloudevent.id", "1"), ("custom", "x")])
    };
    sidecar.publish("bus", "orders", event).await.expect("published");
    let delivery = app.next().await.expect("a delivery");
    assert_eq!(
        String::from_utf8_lossy(&delivery.event),
        format!(
            concat!(
                r#"{{"data":{{"orderId":7}},"datacontenttype":"application/json","id":"1","pubsubname":"bus","source":"shop","#,
                r#""specversion":"1.0","time":"2026-11-22T10:00:00Z","topic":"orders","traceid":"{0}","traceparent":"{0}","#,
                r#""tracestate":"","type":"com.dapr.event.sent"}}"#
            ),
            traceparent
        )
    );
    assert_eq!(delivery.destination, Destination::Path("/orders".to_owned()));
    assert_eq!(delivery.traceparent.as_deref(), Some(traceparent));
    assert_eq!(delivery.metadata.get("pubsubName").map(String::as_str), Some("bus"));
    assert_eq!(delivery.metadata.get("custom").map(String::as_str), Some("x"));
}

#[tokio::test(start_paused = true)]
async fn a_bare_payload_is_sent_bare_and_wrapped_on_arrival() {
    let world = World::new();
    let raw = Subscription {
        metadata: [("rawPayload".to_owned(), "true".to_owned())].into(),
        ..subscription("orders", "/raw")
    };
    let (sidecar, app) = world.start("shop", &bus(), vec![raw]).await;
    sidecar.publish("bus", "orders", with("hi", &[("rawPayload", "true")])).await.expect("published");
    let event = app.next_event().await;
    for (member, value) in [
        ("data_base64", "aGk="),
        ("source", "Dapr"),
        ("datacontenttype", "application/octet-stream"),
        ("topic", "orders"),
    ] {
        assert_eq!(event[member], value);
    }
    let error =
        sidecar.publish("bus", "orders", with("hi", &[("rawPayload", "perhaps")])).await.expect_err("no truth value");
    assert_eq!((error.code(), error.status().as_u16()), (Code::PubsubRequestMetadata, 400));
}

#[tokio::test(start_paused = true)]
async fn a_failed_delivery_is_tried_again_with_growing_pauses() {
    let world = World::new();
    let (sidecar, app) = world.start("shop", &bus(), vec![subscription("orders", "/orders")]).await;
    app.will_answer([Ok(TopicStatus::Retry), Err(Error::new(Code::GuestTrap, "a trap"))]);
    let start = tokio::time::Instant::now();
    sidecar.publish("bus", "orders", text("hi")).await.expect("published");
    for _ in 0..3 {
        assert_eq!(app.next_event().await["data"], "hi");
    }
    // 100 ms and 200 ms on a clock that only moves for them.
    assert_eq!(start.elapsed().as_millis() / 10, 30);
    assert!(app.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_goes_to_the_dead_letter_topic_as_it_was_published() {
    for (answers, why) in [
        (vec![Ok(TopicStatus::Drop)], "dropped"),
        (vec![Ok(TopicStatus::Retry); 3], "retried too often"),
        (vec![Err(Error::new(Code::BadGateway, "gone")), Ok(TopicStatus::Retry), Ok(TopicStatus::Drop)], "failed"),
    ] {
        let world = World::new();
        let main = Subscription { dead_letter_topic: Some("dead".to_owned()), ..subscription("orders", "/orders") };
        let (sidecar, app) = world.start("shop", &bus(), vec![main, subscription("dead", "/dead")]).await;
        let tries = answers.len();
        app.will_answer(answers);
        sidecar.publish("bus", "orders", text("hi")).await.expect("published");
        let mut first = None;
        for _ in 0..tries {
            first = app.next().await;
        }
        let letter = app.next().await.expect(why);
        assert_eq!(letter.destination, Destination::Path("/dead".to_owned()), "{why}");
        assert_eq!(letter.event, first.expect("a delivery").event, "{why}");
        assert!(app.next().await.is_none(), "{why}");
    }
}

fn in_bulk(max_messages: usize, max_await_ms: u64) -> Subscription {
    Subscription { bulk: Some(Bulk { max_messages, max_await_ms }), ..subscription("orders", "/orders") }
}

#[tokio::test(start_paused = true)]
async fn messages_come_in_bulk_where_the_app_asks_for_it() {
    let world = World::new();
    let (sidecar, app) = world.start("shop", &bus(), vec![in_bulk(3, 500)]).await;
    for n in 0..7 {
        sidecar.publish("bus", "orders", text(&n.to_string())).await.expect("published");
    }
    let start = tokio::time::Instant::now();
    for n in 0..7 {
        assert_eq!(app.next_event().await["data"], n.to_string());
    }
    assert_eq!(*app.bulks.lock().expect("a lock"), [3, 3, 1]);
    // The last one waited for others, on a clock that only moves for it.
    assert_eq!(start.elapsed().as_millis() / 10, 50);
    assert!(app.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn of_a_bulk_each_message_has_its_own_fate() {
    let world = World::new();
    let main = Subscription { dead_letter_topic: Some("dead".to_owned()), ..in_bulk(4, 10) };
    let (sidecar, app) = world.start("shop", &bus(), vec![main, subscription("dead", "/dead")]).await;
    // Of the four, the first and the last come again, together.
    let (retry, taken) = (TopicStatus::Retry, TopicStatus::Success);
    app.will_answer([retry, TopicStatus::Drop, taken, retry].map(Ok));
    for data in ["again", "dropped", "good", "also again"] {
        sidecar.publish("bus", "orders", text(data)).await.expect("published");
    }
    let mut seen = Vec::new();
    while let Some(delivery) = app.next().await {
        let event: serde_json::Value = serde_json::from_slice(&delivery.event).expect("an event");
        let Destination::Path(path) = delivery.destination else { panic!("a path") };
        seen.push(format!("{path} {}", event["data"].as_str().expect("text")));
    }
    assert_eq!(*app.bulks.lock().expect("a lock"), [4, 2]);
    // A letter has its own subscription, which doesn't wait for the bulk.
    seen[4..].sort_unstable();
    let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
    assert_eq!(
        seen,
        [
            "/orders again",
            "/orders dropped",
            "/orders good",
            "/orders also again",
            "/dead dropped",
            "/orders again",
            "/orders also again"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_bulk_that_fails_comes_again_and_then_goes_to_the_dead_letter_topic() {
    let world = World::new();
    let main = Subscription { dead_letter_topic: Some("dead".to_owned()), ..in_bulk(2, 10) };
    let (sidecar, app) = world.start("shop", &bus(), vec![main, subscription("dead", "/dead")]).await;
    app.will_answer([(); 3].map(|()| Err(Error::new(Code::GuestTrap, "a trap"))));
    for data in ["one", "two"] {
        sidecar.publish("bus", "orders", text(data)).await.expect("published");
    }
    let mut letters = 0;
    while let Some(delivery) = app.next().await {
        letters += usize::from(delivery.destination == Destination::Path("/dead".to_owned()));
    }
    assert_eq!((app.bulks.lock().expect("a lock").as_slice(), letters), ([2, 2, 2].as_slice(), 2));
}

#[tokio::test(start_paused = true)]
async fn without_a_dead_letter_topic_the_next_message_follows() {
    let world = World::new();
    let (sidecar, app) = world.start("shop", &bus(), vec![subscription("orders", "/orders")]).await;
    app.will_answer([Ok(TopicStatus::Drop), Ok(TopicStatus::Retry), Ok(TopicStatus::Retry), Ok(TopicStatus::Retry)]);
    for data in ["dropped", "failed", "good"] {
        sidecar.publish("bus", "orders", text(data)).await.expect("published");
    }
    for data in ["dropped", "failed", "failed", "failed", "good"] {
        assert_eq!(app.next_event().await["data"], data);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_gets_the_message_again() {
    let world = World::new();
    let (sidecar, app) = world.start("shop", &bus(), vec![subscription("orders", "/orders")]).await;
    app.will_panic_once();
    sidecar.publish("bus", "orders", text("hi")).await.expect("published");
    for _ in 0..2 {
        assert_eq!(app.next_event().await["data"], "hi");
    }
}

#[tokio::test(start_paused = true)]
async fn rules_choose_the_route_in_their_order() {
    let rule = |matches: &str, path: &str| Rule { matches: matches.to_owned(), path: path.to_owned() };
    let world = World::new();
    let ruled = Subscription {
        rules: vec![rule(r#"event.type == "a""#, "/a"), rule("event.data.n > 5", "/big")],
        dead_letter_topic: Some("dead".to_owned()),
        ..subscription("orders", "/default")
    };
    let (sidecar, app) = world.start("shop", &bus(), vec![ruled, subscription("dead", "/dead")]).await;
    for (kind, data, route) in [
        ("a", r#"{"n":9}"#, "/a"),
        ("b", r#"{"n":9}"#, "/big"),
        ("b", r#"{"n":1}"#, "/default"),
        ("b", r#"{"n":"text"}"#, "/dead"),
        ("b", "{}", "/dead"),
    ] {
        let event =
            Publish { content_type: Some("application/json".to_owned()), ..with(data, &[("cloudevent.type", kind)]) };
        sidecar.publish("bus", "orders", event).await.expect("published");
        let delivery = app.next().await.expect("a delivery");
        assert_eq!(delivery.destination, Destination::Path(route.to_owned()), "{kind} {data}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_no_rule_takes_is_acknowledged() {
    let world = World::new();
    let rules = vec![Rule { matches: r#"event.type == "a""#.to_owned(), path: "/a".to_owned() }];
    let ruled = Subscription { rules, default: None, ..subscription("orders", "") };
    let (sidecar, app) = world.start("shop", &bus(), vec![ruled]).await;
    sidecar.publish("bus", "orders", text("hi")).await.expect("published");
    sidecar.publish("bus", "orders", with("yes", &[("cloudevent.type", "a")])).await.expect("published");
    assert_eq!(app.next_event().await["data"], "yes");
    assert!(app.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_expired_event_is_not_delivered() {
    let world = World::new();
    let main = Subscription { dead_letter_topic: Some("dead".to_owned()), ..subscription("orders", "/orders") };
    let (sidecar, app) = world.start("shop", &bus(), vec![main]).await;
    let event = Publish {
        content_type: Some("application/cloudevents+json".to_owned()),
        ..text(r#"{"id":"1","data":"old","expiration":"2026-11-22T09:59:59Z"}"#)
    };
    sidecar.publish("bus", "orders", event).await.expect("published");
    sidecar.publish("bus", "orders", with("fresh", &[("ttlInSeconds", "60")])).await.expect("published");
    assert_eq!(app.next_event().await["data"], "fresh");
    assert!(app.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_no_event_is_not_delivered_again_and_again() {
    let world = World::new();
    let main = Subscription { dead_letter_topic: Some("dead".to_owned()), ..subscription("orders", "/orders") };
    let raw = Subscription {
        metadata: [("rawPayload".to_owned(), "true".to_owned())].into(),
        ..subscription("dead", "/dead")
    };
    let (sidecar, app) = world.start("shop", &bus(), vec![main, raw]).await;
    sidecar.publish("bus", "orders", with("no json", &[("rawPayload", "true")])).await.expect("published");
    assert_eq!(app.next_event().await["data_base64"], "bm8ganNvbg==");
    let bad = Publish { content_type: Some("application/cloudevents+json".to_owned()), ..text("[1]") };
    let error = sidecar.publish("bus", "orders", bad).await.expect_err("no event");
    assert_eq!((error.code(), error.message()), (Code::PubsubCloudEventsSer, "cannot create cloudevent"));
}

#[tokio::test(start_paused = true)]
async fn a_pattern_takes_every_topic_below_it() {
    let world = World::new();
    let (sidecar, app) = world.start("shop", &bus(), vec![subscription("orders*", "/orders")]).await;
    for topic in ["orders", "other", "orders/eu"] {
        sidecar.publish("bus", topic, text(topic)).await.expect("published");
    }
    let delivery = app.next().await.expect("a delivery");
    assert_eq!(delivery.topic, "orders/eu");
    assert!(app.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn scopes_decide_who_may_publish_and_subscribe() {
    let scopes = [("publishingScopes", "shop=a"), ("subscriptionScopes", "shop=b"), ("protectedTopics", "secret")];
    let yaml = component("bus", "pubsub.in-memory", &scopes);
    let world = World::new();
    let (sidecar, app) = world.start("shop", &yaml, vec![subscription("a", "/a"), subscription("b", "/b")]).await;
    let subscribed = sidecar.metadata().await.expect("metadata").subscriptions;
    assert_eq!(subscribed.iter().map(|one| one.topic.as_str()).collect::<Vec<_>>(), ["b"]);
    let error = sidecar.publish("bus", "b", text("hi")).await.expect_err("no scope");
    assert_eq!((error.code(), error.message()), (Code::PubsubForbidden, "topic b is not allowed for app id shop"));
    sidecar.publish("bus", "a", text("hi")).await.expect("in scope");
    let other = world.open("other", &yaml).await;
    other.publish("bus", "b", text("hi")).await.expect("no scope of its own");
    assert_eq!(other.publish("bus", "secret", text("hi")).await.expect_err("protected").code(), Code::PubsubForbidden);
    assert_eq!(app.next_event().await["source"], "other");
}

#[tokio::test(start_paused = true)]
async fn unknown_and_empty_names_have_daprs_errors() {
    let world = World::new();
    let sidecar = world.open("shop", &bus()).await;
    for (pubsub, topic, code, message) in [
        ("nobus", "t", Code::PubsubNotFound, "pubsub nobus is not found"),
        ("", "t", Code::PubsubEmpty, "pubsub name is empty"),
        ("bus", "", Code::TopicNameEmpty, "topic is empty in pubsub bus"),
    ] {
        let error = sidecar.publish(pubsub, topic, text("hi")).await.expect_err("refused");
        assert_eq!((error.code(), error.message(), error.status().as_u16()), (code, message, 404));
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_a_message_for_all() {
    let limits = Limits { queue_messages: 2, ..Limits::default() };
    let world = World::with(|config| config.limits = limits);
    let (fast_sidecar, fast) = world.start("fast", &bus(), vec![subscription("t", "/t")]).await;
    let (_slow_sidecar, slow) = world.start("slow", &bus(), vec![subscription("t", "/t")]).await;
    slow.will_answer(vec![Ok(TopicStatus::Retry); 100]);
    let publish = |n: usize| fast_sidecar.publish("bus", "t", text(&n.to_string()).clone());
    // One is in flight at the slow app, two wait.
    for n in 0..3 {
        publish(n).await.expect("room");
        assert_eq!(fast.next_event().await["data"], n.to_string());
    }
    let error = publish(3).await.expect_err("full");
    assert_eq!((error.code(), error.status().as_u16()), (Code::PubsubPublishMessage, 500));
    assert!(error.message().contains("the queue of `slow` is full"), "{error}");
    assert_eq!(slow.next_event().await["data"], "0");
}

#[tokio::test(start_paused = true)]
async fn a_bulk_publish_says_which_entries_failed() {
    let world = World::with(|config| config.limits = Limits { queue_bytes: 2000, ..Limits::default() });
    let (sidecar, app) = world.start("shop", &bus(), vec![subscription("t", "/t")]).await;
    let entry = |id: &str, data: &str| BulkEntry { entry_id: id.to_owned(), event: text(data) };
    let entries = vec![entry("1", "a"), entry("2", &"x".repeat(3000)), entry("3", "c")];
    let failed = sidecar.publish_bulk("bus", "t", entries, Metadata::new()).await.expect("partly");
    assert_eq!(failed.iter().map(|entry| entry.entry_id.as_str()).collect::<Vec<_>>(), ["2"]);
    assert_eq!(
        (app.next_event().await["data"].clone(), app.next_event().await["data"].clone()),
        ("a".into(), "c".into())
    );
    for entries in [vec![entry("1", "a"), entry("1", "b")], vec![entry("", "a")]] {
        let error = sidecar.publish_bulk("bus", "t", entries, Metadata::new()).await.expect_err("ids");
        assert_eq!((error.code(), error.status().as_u16()), (Code::PubsubEventsSer, 400));
    }
}

/// Publishes each message that it gets to the other topic again.
struct Echo(Arc<pillion_sidecar::Embedded>, &'static str, std::sync::atomic::AtomicUsize);

#[async_trait::async_trait]
impl AppChannel for Echo {
    async fn invoke(&self, _: http::Request<pillion_api::Body>) -> Result<http::Response<pillion_api::Body>> {
        Err(Error::new(Code::RouteNotFound, "none"))
    }

    async fn subscriptions(&self) -> Result<Vec<Subscription>> {
        Ok(vec![subscription(if self.1 == "ping" { "pong" } else { "ping" }, "/t")])
    }

    async fn deliver(&self, _: pillion_api::pubsub::Delivery) -> Result<TopicStatus> {
        self.2.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        match self.0.publish("bus", self.1, text("again")).await {
            Ok(()) => Ok(TopicStatus::Success),
            Err(_) => Ok(TopicStatus::Drop),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn apps_that_publish_to_each_other_in_a_circle_end() {
    let world = World::new();
    let mut echoes = Vec::new();
    for (app_id, topic) in [("a", "ping"), ("b", "pong")] {
        let sidecar = world.open(app_id, &bus()).await;
        let echo = Arc::new(Echo(Arc::clone(&sidecar), topic, Default::default()));
        sidecar.start(Some(Arc::clone(&echo) as Arc<dyn AppChannel>));
        sidecar.wait_ready().await;
        echoes.push(echo);
    }
    echoes[0].0.publish("bus", "ping", text("first")).await.expect("published");
    tokio::time::sleep(Duration::from_secs(60)).await;
    let count = |echo: &Arc<Echo>| echo.2.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(count(&echoes[0]) + count(&echoes[1]), hops::MAX as usize);
    for echo in echoes {
        stop(&echo.0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_count_in_the_metadata_is_counted_on() {
    let world = World::new();
    let (sidecar, app) = world.start("shop", &bus(), vec![subscription("t", "/t")]).await;
    sidecar.publish("bus", "t", with("hi", &[(hops::HEADER, "7")])).await.expect("published");
    let delivery = app.next().await.expect("a delivery");
    assert_eq!(delivery.metadata.get(hops::HEADER).map(String::as_str), Some("8"));
    let error = sidecar.publish("bus", "t", with("hi", &[(hops::HEADER, "32")])).await.expect_err("a circle");
    assert_eq!(error.code(), Code::PubsubPublishMessage);
}

#[tokio::test(start_paused = true)]
async fn declared_subscriptions_reach_the_apps_of_their_scopes() {
    let declared = |version: &str, routes: &str, scope: &str| {
        format!(
            "apiVersion: dapr.io/{version}\nkind: Subscription\nmetadata: {{ name: s-{scope} }}\nspec: {{ pubsubname: bus, topic: t, {routes} }}\nscopes: [{scope}]\n---\n"
        )
    };
    let yaml =
        bus() + &declared("v1alpha1", "route: /one", "a") + &declared("v2alpha1", "routes: { default: /two }", "b");
    let world = World::new();
    let (sidecar, a) = world.start("a", &yaml, Vec::new()).await;
    let (_b_sidecar, b) = world.start("b", &yaml, Vec::new()).await;
    let (_c_sidecar, c) = world.start("c", &yaml, Vec::new()).await;
    sidecar.publish("bus", "t", text("hi")).await.expect("published");
    assert_eq!(a.next().await.expect("a delivery").destination, Destination::Path("/one".to_owned()));
    assert_eq!(b.next().await.expect("a delivery").destination, Destination::Path("/two".to_owned()));
    assert!(c.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_what_is_in_flight_and_begins_nothing() {
    struct Slow(tokio::sync::mpsc::UnboundedSender<&'static str>);
    #[async_trait::async_trait]
    impl AppChannel for Slow {
        async fn invoke(&self, _: http::Request<pillion_api::Body>) -> Result<http::Response<pillion_api::Body>> {
            Err(Error::new(Code::RouteNotFound, "none"))
        }
        async fn subscriptions(&self) -> Result<Vec<Subscription>> {
            Ok(vec![subscription("t", "/t")])
        }
        async fn deliver(&self, _: pillion_api::pubsub::Delivery) -> Result<TopicStatus> {
            let _ = self.0.send("begun");
            tokio::time::sleep(Duration::from_secs(2)).await;
            let _ = self.0.send("done");
            Ok(TopicStatus::Success)
        }
    }
    let world = World::new();
    let sidecar = world.open("shop", &bus()).await;
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
    sidecar.start(Some(Arc::new(Slow(sender))));
    sidecar.wait_ready().await;
    sidecar.publish("bus", "t", text("1")).await.expect("published");
    sidecar.publish("bus", "t", text("2")).await.expect("published");
    assert_eq!(seen.recv().await, Some("begun"));
    stop(&sidecar).await;
    assert_eq!(seen.recv().await, Some("done"));
    assert_eq!(seen.recv().await, None);
    assert!(!sidecar.ready());
}
