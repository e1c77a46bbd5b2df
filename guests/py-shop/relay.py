"""A call of another app whose bodies stream."""

from pillion_sdk import http, invocation


def relay() -> http.Response:
    call = invocation.invoke_streaming("echo", "/echo", has_body=True)
    answer = call.response()
    # The head of the request comes back first, in a piece of its own.
    next(answer.body)
    back = 0
    for _ in range(10):
        call.write("x" * 20_000)
        came = 0
        while came < 20_000:
            came += len(next(answer.body))
        back += came
    call.finish()
    return http.text(answer.status, f"{back} {next(answer.body, None) is None}".lower())
