"""Dapr, in Python: a counter, orders over HTTP that are published, and the same orders taken from their topic."""

from approval import WorkflowHandler as WorkflowHandler
from counter import count
from orders import order
from pillion_sdk import http
from pillion_sdk.http import Request, Response
from reminder import JobHandler as JobHandler
from shipping import TopicHandler as TopicHandler


def answer(request: Request) -> Response:
    match http.route(request).split("/")[1:]:
        case ["counter", name]:
            return count(name)
        case ["orders"]:
            return order(request)
        case ["throw"]:
            raise RuntimeError("raised on purpose")
    return http.text(404, "counter, orders or throw")


InvocationHandler = http.handler(answer)
