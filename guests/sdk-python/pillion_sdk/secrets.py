"""Secrets: Dapr's secrets API. A value reaches the guest when it is revealed, not before."""

from wit_world.imports import secrets as host

from .errors import ask


def reveal(store: str, key: str, name: str | None = None) -> str | None:
    """The value of a secret that has one value, or that of one of its names. Don't log it."""
    with ask(host.get, store, key, []) as secret:
        names = secret.names()
        return secret.reveal(name or (names[0] if names else key))
