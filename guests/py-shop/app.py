"""Dapr, in Python: a greeting, a counter, orders over HTTP that are published, and the same orders taken from their topic, a
cleaner that a binding starts, and digits in pictures."""

from approval import WorkflowHandler as WorkflowHandler
from cleaner import BindingHandler as BindingHandler
from counter import count
from digits import digit
from orders import order
from pillion_sdk import http
from pillion_sdk.http import Request, Response
from relay import relay
from reminder import JobHandler as JobHandler
from shipping import TopicHandler as TopicHandler
from tally import ActorHandler as ActorHandler


def answer(request: Request) -> Response:
    match http.route(request).split("/")[1:]:
        case ["hello"]:
            return http.text(200, f"hello {request.body.decode() or 'world'}")
        case ["digits"]:
            return digit(request.body)
        case ["counter", name]:
            return count(name)
        case ["orders"]:
            return order(request)
        case ["relay"]:
            return relay()
        case ["throw"]:
            raise RuntimeError("raised on purpose")
    return http.text(404, "hello, counter, orders, digits or throw")


InvocationHandler = http.handler(answer)
