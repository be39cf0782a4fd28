"""One request and its answer through ASGI (version 3), for everything that the fast path does not answer.

The request's body is complete before the application is called, so ``receive`` returns it in one message and never waits for
the client.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from serving.errors import InternalError
from serving.fastpath.request_head import TOKEN, VALUE, RequestHead
from serving.http import App, Headers, Message, Receive, Scope, Send, header_lines, status_line

logger = logging.getLogger("tabento.serving")

_NAME = re.compile(TOKEN + rb"++").fullmatch
_VALUE = re.compile(VALUE + rb"*+").fullmatch
_WITHOUT_BODY = (204, 304)


class ServerLines:
    """The headers that the server adds to every answer, joined once for each list of them; uvicorn makes one a second.

    Args:
        further: headers that are added to each list, such as the security headers.
    """

    def __init__(self, further: Headers = ()) -> None:
        self._further = further
        self._names = frozenset(name for name, _ in further)
        self._headers: list[tuple[bytes, bytes]] | None = None
        self._lines = b""

    def __call__(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return the headers as lines."""
        if headers is not self._headers:
            self._headers, self._lines = headers, header_lines((*_without_name(headers), *self._further))
        return self._lines

    def join_without(self, headers: list[tuple[bytes, bytes]], names: Iterable[bytes]) -> bytes:
        """Return the headers as lines, without the further ones that the application sends itself.

        Args:
            headers: the server's headers.
            names: the names of the application's headers, in lower case.
        """
        if self._names.isdisjoint(names):
            return self(headers)
        own_names = set(names)
        return header_lines((*_without_name(headers), *(pair for pair in self._further if pair[0] not in own_names)))


def _without_name(headers: list[tuple[bytes, bytes]]) -> Headers:
    """Return a server's headers without its name: attackers look for servers by their names."""
    return tuple(pair for pair in headers if pair[0] != b"server")


class AnswerWriter(Protocol):
    """The part of a connection that an exchange uses."""

    is_gone: bool
    """Whether the client has left."""

    def server_lines(self, names: Iterable[bytes] = ()) -> bytes:
        """Return the headers that the server adds to an answer, as lines.

        Args:
            names: the names of the application's own headers, in lower case.
        """
        ...

    def must_close(self) -> bool:
        """Return whether the connection ends with this answer, which then has ``Connection: close``."""
        ...

    def write(self, data: bytes) -> None:
        """Write bytes of an answer, unless the client has left."""
        ...

    async def drained(self) -> None:
        """Wait until the client has read enough, so that more can be written."""
        ...

    def complete_answer(self, closes: bool) -> None:
        """Continue with the next request, or close the connection."""
        ...

    def abort(self) -> None:
        """Close the connection immediately, because an answer cannot be completed."""
        ...


