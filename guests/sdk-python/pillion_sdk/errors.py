"""Failures of building blocks, and of handlers."""

from typing import Any, Callable, TypeVar

from componentize_py_types import Err

A = TypeVar("A")


class DaprError(Exception):
    """Why a building block failed: Dapr's code and status, and whether the same call may succeed later."""

    def __init__(self, failure: Any) -> None:
        super().__init__(failure.message)
        self.code: str = failure.code
        self.message: str = failure.message
        self.hint: str | None = failure.hint
        self.status: int = failure.status
        self.retryable: bool = failure.retryable

    def __str__(self) -> str:
        hint = f" (hint: {self.hint})" if self.hint else ""
        return f"{self.code}: {self.message}{hint}"


def ask(call: Callable[..., A], *arguments: Any) -> A:
    """Calls the host; what it answers instead of a value is raised as a `DaprError`."""
    try:
        return call(*arguments)
    except Err as error:
        raise DaprError(error.value) from None


def handler(handle: Callable[[Any], Any], answer: Callable[[Any], Any] = lambda result: result) -> type:
    """A handler as the host calls it: what its function raises becomes the text that goes to the log."""

    class Handler:
        def handle(self, event: Any) -> Any:
            try:
                return answer(handle(event))
            except Exception as error:
                raise Err(f"{type(error).__name__}: {error}") from None

    return Handler
