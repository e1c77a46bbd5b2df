"""Output bindings: Dapr's bindings API."""

from wit_world.imports import bindings as host

from .data import Data, pairs, to_bytes
from .errors import ask


def invoke(binding: str, operation: str, data: Data = b"", metadata: dict[str, str] | None = None) -> host.Answer:
    """Asks a binding to do something: `create`, `get`, `delete`, `list`, or a word of the component's own."""
    return ask(host.invoke, binding, operation, to_bytes(data), pairs(metadata))
