"""One HTTP/1.1 connection: bytes in, one request at a time, bytes out.

A connection is in one of these states, and ``check`` bounds the time in each:

- *idle*: nothing has arrived since the last answer (``keep_alive_s``; ``head_timeout_s`` on a new connection);
- *reading*: a part of a request is there (``head_timeout_s``, then ``body_timeout_s``);
- *answering*: one request is being answered (``answer_timeout_s``); what arrives meanwhile is kept up to one read of the
  socket, then reading pauses, so that a client has at most two requests in hand;
- *stalled*: the client does not read its answer (``write_timeout_s`` without progress);
- *lingering*: the last answer is written, and what the client still sends is thrown away, so that the answer reaches it
  (RFC 9112, 9.6).

The next request of a client that sends several at once is read in the next turn of the loop, so that connections take
turns. A client that closes its sending side still gets its answers; only a reset connection counts as gone.
"""

from __future__ import annotations

import asyncio
import logging
import re
import select
import socket
from typing import Any

from serving.errors import (
    HeadTooLargeError,
    InternalError,
    OverloadedError,
    RequestTimeoutError,
    TooLargeError,
)
from serving.fastpath import FastPrediction
from serving.http import too_large
from serving.http1.chunked import BodyLimitError, ChunkedBody
from serving.http1.error import ProtocolError
from serving.http1.exchange import Exchange, server_lines
from serving.http1.head import RequestHead, check_line_ends, check_target_length, malformed, parse_head
from serving.http1.plain import STARTS, PlainHead
from serving.http1.site import Site
from serving.predict import ADMITTED, BEGUN
from serving.request_ids import HEADER as REQUEST_ID_HEADER

logger = logging.getLogger("tabento.serving")

