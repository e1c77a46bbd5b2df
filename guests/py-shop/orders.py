"""Takes orders over HTTP and publishes each to the topic `orders` of `pubsub`."""

import json

from pillion_sdk import http
from pillion_sdk.errors import DaprError
from pillion_sdk.http import Request, Response
from pillion_sdk.pubsub import publish


def order(request: Request) -> Response:
    if request.method != "POST":
        return http.text(405, "POST an order")
    try:
        publish("pubsub", "orders", json.loads(request.body))
        return http.text(202, "published")
    except ValueError:
        return http.text(400, "an order is JSON")
    except DaprError as error:
        return http.text(error.status, str(error))
