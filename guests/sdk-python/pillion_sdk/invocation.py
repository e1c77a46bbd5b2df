"""Calls of other apps: Dapr's service invocation."""

from typing import Callable, Iterator, TypeVar

from componentize_py_types import Err
from wit_world.imports import invocation as host
from wit_world.imports.streams import InputStream, StreamError_Closed
from wit_world.imports.types import Request, Response

from .data import Data, to_bytes
from .errors import DaprError, ask

# Bytes of one read, and the most of one write.
PIECE = 65536
A = TypeVar("A")


def invoke(
    app_id: str, path: str, body: Data = None, method: str | None = None, headers: dict[str, str] | None = None
) -> Response:
    """A request to another app; by default a GET, or a POST where it has a body."""
    sent = b"" if body is None else to_bytes(body)
    method = method or ("GET" if body is None else "POST")
    pairs = [(name, value.encode()) for name, value in (headers or {}).items()]
    return ask(host.invoke, app_id, Request(method=method, path=path, headers=pairs, body=sent))


class StreamedResponse:
    """What an app answers while it may still read: its body is to be iterated, piece by piece."""

    def __init__(self, response: host.StreamingResponse) -> None:
        self.status: int = response.status
        self.headers: list[tuple[str, bytes]] = response.headers
        self.body: Iterator[bytes] = _pieces(response.body)


class Call:
    """A call whose bodies stream."""

    def __init__(self, call: host.StreamingCall) -> None:
        self._call = call
        self._upload = call.body()

    def write(self, data: Data) -> None:
        """Writes a part of the request's body; waits while the app doesn't read."""
        upload, rest = self._upload, to_bytes(data)
        if upload is None:
            raise ValueError("the request has no body, or it is finished")
        while rest:
            room = _streaming(upload.check_write)
            if room == 0:
                with upload.subscribe() as ready:
                    ready.block()
                continue
            part, rest = rest[: min(room, PIECE)], rest[min(room, PIECE) :]
            _streaming(lambda: upload.write(part))

    def finish(self) -> None:
        """Ends the request's body: only now is it whole."""
        self._upload = None
        ask(self._call.finish)

    def response(self) -> StreamedResponse:
        """Waits for the answer's head; once."""
        return StreamedResponse(ask(self._call.response))


def invoke_streaming(
    app_id: str, path: str, has_body: bool = False, method: str | None = None, headers: dict[str, str] | None = None
) -> Call:
    """Begins a call with bodies that stream both ways; a request without a body is whole at once."""
    pairs = [(name, value.encode()) for name, value in (headers or {}).items()]
    head = host.RequestHead(method=method or ("POST" if has_body else "GET"), path=path, headers=pairs)
    return Call(ask(host.invoke_streaming, app_id, head, has_body))


def _pieces(body: InputStream) -> Iterator[bytes]:
    while True:
        try:
            yield _streaming(lambda: body.blocking_read(PIECE))
        except EOFError:
            return


def _streaming(use: Callable[[], A]) -> A:
    """Dapr's error of a stream is raised; a closed one is the end."""
    try:
        return use()
    except Err as error:
        if isinstance(error.value, StreamError_Closed):
            raise EOFError("the stream is closed") from None
        failed = host.failure(error.value.value)
        raise DaprError(failed) if failed else error from None
