"""Values that operators change while apps run: Dapr's configuration API."""

from wit_world.imports import configuration as host

from .errors import ask


def get(store: str, *keys: str) -> dict[str, str]:
    """Values by key; no keys asks for all."""
    return {key: item.value for key, item in ask(host.get, store, list(keys), [])}


def subscribe(store: str, *keys: str) -> str:
    """Has changes handed to this guest's `ConfigurationHandler`; answers the subscription's id."""
    return ask(host.subscribe, store, list(keys), [])
