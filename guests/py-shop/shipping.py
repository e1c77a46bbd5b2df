"""Keeps the orders of a topic in the state store `statestore`."""

from pillion_sdk import topic
from pillion_sdk.state import Store, upsert
from pillion_sdk.topic import TopicEvent, TopicStatus


def ship(event: TopicEvent) -> TopicStatus | None:
    if not event.data:
        return TopicStatus.DROP
    Store("statestore").transact(upsert(f"order-{event.id}", event.data), upsert("last-order", event.data))
    return None


TopicHandler = topic.handler(ship)
