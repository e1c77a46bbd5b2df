"""Actors: `ActorHandler = actor.handler(Counter)`, where `Counter` is an `actor.Actor`.

Each active actor has a guest of its own, so that what its object holds is there from turn to turn; turns come one after the other.
"""

from typing import Any, Callable, TypeVar

from componentize_py_types import Err
from wit_world.imports import actors as host
from wit_world.imports.types import Actor as Id

from .data import Data, to_bytes
from .errors import ask

A = TypeVar("A")


class Context:
    """Who an actor is, and what Dapr keeps for it."""

    def __init__(self, actor: Id) -> None:
        self._actor = actor
        self.type: str = actor.actor_type
        self.id: str = actor.actor_id

    def get(self, key: str) -> bytes | None:
        return ask(host.get_state, self._actor, key)

    def set(self, key: str, value: Data) -> None:
        self.transact([host.Operation_Upsert(host.Upsert(key, to_bytes(value), []))])

    def delete(self, key: str) -> None:
        self.transact([host.Operation_Delete(key)])

    def transact(self, operations: list[Any]) -> None:
        """All or none."""
        ask(host.transact_state, self._actor, operations)

    def remind(self, name: str, data: Data = b"", *, due_time: str = "", period: str = "", ttl: str = "") -> None:
        """Has `reminder` called, even if the process ends meanwhile. Times are as `1s`; the data is JSON."""
        ask(host.register_reminder, self._actor, host.Reminder(name, due_time, period, ttl, to_bytes(data)))

    def reminder(self, name: str) -> Any:
        return ask(host.get_reminder, self._actor, name)

    def end_reminder(self, name: str) -> None:
        ask(host.unregister_reminder, self._actor, name)

    def start_timer(
        self, name: str, callback: str, data: Data = b"", *, due_time: str = "", period: str = "", ttl: str = ""
    ) -> None:
        """Has `timer` called as long as the actor is active."""
        ask(host.register_timer, self._actor, host.Timer(name, due_time, period, ttl, callback, to_bytes(data)))

    def end_timer(self, name: str) -> None:
        ask(host.unregister_timer, self._actor, name)

    def call(self, actor_type: str, actor_id: str, method: str, data: Data = b"") -> bytes:
        """A method of another actor; one that waits for this very turn is an error."""
        return ask(host.invoke, Id(actor_type, actor_id), method, to_bytes(data), [])


class Actor:
    """One actor. Made for its first turn, where it reads what it saved; what it raises is the caller's error."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def invoke(self, method: str, data: bytes, metadata: list[tuple[str, str]]) -> Data | None:
        raise NotImplementedError(f"no method `{method}`")

    def timer(self, name: str, callback: str, data: bytes) -> None:
        raise NotImplementedError(f"no timer `{name}`")

    def reminder(self, name: str, data: bytes) -> None:
        raise NotImplementedError(f"no reminder `{name}`")

    def deactivate(self) -> None:
        """Save in the turns, not here: an actor that traps never comes here."""


def handler(make: Callable[[Context], Actor]) -> type:
    """Makes the actors of a guest: a class, or a function that answers an `Actor`."""
    active: list[Actor] = []

    class Handler:
        def activate(self, actor: Id) -> None:
            active[:] = [_told(make, Context(actor))]

        def invoke(self, _: Id, method: str, data: bytes, metadata: list[tuple[str, str]]) -> bytes:
            answer = _told(active[0].invoke, method, data, metadata)
            return b"" if answer is None else _told(to_bytes, answer)

        def timer(self, _: Id, name: str, callback: str, data: bytes) -> None:
            _told(active[0].timer, name, callback, data)

        def reminder(self, _: Id, name: str, data: bytes) -> None:
            _told(active[0].reminder, name, data)

        def deactivate(self, _: Id) -> None:
            for actor in active:
                _told(actor.deactivate)
            active.clear()

    return Handler


def _told(turn: Callable[..., A], *arguments: Any) -> A:
    """What a turn raises becomes the text of its error."""
    try:
        return turn(*arguments)
    except Exception as error:
        raise Err(f"{type(error).__name__}: {error}") from None
