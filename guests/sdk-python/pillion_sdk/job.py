"""Jobs that are due: `JobHandler = job.handler(do)`. They are scheduled by `pillion_sdk.jobs`."""

from typing import Any, Callable

from .errors import handler as made


def handler(handle: Callable[[Any], None]) -> type:
    """Does jobs: `name`, `data` and `content_type`. What it raises is a failed try."""
    return made(handle)
