"""Counts requests by name in the state store `statestore`, and loses none when two come at once."""

from pillion_sdk import http
from pillion_sdk.errors import DaprError
from pillion_sdk.http import Response
from pillion_sdk.state import Store

# Another writer can come first so often before the caller is asked to come again.
TRIES = 20
# What the state API answers whose key another writer changed.
CONFLICT = 409
store = Store("statestore")


def count(name: str) -> Response:
    for _ in range(TRIES):
        item = store.get(name)
        value = str(int(item.value) + 1 if item else 1)
        try:
            store.set(name, value, unchanged_since=item)
            return http.text(200, value)
        except DaprError as error:
            if error.status != CONFLICT:
                raise
    return http.text(503, "too many writers")
