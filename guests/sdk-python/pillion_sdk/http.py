"""Requests to the app: `InvocationHandler = http.handler(answer)`."""

from typing import Callable

from wit_world.imports.types import Request, Response

from .data import Data, to_bytes
from .errors import handler as made

__all__ = ["Request", "Response", "handler", "header", "json", "route", "text"]


def handler(handle: Callable[[Request], Response]) -> type:
    """Answers requests."""
    return made(handle)


def route(request: Request) -> str:
    """The path without the query."""
    return request.path.split("?", 1)[0]


def header(request: Request, name: str) -> str | None:
    """The first header of this name."""
    found = (value for key, value in request.headers if key.lower() == name.lower())
    value = next(found, None)
    return value.decode() if value is not None else None


def text(status: int, body: str) -> Response:
    """An answer of text."""
    return _respond(status, "text/plain; charset=utf-8", body.encode())


def json(status: int, body: Data) -> Response:
    """An answer of JSON: any value, or bytes or text that are JSON already."""
    return _respond(status, "application/json", to_bytes(body))


def _respond(status: int, content_type: str, body: bytes) -> Response:
    return Response(status=status, headers=[("content-type", content_type.encode())], body=body)