class Exchange:
    """One request through ASGI.

    Args:
        writer: the connection.
        head: the request's head.
        body: the complete body.
        scope: the ASGI scope.
        closes: whether the connection ends with the answer in any case.
        request_id: the id for the log and for the answer if the application fails.
    """

    __slots__ = (
        "_body",
        "_chunked",
        "_closes",
        "_complete",
        "_head",
        "_left",
        "_missing",
        "_start",
        "_writer",
        "request_id",
        "scope",
    )

    def __init__(
        self, writer: AnswerWriter, head: RequestHead, body: bytes, scope: Scope, closes: bool, request_id: bytes
    ) -> None:
        self._writer = writer
        self._head = head
        self._body: bytes | None = body
        self._closes = closes
        self._start: Message | None = None
        self._missing: int | None = None
        self._chunked = False
        self._complete = False
        self._left: asyncio.Future[None] | None = None
        self.scope = scope
        self.request_id = request_id

    async def run(self, app: App, failure: Callable[[InternalError], bytes]) -> None:
        """Call the application, and make sure that the client gets a complete answer.

        Args:
            app: the ASGI application.
            failure: returns the whole answer, status line to body, to a request on which the application failed.
        """
        try:
            await app(self.scope, self.receive, self.send)
        except asyncio.CancelledError:
            self._fail(failure)
            raise
        except Exception:
            logger.exception(
                "the application failed on %s %s", self._head.method, self.scope["path"], extra=self._log_fields()
            )
            self._fail(failure)
        else:
            if not self._complete and not self._writer.is_gone:
                logger.error(
                    "the application did not answer %s %s",
                    self._head.method,
                    self.scope["path"],
                    extra=self._log_fields(),
                )
                self._fail(failure)

    def _log_fields(self) -> dict[str, str]:
        return {"request_id": self.request_id.decode()}

    def _fail(self, failure: Callable[[InternalError], bytes]) -> None:
        """Answer 500 if no answer has begun; an answer that has begun cannot be corrected, so the connection is closed."""
        if self._complete or self._writer.is_gone:
            return
        if self._missing is not None or self._chunked:
            self._writer.abort()
            return
        self._complete = True
        self._writer.write(failure(InternalError("The service failed on this request; its log has the reason.")))
        self._writer.complete_answer(closes=True)

    def is_gone(self) -> bool:
        """Return whether no client waits for the answer: it has left, or was answered already."""
        return self._writer.is_gone or self._complete

    def disconnect(self) -> None:
        """Report to the application, if it waits in ``receive``, that the client has left."""
        if self._left is not None and not self._left.done():
            self._left.set_result(None)

    def take_body(self) -> bytes | None:
        """Return the body in place of ``receive``; None if it was taken before.

        It is complete, or empty if it was not asked for: its head alone refuses the request.
        """
        body, self._body = self._body, None
        return body

    async def receive(self) -> Message:
        """Return the body, then wait for the client to leave or the answer to be complete; see ASGI."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        if not self._writer.is_gone and not self._complete:
            self._left = asyncio.get_running_loop().create_future()
            await self._left
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Write a part of the answer; see ASGI.

        Raises:
            RuntimeError: the message is not allowed at this point, or a header has characters that HTTP does not allow.
        """
        kind = message["type"]
        if self._writer.is_gone:
            return
        if self._start is None:
            if kind != "http.response.start":
                raise RuntimeError(f"expected the ASGI message http.response.start, got {kind}")
            self._start = message
            return
        if kind != "http.response.body" or self._complete:
            raise RuntimeError(f"the ASGI message {kind} does not follow an answer that is {self._state()}")
        await self._writer.drained()
        if self.is_gone():
            return
        body: bytes = message.get("body", b"")
        has_more: bool = message.get("more_body", False)
        first = b""
        if self._missing is None and not self._chunked:
            first = self._head_lines(self._start, len(body) if not has_more else None)
        self._writer.write(first + self._framed(body, has_more))
        if not has_more:
            self._finish()

    def _state(self) -> str:
        return "complete" if self._complete else "begun"

    def _head_lines(self, start: Message, length: int | None) -> bytes:
        """Return status line and headers, and decide how the body is framed."""
        status: int = start["status"]
        lines = []
        names = []
        says_connection = False
        for name, value in start.get("headers", ()):
            name = name.lower()
            if not _NAME(name) or not _VALUE(value):
                raise RuntimeError(f"the application answers a header that HTTP does not allow: {name!r}: {value!r}")
            if name == b"content-length":
                self._missing = int(value)
            elif name == b"connection":
                says_connection = says_connection or b"close" in value.lower()
            elif name == b"transfer-encoding":
                continue  # this class decides about the transfer
            names.append(name)
            lines.append(b"%b: %b\r\n" % (name, value))
        ends = self._missing is None and self._frame(status, length, lines)
        self._closes = self._closes or self._writer.must_close() or says_connection or ends
        first = b""
        if self._closes:
            first = b"" if says_connection else b"connection: close\r\n"
        elif self._head.version == "1.0":
            first = b"connection: keep-alive\r\n"
        if self._head.method == "HEAD" or status in _WITHOUT_BODY:
            self._missing, self._chunked = 0, False
        return b"".join([status_line(status), self._writer.server_lines(names), first, *lines, b"\r\n"])

    def _frame(self, status: int, length: int | None, lines: list[bytes]) -> bool:
        """Frame a body without a Content-Length of the application; return whether only closing the connection ends it."""
        if status in _WITHOUT_BODY:
            self._missing = 0
        elif length is not None:
            self._missing = length
            lines.append(b"content-length: %d\r\n" % length)
        elif self._head.version == "1.0":
            self._missing = -1
            return True
        else:
            self._chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")
        return False

    def _framed(self, body: bytes, has_more: bool) -> bytes:
        """Return a part of the body with its framing, and count its bytes."""
        if self._head.method == "HEAD":
            return b""
        if self._chunked:
            part = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            return part if has_more else part + b"0\r\n\r\n"
        if self._missing is not None and self._missing >= 0:
            if len(body) > self._missing or (not has_more and len(body) < self._missing):
                raise RuntimeError(f"the application answers {len(body)} bytes, but {self._missing} are announced")
            self._missing -= len(body)
        return body

    def reply(self, status_line: bytes, rest: bytes) -> bool:
        """Write a complete answer in one piece. Returns whether it was written; if not, it must go through ``send``.

        Args:
            status_line: with its line end.
            rest: headers with content-length, an empty line, and the body.
        """
        writer = self._writer
        if (
            self._start is not None
            or self.is_gone()
            or self._closes
            or writer.must_close()
            or self._head.version == "1.0"
        ):
            return False
        self._start = {}
        writer.write(b"%b%b%b" % (status_line, writer.server_lines(), rest))
        self._finish()
        return True

    def _finish(self) -> None:
        self._complete = True
        self.disconnect()
        self._writer.complete_answer(self._closes)


def exchange_of(receive: Receive, send: Send) -> Exchange | None:
    """Return the exchange that an application's ``receive`` and ``send`` belong to; None if middleware wraps them."""
    exchange: Any = getattr(receive, "__self__", None)
    if isinstance(exchange, Exchange) and getattr(send, "__self__", None) is exchange:
        return exchange
    return None
