"""Calls at a time, or again and again: Dapr's jobs API."""

from wit_world.imports import jobs as host

from .data import Data, to_bytes
from .errors import ask


def schedule(
    name: str,
    data: Data = b"",
    *,
    schedule: str | None = None,
    due_time: str | None = None,
    repeats: int | None = None,
    ttl: str | None = None,
    overwrite: bool = False,
) -> None:
    """Schedules a job; one of the same name is an error unless it may be overwritten."""
    job = host.Job(name, schedule, repeats, due_time, ttl, to_bytes(data), None)
    ask(host.schedule, job, overwrite)


def delete(name: str) -> None:
    ask(host.delete, name)
