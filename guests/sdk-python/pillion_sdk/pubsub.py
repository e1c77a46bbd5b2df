"""Publishing: Dapr's pub/sub API."""

from wit_world.imports import pubsub as host

from .data import Data, pairs, to_bytes
from .errors import ask


def publish(
    pubsub: str, topic: str, data: Data, content_type: str | None = None, metadata: dict[str, str] | None = None
) -> None:
    """Publishes a message; its media type is by default that of the data: text, JSON or bytes."""
    ask(host.publish, pubsub, topic, to_bytes(data), content_type or _media_type(data), pairs(metadata))


def _media_type(data: Data) -> str:
    if isinstance(data, str):
        return "text/plain"
    return "application/octet-stream" if isinstance(data, bytes) else "application/json"
