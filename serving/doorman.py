"""Refuses for load before a request is parsed: the cheapest place to say no.

A refusal through ASGI costs about a third of an answer: parsing, a task, headers checked one by one. Under overload that
is where the core goes, and the more is refused the less is answered. This protocol looks at the bytes of a request as
they arrive, asks admission, and writes the refusal itself; what is let in goes on through uvicorn unchanged.

It judges only what is plainly one prediction request, from its head on, on a connection that waits for one. Everything
else (pipelined requests, large or chunked bodies, closing connections, other paths) goes to uvicorn, and admission is then asked by
``serving.predict``. Checked against uvicorn 0.54.0; ``tests/serving/test_doorman.py`` pins what it relies on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import uvicorn.protocols.http.auto
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serving.predict import ADMITTED, COMING, PREDICT_PATHS

if TYPE_CHECKING:
    from serving.application import Application

_STARTS = tuple(f"POST {path} HTTP/1.1\r\n".encode() for path in PREDICT_PATHS)
_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,10})\r\n", re.IGNORECASE)
_REQUEST_ID = re.compile(rb"\r\nx-request-id: *([A-Za-z0-9._-]{1,128})\r\n", re.IGNORECASE)
_SPECIAL = re.compile(
    rb"\r\n(?:connection|expect|transfer-encoding|origin|upgrade):(?! *keep-alive\r\n)", re.IGNORECASE
)
_SWALLOW_BYTES = 65_536
"""A refused request whose body is still to come, in at most so many bytes, is answered, and the body thrown away."""
_HEAD_BYTES = 200
"""About how many bytes a request has before its body."""


class DoormanProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with admission in front of the parser."""

    application: ClassVar[Application]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._between_messages = True
        self._verdict: bool | None = None
        self._refused_at = 0.0
        self._swallow = 0

    def data_received(self, data: bytes) -> None:
        """Judge a prediction request, then let uvicorn parse it or answer it here."""
        if self._swallow:
            data, self._swallow = data[self._swallow :], max(self._swallow - len(data), 0)
            if not data:
                return
        if self._between_messages and data.startswith(_STARTS) and (self.cycle is None or self.cycle.response_complete):
            self._verdict = self.application.admit(len(data) - _HEAD_BYTES)
            if self._verdict is False and self._refuse(data):
                self._verdict = None
                return
            super().data_received(data)
            if self._between_messages and not self.pipeline and self.scope.get(ADMITTED):
                self.scope[COMING] = True  # type: ignore[literal-required]
                self.application.announce()
            return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Hand the verdict on with the request that it is about."""
        super().on_message_begin()
        self._between_messages = False
        if self._verdict is not None:
            self.scope[ADMITTED] = self._verdict  # type: ignore[literal-required]
            self._verdict = None

    def on_message_complete(self) -> None:
        """Remember that what comes next is a new request."""
        super().on_message_complete()
        self._between_messages = True

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if it was idle; one that was refused a moment ago was not."""
        idle_s = self.loop.time() - self._refused_at
        if idle_s < self.timeout_keep_alive:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive - idle_s, self.timeout_keep_alive_handler
            )
        else:
            super().timeout_keep_alive_handler()

    def _refuse(self, data: bytes) -> bool:
        """Write the refusal, where these bytes are one request and nothing about it is special."""
        end = data.find(_HEAD_END)
        head = data[: end + 2]
        length = _LENGTH.search(head)
        if end < 0 or length is None:
            return False
        rest = end + 4 + int(length[1]) - len(data)
        if not 0 <= rest <= _SWALLOW_BYTES:
            return False
        if _SPECIAL.search(head):
            return False
        self._swallow = rest
        given = _REQUEST_ID.search(head)
        path = head[5 : head.index(b" ", 5)]
        self.transport.write(
            self.application.refusal(path, given[1] if given else None, self.server_state.default_headers)
        )
        self._refused_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        return True


def install(application: Application) -> None:
    """Make the servers that uvicorn starts in this process from now on ask this application at the door.

    BentoML makes uvicorn's configuration itself and leaves the protocol to uvicorn's choice, whose result is this name.
    """
    protocol = type("BoundDoormanProtocol", (DoormanProtocol,), {"application": application})
    uvicorn.protocols.http.auto.AutoHTTPProtocol = protocol
