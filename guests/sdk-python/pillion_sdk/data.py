"""What guests and building blocks hand each other is bytes: this makes them."""

import json
from typing import Any

Data = Any


def to_bytes(data: Data) -> bytes:
    """A text is sent as UTF-8, bytes as they are, anything else as JSON."""
    if isinstance(data, bytes):
        return data
    return (data if isinstance(data, str) else json.dumps(data)).encode()


def pairs(metadata: dict[str, str] | None) -> list[tuple[str, str]]:
    return list((metadata or {}).items())
