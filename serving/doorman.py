"""Answers plain predictions, and refuses for load, before a request is parsed: the cheapest place for both.

uvicorn's parser, the task and the ASGI messages of a request cost several times what its rows do, and under overload a
refusal that goes that way leaves the core no time to answer anybody. This protocol looks at the bytes of a request as they arrive and asks
admission. Whoever is not let in is refused here; a plain request (``serving.plain``) that is let in is answered from here
(``serving.at_door``).

It judges only what is plainly one prediction request, from its head on, on a connection that waits for one. Everything
else (pipelined requests, large or chunked bodies, closing connections, other paths, values that need a closer look) goes to
uvicorn unchanged, and where admission was not asked yet ``serving.predict`` asks it. Where something that is not known here
stands between uvicorn and the application, tracing for one, all requests that are let in go that way. Checked against uvicorn
0.54.0; ``tests/serving/test_doorman.py`` pins what it relies on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import uvicorn.protocols.http.auto
from starlette.middleware.cors import CORSMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serving.plain import STARTS, PlainHeads
from serving.predict import ADMITTED, COMING
from serving.uvicorn_state import server_lines

if TYPE_CHECKING:
    from serving.application import Application

_SWALLOW_BYTES = 65_536
"""A refused request whose body is still to come, in at most so many bytes, is answered, and the body thrown away."""
_HEAD_BYTES = 200
"""About how many bytes a request has before its body."""
_SEE_THROUGH = (ProxyHeadersMiddleware, CORSMiddleware)
"""What changes nothing about a plain request: who is asking is not looked at, and a request with an origin is not plain.
(CORS adds ``Vary: Origin`` to every answer; one to a POST without an origin, which nobody caches, goes without.)"""


class DoormanProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with admission in front of the parser."""

    # In slots, since uvicorn's own attributes are nearly as many as Python keeps without a dictionary for each object.
    __slots__ = (
        "_answered_at",
        "_answers",
        "_between_messages",
        "_closing",
        "_held",
        "_judges",
        "_pending",
        "_swallow",
        "_verdict",
        "gone",
    )
    application: ClassVar[Application]
    heads: ClassVar[PlainHeads]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._judges, self._answers = _stands_before(self.application, self.app)
        self._judges = self._judges and not self.root_path
        self._answers = self._answers and self.limit_concurrency is None
        self._between_messages = True
        self._verdict: bool | None = None
        self._answered_at = 0.0
        self._swallow = 0
        self._pending = False
        self._held = b""
        self._closing = False
        self.gone = False

    def data_received(self, data: bytes) -> None:
        """Judge a prediction request, then answer it here or let uvicorn parse it."""
        if self._pending:
            # The next request comes before this one's answer: it waits, and what would follow it waits in the socket.
            self._held += data
            self.flow.pause_reading()
            return
        if self._swallow:
            data, self._swallow = data[self._swallow :], max(self._swallow - len(data), 0)
            if not data:
                return
        if (
            self._between_messages
            and data.startswith(STARTS)
            and self._judges
            and (self.cycle is None or self.cycle.response_complete)
        ):
            verdict = self.application.admit(len(data) - _HEAD_BYTES)
            if verdict is not None and self._settle(data, verdict):
                return
            self._verdict = verdict
            super().data_received(data)
            if self._between_messages and not self.pipeline and self.scope.get(ADMITTED):
                self.scope[COMING] = True  # type: ignore[literal-required]
                self.application.announce()
            return
        super().data_received(data)

    def _settle(self, data: bytes, admitted: bool) -> bool:
        """Answer or refuse a request here; tell whether it was plain enough for that."""
        # To a client that does not read its answers uvicorn knows how to wait.
        found = None if self.flow.write_paused else self.heads.find(data)
        if found is None:
            return False
        head, given_id, start = found
        rest = start + head.length - len(data)
        if not admitted:
            if not 0 <= rest <= _SWALLOW_BYTES:
                return False
            self._swallow = rest
            self.transport.write(self.application.refusal(head.path, given_id, self.server_state.default_headers))
            self._keep_alive()
            return True
        if rest or not self._answers:
            return False
        self._pending = True
        # The answer may be there when this returns, and what is pending then another request.
        begun = self.application.start(self, head, given_id, data[start:])
        if not begun:
            self._pending = False
        return begun

    def reply(self, status_line: bytes, rest: bytes, closes: bool = False) -> None:
        """Write the answer to the request that is being answered here; see ``serving.at_door.Connection``."""
        self._pending = False
        if self.gone or self.transport.is_closing():
            return
        if self._closing and not closes:
            closes = True
            rest = b"connection: close\r\n" + rest
        self.transport.write(b"%b%b%b" % (status_line, server_lines(self.server_state.default_headers), rest))
        self.server_state.total_requests += 1
        if closes:
            self.transport.close()
            return
        self._keep_alive()
        if self._held:
            data, self._held = self._held, b""
            self.flow.resume_reading()
            self.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the request that is being answered here know that nobody waits for it."""
        self.gone = True
        self._pending = False
        super().connection_lost(exc)
        self._unset_keepalive_if_required()  # uvicorn leaves the timer of a connection that broke

    def shutdown(self) -> None:
        """Close the connection once it is answered; uvicorn calls this when it stops."""
        if self._pending:
            self._closing = True
        else:
            super().shutdown()

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
        """Close the connection if it was idle; one that was answered here a moment ago, or is about to be, was not."""
        idle_s = 0.0 if self._pending else self.loop.time() - self._answered_at
        if idle_s < self.timeout_keep_alive:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive - idle_s, self.timeout_keep_alive_handler
            )
        else:
            super().timeout_keep_alive_handler()

    def _keep_alive(self) -> None:
        """Count the time for which the connection may be idle from now."""
        self._answered_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )


def _stands_before(application: Application, app: Any) -> tuple[bool, bool]:
    """Tell whether an application is what answers in the end, and whether nothing in front of it has to see requests."""
    seen_through = True
    while app is not application:
        seen_through = seen_through and isinstance(app, _SEE_THROUGH)
        app = getattr(app, "app", None)
        if app is None:
            return False, False
    return True, seen_through


def install(application: Application) -> None:
    """Make the servers that uvicorn starts in this process from now on ask this application at the door.

    BentoML makes uvicorn's configuration itself and leaves the protocol to uvicorn's choice, whose result is this name.
    """
    protocol = type("BoundDoormanProtocol", (DoormanProtocol,), {"application": application, "heads": PlainHeads()})
    uvicorn.protocols.http.auto.AutoHTTPProtocol = protocol
