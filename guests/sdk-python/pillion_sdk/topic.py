"""Messages of topics: `TopicHandler = topic.handler(take)`."""

from typing import Callable

from wit_world.imports.types import TopicEvent, TopicStatus

from .errors import handler as made

__all__ = ["TopicEvent", "TopicStatus", "handler"]


def handler(handle: Callable[[TopicEvent], TopicStatus | None]) -> type:
    """Takes messages; one that answers nothing has handled its message. What it raises asks for another delivery."""
    return made(handle, lambda status: TopicStatus.SUCCESS if status is None else status)
