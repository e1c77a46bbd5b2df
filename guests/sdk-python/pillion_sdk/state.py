"""Keys and values: Dapr's state API."""

import json
from typing import Any

from wit_world.imports import state as host
from wit_world.imports.state import Concurrency, Consistency, Item, Operation

from .data import Data, pairs, to_bytes
from .errors import ask

__all__ = ["Concurrency", "Consistency", "Item", "Operation", "Store", "removal", "upsert"]


class Store:
    """A state store, by its component's name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get(self, key: str, consistency: Consistency = Consistency.UNSPECIFIED) -> Item | None:
        """A key's value with its ETag; `None` where there is none."""
        return ask(host.get, self.name, key, host.ReadOptions(consistency, []))

    def text(self, key: str) -> str | None:
        item = self.get(key)
        return None if item is None else item.value.decode()

    def json(self, key: str) -> Any:
        item = self.get(key)
        return None if item is None else json.loads(item.value)

    def set(self, key: str, value: Data, **options: Any) -> None:
        """Writes a key. Options: `ttl` (seconds), `etag`, `concurrency`, `consistency`, `metadata`, and `unchanged_since`."""
        ask(host.set, self.name, [_entry(key, value, **options)])

    def delete(self, key: str, **options: Any) -> None:
        """Deletes a key; options as those of `set`, without `ttl`."""
        ask(host.delete, self.name, key, _options(**options))

    def transact(self, *operations: Operation) -> None:
        """All of these or none, in their order; made by `upsert` and `removal`."""
        ask(host.transact, self.name, list(operations), [])


def upsert(key: str, value: Data, **options: Any) -> Operation:
    """A write as a step of a transaction."""
    return host.Operation_Upsert(_entry(key, value, **options))


def removal(key: str, **options: Any) -> Operation:
    """A delete as a step of a transaction."""
    return host.Operation_Delete(host.Removal(key, _options(**options)))


def _entry(key: str, value: Data, ttl: int | None = None, **options: Any) -> host.Entry:
    return host.Entry(key, to_bytes(value), ttl, _options(**options))


_UNSAID: Any = object()


def _options(
    etag: str | None = None,
    concurrency: Concurrency = Concurrency.LAST_WRITE,
    consistency: Consistency = Consistency.UNSPECIFIED,
    metadata: dict[str, str] | None = None,
    unchanged_since: Item | None = _UNSAID,
) -> host.WriteOptions:
    """`unchanged_since`, an item that was read or none, makes the write fail with status 409 if another writer came first."""
    if unchanged_since is not _UNSAID:
        concurrency = Concurrency.FIRST_WRITE
        etag = unchanged_since.etag if unchanged_since else None
    return host.WriteOptions(etag, concurrency, consistency, pairs(metadata))
