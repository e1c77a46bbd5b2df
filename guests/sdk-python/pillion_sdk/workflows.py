"""Workflows and activities: `WorkflowHandler = workflows.handler(workflows={...}, activities={...})`.

A workflow is a function that is run again from its beginning whenever something happened that it waits for. It asks by the
functions of this module alone, and activities do the rest. Data is sent as JSON; times are milliseconds.
"""

import json
from datetime import UTC, datetime
from typing import Any, Callable

from componentize_py_types import Err
from wit_world.imports import context as host
from wit_world.imports.failures import Cause, Failure

__all__ = ["Cause", "Failure", "Task", "WorkflowFailure", "handler"]


class WorkflowFailure(Exception):
    """Why an activity or a workflow failed. To raise one is to fail with it."""

    def __init__(self, error_type: str, message: str, non_retriable: bool = False) -> None:
        super().__init__(message)
        self.failure = Failure(error_type, message, None, non_retriable, [])

    @classmethod
    def of(cls, failure: Failure) -> "WorkflowFailure":
        error = cls(failure.error_type, failure.message)
        error.failure = failure
        return error


class Task:
    """Something that comes later."""

    def __init__(self, number: int) -> None:
        self.number = number

    def wait(self) -> Any:
        """Waits for it; raises a `WorkflowFailure` where it failed."""
        try:
            return parsed(host.wait(self.number))
        except Err as error:
            raise WorkflowFailure.of(error.value) from None

    def is_done(self) -> bool:
        return host.is_done(self.number)


def retry(
    max_attempts: int,
    first_interval: int,
    backoff_coefficient: float = 1.0,
    max_interval: int | None = None,
    timeout: int | None = None,
) -> host.RetryPolicy:
    """Tries after a failure, the first one included."""
    return host.RetryPolicy(max_attempts, first_interval, backoff_coefficient, max_interval, timeout)


def call_activity(
    name: str, data: Any = None, policy: host.RetryPolicy | None = None, app_id: str | None = None
) -> Task:
    return Task(host.call_activity(name, text(data), host.ActivityOptions(policy, app_id)))


def call_workflow(
    name: str,
    data: Any = None,
    policy: host.RetryPolicy | None = None,
    app_id: str | None = None,
    instance_id: str | None = None,
) -> Task:
    return Task(host.call_workflow(name, text(data), host.WorkflowOptions(policy, app_id, instance_id)))


def create_timer(delay: int) -> Task:
    return Task(host.create_timer(delay))


def wait_for_event(name: str, timeout: int | None = None) -> Task:
    """An event that came or comes; after the time-out the task fails with `TaskCanceled`."""
    return Task(host.wait_for_event(name, timeout))


def wait_any(tasks: list[Task]) -> int:
    """Waits for the first of several; answers its place."""
    return host.wait_any([task.number for task in tasks])


def wait_all(tasks: list[Task]) -> list[Any]:
    """Waits for all of them; raises the first failure in their order."""
    host.wait_all([task.number for task in tasks])
    return [task.wait() for task in tasks]


def current_time() -> datetime:
    """The time of the history."""
    return datetime.fromtimestamp(host.current_time() / 1000, UTC)


def instance_id() -> str:
    return host.instance_id()


def new_uuid() -> str:
    return host.new_uuid()


def is_replaying() -> bool:
    return host.is_replaying()


def set_custom_status(status: str) -> None:
    host.set_custom_status(status)


def continue_as_new(data: Any = None, keep_events: bool = False) -> None:
    """Begins anew when the workflow returns."""
    host.continue_as_new(text(data), keep_events)


def handler(
    workflows: dict[str, Callable[[Any], Any]] | None = None,
    activities: dict[str, Callable[[Any, Any], Any]] | None = None,
) -> type:
    """Workflows and activities by their names. A workflow takes its input; an activity also which piece of work it is."""
    from wit_world.exports.workflow_handler import Names

    run, do = workflows or {}, activities or {}

    class Handler:
        def describe(self) -> Any:
            return Names(list(run), list(do))

        def run(self, name: str, data: str | None) -> str | None:
            return answered(run, name, parsed(data))

        def activity(self, name: str, data: str | None, info: Any) -> str | None:
            return answered(do, name, parsed(data), info)

    return Handler


def answered(functions: dict[str, Callable[..., Any]], name: str, *arguments: Any) -> str | None:
    try:
        if name not in functions:
            raise WorkflowFailure("NotRegistered", f"there is no `{name}`", True)
        return text(functions[name](*arguments))
    except WorkflowFailure as error:
        raise Err(error.failure) from None
    except Exception as error:
        raise Err(Failure(type(error).__name__, str(error), None, False, [])) from None


def text(data: Any) -> str | None:
    return None if data is None else json.dumps(data)


def parsed(data: str | None) -> Any:
    return json.loads(data) if data else None