LINGER_S = 2.0
"""For how long a client that was refused may go on sending before its connection is closed."""
LINGER_BYTES = 16 * 1024 * 1024
"""How much of that is thrown away before its connection is closed."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_HEAD_END = b"\r\n\r\n"
_EMPTY_LINES: Any = re.compile(rb"(?:\r\n)*+").match


class HttpConnection(asyncio.Protocol):
    """Reads requests from one connection, and writes their answers in order.

    Args:
        site: what all connections of the server share.
        loop: the running event loop.
    """

    __slots__ = (
        "_answering",
        "_body",
        "_client",
        "_closing",
        "_eof",
        "_head",
        "_idle",
        "_lingered_bytes",
        "_lingering",
        "_loop",
        "_needed",
        "_partial",
        "_position",
        "_reading_paused",
        "_request_began",
        "_reserved",
        "_scanned",
        "_scheme",
        "_server",
        "_since",
        "_site",
        "_stalled_bytes",
        "_table",
        "_task",
        "_transport",
        "_turn",
        "_used",
        "_waiting",
        "_writable",
        "_write_paused",
        "gone",
    )

    def __init__(self, site: Site, loop: asyncio.AbstractEventLoop) -> None:
        self._site = site
        self._loop = loop
        self._table = site.table
        self._transport: Any = None
        self._client: tuple[str, int] | None = None
        self._server: tuple[str, int | None] | None = None
        self._scheme = "http"
        self._idle = True
        """Whether nothing is there but what arrives next: no bytes, no answer to come."""
        self._used = False
        self._since = 0.0
        self._waiting = b""
        """What was read behind the request that is being answered, from ``_position`` on."""
        self._position = 0
        self._partial = bytearray()
        """The beginning of a request that is still arriving, or of its body if ``_head`` is known."""
        self._needed = 0
        """How long ``_partial`` has to be before it is worth another look."""
        self._scanned = 0
        self._head: RequestHead | None = None
        self._body: ChunkedBody | None = None
        self._reserved: int | None = None
        self._request_began = False
        self._answering: FastPrediction | Exchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._turn = False
        self._closing = False
        self._eof = False
        self._lingering = False
        self._lingered_bytes = 0
        self._reading_paused = False
        self._write_paused = False
        self._stalled_bytes = 0
        self._writable: asyncio.Future[None] | None = None
        self.gone = False
        """Whether the connection is lost."""

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection in, or refuse it if there are too many."""
        self._transport = transport
        site, table = self._site, self._table
        site.server_state.connections.add(self)  # type: ignore[arg-type]
        self._client = _address(transport.get_extra_info("peername"))
        self._server = _address(transport.get_extra_info("sockname"))
        if transport.get_extra_info("sslcontext") is not None:
            self._scheme = "https"
        _keep_tcp_alive(transport)
        table.add(self, self._loop)
        self._since = table.now
        if len(table) > table.max_connections:
            error = OverloadedError(f"There are {table.max_connections} connections already. Try again shortly.")
            self._refuse(ProtocolError("too_many_connections", error))
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let whoever answers know that nobody waits, and give everything back."""
        self.gone = True
        self._table.remove(self)
        self._site.server_state.connections.discard(self)
        self._idle = False
        self._forget()
        if isinstance(self._answering, Exchange):
            self._answering.disconnect()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Take bytes in; see the states above."""
        if self._idle:
            self._since = self._table.now
            self._read(data, 0)
            return
        if self._lingering:
            self._throw_away(len(data))
            return
        if self._answering is not None or self._turn or self._write_paused:
            self._waiting, self._position = self._waiting[self._position :] + data, 0
            self._pause_reading()
            return
        if self._body is None:
            self._partial += data
            if len(self._partial) < self._needed:
                return
            data, self._partial = bytes(self._partial), bytearray()
        self._read(data, 0)

    def eof_received(self) -> bool:
        """Note that the client sends no more; what it has sent is still answered."""
        self._eof = True
        if self._answering is not None or self._turn or (self._waiting and self._write_paused):
            return True
        if self._lingering or self._idle:
            return False
        self._fail(malformed("truncated", "The connection ended before the request was whole."))
        return True

    def pause_writing(self) -> None:
        """Stop taking requests in until the client has read."""
        self._write_paused = True
        self._idle = False
        self._since = self._table.now
        self._stalled_bytes = self._transport.get_write_buffer_size()

    def resume_writing(self) -> None:
        """Go on."""
        self._write_paused = False
        if self._writable is not None:
            self._writable.set_result(None)
            self._writable = None
        elif self._answering is None and not self._turn and not self.gone and not self._lingering:
            self._continue()

    # What uvicorn's server calls.

    def shutdown(self) -> None:
        """Close the connection once what is on it is answered; uvicorn calls this as it stops."""
        if self._idle or (self._answering is None and not self._turn and not self._reserved):
            self._transport.close()
        else:
            self._closing = True

    # What the table calls.

    def check(self, now: float) -> None:
        """End the connection if it has waited longer than a limit allows; see ``serving.http1.table``."""
        site = self._site
        # ``_since`` may be a tick too early.
        waited_s = now - self._since - self._table.tick_s
        if self._lingering:
            if waited_s > LINGER_S:
                self.abort()
        elif self._write_paused:
            size = self._transport.get_write_buffer_size()
            if size < self._stalled_bytes:
                self._stalled_bytes, self._since = size, now
            elif waited_s > site.write_timeout_s:
                logger.warning("a client did not read its answer for %g s and is cut off", site.write_timeout_s)
                self.abort()
        elif self._answering is not None or self._turn:
            if waited_s > site.answer_timeout_s:
                self._watchdog()
        elif self._idle:
            if waited_s > (site.keep_alive_s if self._used else site.head_timeout_s) and not self._readable():
                self._transport.close()
        elif self._reserved is None:
            if waited_s > site.head_timeout_s:
                text = f"The head of the request did not arrive within {site.head_timeout_s:g} seconds."
                self._fail(ProtocolError("timeout", RequestTimeoutError(text)))
        elif waited_s > site.body_timeout_s:
            text = f"The body did not arrive within {site.body_timeout_s:g} seconds."
            self._fail(ProtocolError("timeout", RequestTimeoutError(text)))

    def abort(self) -> None:
        """Close the connection at once, whatever is in flight on it."""
        self._transport.abort()
        if self._task is not None:
            self._task.cancel()

    # Reading.

    def _read(self, data: bytes, position: int) -> None:
        """Go on with the request that begins, or continues, at a position of what was read."""
        self._idle = False
        try:
            if self._body is not None:
                self._feed_chunks(data)
            elif self._head is None and self._site.fast and data.startswith(STARTS, position):
                self._read_plain(data, position)
            else:
                self._read_any(data, position)
        except ProtocolError as fault:
            self._fail(fault)
        except Exception:
            logger.exception("a request could not be read; its connection is closed")
            self._leave_body()
            self.abort()

    def _read_plain(self, data: bytes, position: int) -> None:
        """Read a request that begins like a plain one."""
        plain = self._site.heads.find(data, position)
        if plain is None:
            self._read_any(data, position)
            return
        self._scanned = 0
        head, caller_id, start = plain
        end = start + head.length
        if len(data) < end:
            self._await_body(data[position:], end - position)
            return
        if len(data) > end:
            self._waiting, self._position = data, end
        self._answer_plain(head, caller_id, data, position, start, end)
        if self._reserved is not None:
            self._leave_body()

    def _answer_plain(
        self, plain: PlainHead, caller_id: bytes | None, data: bytes, begin: int, start: int, end: int
    ) -> None:
        """Answer or refuse a whole plain request, or hand it to ASGI if it needs a closer look.

        Args:
            plain: what its head says.
            caller_id: the request id that the caller chose.
            data: what was read.
            begin: where the request begins in it.
            start: where its body begins.
            end: where its body ends.
        """
        application = self._site.application
        admitted = application.admit(plain.length)
        if admitted:
            # The answer may be there when ``start`` returns.
            self._answering = prediction = application.fast_prediction(self, plain, caller_id)
            if prediction.start(data[start:end]):
                return
            self._answering = None
        elif admitted is False:
            self._transport.write(application.refusal(plain.path, caller_id, self._site.server_state.default_headers))
            self.answered(closes=False)
            return
        self._answer_by_asgi(parse_head(data[begin : start - 2]), data[start:end], admitted)

    def _read_any(self, data: bytes, position: int) -> None:
        """Read any request, by the whole grammar.

        Raises:
            ProtocolError: it cannot be framed, or is too large.
        """
        head = self._head
        if head is None:
            # Empty lines in front of a request are let be (RFC 9112, 2.2).
            position = _EMPTY_LINES(data, position).end()
            end = data.find(_HEAD_END, position + max(self._scanned - 3, 0))
            if end < 0 or end - position > self._site.max_head_bytes:
                self._await_head(data[position:])
                return
            self._scanned = 0
            head = self._head = parse_head(data[position : end + 2])
            position = end + 4
            if head.expects_continue and (head.chunked or len(data) < position + head.length):
                if not self._site.application.takes_body(head):
                    self._head = None
                    self._answer_by_asgi(head, b"", None, closes=True)
                    return
                self._transport.write(CONTINUE)
            if head.chunked:
                self._enter_body(0)
                self._body = ChunkedBody(self._site.max_body_bytes, self._site.max_head_bytes)
                self._feed_chunks(data[position:])
                return
            if head.length > self._site.max_body_bytes:
                raise self._too_large(str(head.length))
        end = position + head.length
        if len(data) < end:
            self._await_body(data[position:], head.length)
            return
        self._head = None
        if len(data) > end:
            self._waiting, self._position = data, end
        self._answer_by_asgi(head, data[position:end], None)
        self._leave_body()

    def _await_head(self, data: bytes) -> None:
        """Keep the part of a head that is there, if it may still become one.

        Raises:
            ProtocolError: it cannot.
        """
        limit = self._site.max_head_bytes
        check_target_length(data)
        if len(data) > limit:
            raise ProtocolError(
                "head_too_large", HeadTooLargeError(f"The head of the request has more than {limit} bytes.")
            )
        check_line_ends(data)
        self._scanned = len(data)
        self._needed = 0
        self._partial += data
        self._idle = not data

    def _await_body(self, data: bytes, needed: int) -> None:
        """Keep the part of a request that is there until ``needed`` bytes are."""
        if self._reserved is None:
            self._enter_body(needed)
        self._partial += data
        self._needed = needed

    def _enter_body(self, size: int) -> None:
        """Reserve memory for a body that is still arriving, and count its request as in flight."""
        if not self._table.reserve(size):
            raise _buffer_full()
        self._reserved = size
        self._since = self._table.now
        self._request_began = self._site.application.receiving(1)

    def _leave_body(self) -> None:
        """Undo ``_enter_body``, if it was done; called when the request is being answered, so that a drain waits for it."""
        if self._reserved is not None:
            self._body = None
            self._table.release(self._reserved)
            self._reserved = None
            self._site.application.receiving(-1)

    def _feed_chunks(self, data: bytes) -> None:
        """Take in bytes of a body in chunks, and answer once it is whole.

        Raises:
            ProtocolError: they are not chunks, or too many.
        """
        body, head = self._body, self._head
        assert body is not None
        assert head is not None
        assert self._reserved is not None
        try:
            rest = body.feed(data)
        except BodyLimitError:
            raise self._too_large(f"more than {self._site.max_body_bytes}") from None
        grown = len(body.body) - self._reserved
        if not self._table.reserve(grown):
            raise _buffer_full()
        self._reserved += grown
        if rest is None:
            return
        self._head = None
        if rest:
            self._waiting, self._position = rest, 0
        self._answer_by_asgi(head, bytes(body.body), None)
        self._leave_body()

    def _too_large(self, got: str) -> ProtocolError:
        error: TooLargeError = too_large(self._site.max_body_bytes, got)
        return ProtocolError("body_too_large", error)

    # Answering.

    def _answer_by_asgi(self, head: RequestHead, body: bytes, admitted: bool | None, closes: bool = False) -> None:
        site = self._site
        scope = site.scope(head, self._scheme, self._client, self._server)
        if admitted is not None:
            scope[ADMITTED] = admitted
        if self._request_began:
            scope[BEGUN] = True
        exchange = Exchange(self, head, body, scope, closes or not head.keep_alive)
        self._answering = exchange
        self._since = self._table.now
        caller_id = request_id_of(head)
        task = self._loop.create_task(
            exchange.run(site.app, lambda error: site.error_answer(error, caller_id, closes=True))
        )
        self._task = task
        site.server_state.tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._site.server_state.tasks.discard(task)
        if self._task is task:
            self._task = None

    def reply(self, status_line: bytes, rest: bytes, closes: bool = False) -> None:
        """Write the answer to a plain request; see ``serving.fastpath.Connection``."""
        if self.gone or self._transport.is_closing():
            self._answering = None
            return
        if not closes and self.must_close():
            closes = True
            rest = b"connection: close\r\n" + rest
        self._transport.write(b"%b%b%b" % (status_line, server_lines(self._site.server_state.default_headers), rest))
        self.answered(closes)

    def server_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers that the server adds to every answer."""
        headers: list[tuple[bytes, bytes]] = self._site.server_state.default_headers
        return headers

    def must_close(self) -> bool:
        """Tell whether the connection ends with the present answer: the service stops, or the client sends no more."""
        return self._closing or self._site.application.draining or (self._eof and not self._waiting)

    def write(self, data: bytes) -> None:
        """Write bytes of an answer; nothing happens if the client has left."""
        if not self.gone and not self._transport.is_closing():
            self._transport.write(data)

    async def drained(self) -> None:
        """Wait until the client has read enough for more to be written."""
        while self._write_paused and not self.gone:
            if self._writable is None:
                self._writable = self._loop.create_future()
            await asyncio.shield(self._writable)

    def answered(self, closes: bool) -> None:
        """Go on with the next request, or close the connection."""
        self._answering = None
        self._used = True
        self._request_began = False
        self._site.server_state.total_requests += 1
        self._since = self._table.now
        if closes:
            self._end()
        elif self._write_paused:
            self._pause_reading()
        elif self._waiting or self._eof or self._closing or self._reading_paused:
            self._continue()
        else:
            self._idle = True

    def _continue(self) -> None:
        """Wait for the next request, or read it in the next turn of the loop if it is there."""
        if self._waiting:
            if not self._turn:
                self._turn = True
                self._loop.call_soon(self._next)
            return
        if self._eof or self._closing:
            self._end()
            return
        self._idle = True
        self._resume_reading()

    def _next(self) -> None:
        self._turn = False
        if self.gone or self._lingering or self._write_paused:
            return
        data, position = self._waiting, self._position
        self._waiting = b""
        self._since = self._table.now
        self._read(data, position)
        if not self._idle and self._answering is None and not self._turn and not self._lingering:
            # The rest of a request is still to come.
            if self._eof:
                self._fail(malformed("truncated", "The connection ended before the request was whole."))
            else:
                self._resume_reading()

    # Ends.

    def _fail(self, fault: ProtocolError) -> None:
        """Answer a request that cannot be framed, and close the connection."""
        self._refuse(fault)
        self._forget()
        self._end()

    def _refuse(self, fault: ProtocolError) -> None:
        self._site.application.count_fault(fault)
        self.write(self._site.error_answer(fault.error, self._caller_id(), closes=True))

    def _caller_id(self) -> bytes | None:
        """Return the id that the caller gave the request that is being read, if that much of it is known."""
        if self._head is not None:
            return request_id_of(self._head)
        plain = self._site.heads.find(bytes(self._partial), 0) if self._partial.startswith(STARTS) else None
        return None if plain is None else plain[1]

    def _forget(self) -> None:
        """Give back what a request that will not be answered holds."""
        self._head = None
        self._partial = bytearray()
        self._waiting = b""
        self._leave_body()

    def _end(self) -> None:
        """Close the connection, so that the client gets to read what was written."""
        self._idle = False
        if self.gone or self._transport.is_closing():
            return
        if self._eof or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._lingering = True
        self._since = self._table.now
        self._waiting = b""
        self._transport.write_eof()
        self._resume_reading()

    def _throw_away(self, size: int) -> None:
        self._lingered_bytes += size
        if self._lingered_bytes > LINGER_BYTES:
            self._transport.close()

    def _watchdog(self) -> None:
        """Answer for whoever should have answered long ago. That this happens is a defect, so it is counted and logged."""
        answering, task = self._answering, self._task
        site = self._site
        text = f"The service did not answer within {site.answer_timeout_s:g} seconds; its log has the reason."
        error = InternalError(text)
        site.application.count_watchdog()
        logger.error("a request was not answered within %g s: this is a defect", site.answer_timeout_s)
        self._closing = True
        if isinstance(answering, FastPrediction):
            answering.abandon(error)
        elif task is not None:
            task.cancel()
        else:
            self.abort()

    # Flow control.

    def _pause_reading(self) -> None:
        if not self._reading_paused and not self.gone and not self._eof:
            self._reading_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._reading_paused:
            self._reading_paused = False
            if not self.gone and not self._transport.is_closing():
                self._transport.resume_reading()

    def _readable(self) -> bool:
        """Tell whether bytes wait in the socket: the client may have sent a request at the last moment."""
        handle = self._transport.get_extra_info("socket")
        if handle is None:
            return False
        poll = select.poll()
        poll.register(handle.fileno(), select.POLLIN)
        return bool(poll.poll(0))


def request_id_of(head: RequestHead) -> bytes | None:
    """Return the id that the caller gave a request, unchecked."""
    return next((value for name, value in head.headers if name == REQUEST_ID_HEADER), None)


def _buffer_full() -> ProtocolError:
    return ProtocolError("buffer_full", OverloadedError("Too many bodies are arriving at once. Try again shortly."))


def _address(name: Any) -> tuple[str, int] | None:
    """Return host and port of a socket's name; None for sockets that have none."""
    return (str(name[0]), int(name[1])) if isinstance(name, list | tuple) and len(name) >= 2 else None


def _keep_tcp_alive(transport: asyncio.BaseTransport) -> None:
    """Let the kernel find out that a client's machine is gone."""
    handle = transport.get_extra_info("socket")
    if handle is not None and handle.family in (socket.AF_INET, socket.AF_INET6):
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
