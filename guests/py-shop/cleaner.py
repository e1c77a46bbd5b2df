"""Deletes what is old when the binding `nightly` says that it is night: a line of `old-carts` for each key."""

from pillion_sdk import binding
from pillion_sdk.state import Store, removal
from wit_world.exports.binding_handler import Reply


def clean(_event) -> Reply:
    store = Store("statestore")
    item = store.get("old-carts")
    keys = item.value.decode().split() if item else []
    if keys:
        store.transact(*(removal(key) for key in [*keys, "old-carts"]))
    return Reply(f"cleaned {len(keys)}".encode(), [], False)


BindingHandler = binding.handler(clean)
