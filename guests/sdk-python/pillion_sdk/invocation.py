"""Calls of other apps: Dapr's service invocation."""

from wit_world.imports import invocation as host
from wit_world.imports.types import Request, Response

from .data import Data, to_bytes
from .errors import ask


def invoke(
    app_id: str, path: str, body: Data = None, method: str | None = None, headers: dict[str, str] | None = None
) -> Response:
    """A request to another app; by default a GET, or a POST where it has a body."""
    sent = b"" if body is None else to_bytes(body)
    method = method or ("GET" if body is None else "POST")
    pairs = [(name, value.encode()) for name, value in (headers or {}).items()]
    return ask(host.invoke, app_id, Request(method=method, path=path, headers=pairs, body=sent))
