"""What uvicorn knows of a connection and ASGI does not tell: whether the body is there, and whether the client is; and
how a whole answer is written at once.

ASGI takes an answer in two messages, and uvicorn writes each, after it has looked at every header again: a quarter of a
cheap prediction's time. ASGI has body and client behind ``receive``, which would cost a timer a request to ask with a limit, or a task a request to ask at all.
uvicorn's ``receive`` is a method of an object that knows. Under any other server, and after an upgrade that renames
what is read here, the answers are the careful ones, at the price of a timer; ``tests/serving/test_uvicorn_state.py`` then
fails. Checked against uvicorn 0.54.0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

CHECKED_UVICORN_VERSION = "0.54.0"


def arrived(receive: Callable[..., Any]) -> bool:
    """Tell whether the whole body is in memory, so that ``receive`` returns it at once."""
    return not getattr(getattr(receive, "__self__", None), "more_body", True)


def gone(receive: Callable[..., Any]) -> bool:
    """Tell whether the client has closed its connection, as far as the server knows."""
    return bool(getattr(getattr(receive, "__self__", None), "disconnected", False))


class _ServerLines:
    """The headers that uvicorn adds to every answer, put together once for each list of them: it makes one a second."""

    def __init__(self) -> None:
        self._headers: list[tuple[bytes, bytes]] | None = None
        self._lines = b""

    def __call__(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        if headers is not self._headers:
            self._headers, self._lines = headers, b"".join([b"%b: %b\r\n" % pair for pair in headers])
        return self._lines


server_lines = _ServerLines()


def write_whole(receive: Callable[..., Any], send: Callable[..., Any], status_line: bytes, rest: bytes) -> bool:
    """Write an answer of known length in one piece, where nothing stands between us and uvicorn.

    Args:
        receive: ASGI's; a method of uvicorn's object, or nothing is written.
        send: ASGI's; of the same object, or something wraps it that wants to see the answer.
        status_line: with its line end.
        rest: headers with content-length, an empty line, and the body.

    Returns:
        Whether it was written. If not, the answer has to go through ``send``.
    """
    cycle: Any = getattr(receive, "__self__", None)
    sender: Any = getattr(send, "__self__", None)
    if (
        not isinstance(cycle, RequestResponseCycle)
        or sender is not cycle
        or cycle.response_started
        or cycle.disconnected
        or not cycle.keep_alive
        or cycle.flow.write_paused
    ):
        return False
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(b"%b%b%b" % (status_line, server_lines(cycle.default_headers), rest))
    cycle.message_event.set()
    cycle.on_response()
    return True
