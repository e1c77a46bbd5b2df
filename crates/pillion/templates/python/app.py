"""A guest: says how often it was called by whom."""

from pillion_sdk import http
from pillion_sdk.http import Request, Response
from pillion_sdk.state import Store


def hello(request: Request) -> Response:
    name = request.body.decode() or "world"
    store = Store("statestore")
    calls = (store.json(name) or 0) + 1
    store.set(name, calls)
    return http.text(200, f"hello {name}, {calls}\n")


InvocationHandler = http.handler(hello)
