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
import select
import socket
from typing import Any

from bundle.numbers import number_text
from serving.errors import (
    InternalError,
    OverloadedError,
    RequestTimeoutError,
)
from serving.fastpath import FastPrediction
from serving.http1.arrival import Arrival
from serving.http1.error import ProtocolError
from serving.http1.exchange import Exchange, server_lines
from serving.http1.head import RequestHead, malformed, parse_head, request_id_of
from serving.http1.plain import STARTS, PlainHead
from serving.http1.site import Site
from serving.predict import ADMITTED, BEGUN

logger = logging.getLogger("tabento.serving")

LINGER_S = 2.0
"""For how long a client that was refused may go on sending before its connection is closed."""
LINGER_BYTES = 16 * 1024 * 1024
"""How much of that is thrown away before its connection is closed."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class HttpConnection(asyncio.Protocol):
    """Reads requests from one connection, and writes their answers in order.

    Args:
        site: what all connections of the server share.
        loop: the running event loop.
    """

    __slots__ = (
        "_answering",
        "_arrival",
        "_client",
        "_closing",
        "_eof",
        "_fast",
        "_find_plain",
        "_idle",
        "_lingered_bytes",
        "_lingering",
        "_loop",
        "_position",
        "_reading_paused",
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
        # Looked up once, for the fast path.
        self._fast = site.fast
        self._find_plain = site.heads.find
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
        self._arrival = Arrival(site, self._ask_for_body)
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
        self._waiting = b""
        self._arrival.forget()
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
        try:
            whole = self._arrival.add(data)
        except ProtocolError as fault:
            self._fail(fault)
            return
        if whole is not None:
            self._read(whole, 0)

    def eof_received(self) -> bool:
        """Note that the client sends no more; what it has sent is still answered."""
        self._eof = True
        if self._answering is not None or self._turn or self._write_paused:
            return True
        if self._lingering or self._arrival.empty:
            return False
        self._fail(malformed("truncated", "The connection ended before the request was whole."))
        return True

    def pause_writing(self) -> None:
        """Stop taking requests in until the client has read."""
        self._write_paused = True
        self._idle = False
        self._note_unsent()

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
        if self._idle or (self._answering is None and not self._turn and not self._arrival.in_body):
            self._note_unsent()
            self._transport.close()
        else:
            self._closing = True

    # What the table calls.

    def check(self, now: float) -> None:
        """End the connection if it has waited longer than a limit allows; see ``serving.http1.table``."""
        site = self._site
        # ``_since`` may be a tick too early.
        waited_s = now - self._since - self._table.tick_s
        if self._lingering or self._write_paused or self._transport.is_closing():
            self._check_unsent(now, waited_s)
        elif self._answering is not None or self._turn:
            if waited_s > site.answer_timeout_s:
                self._watchdog()
        elif self._idle:
            if waited_s > (site.keep_alive_s if self._used else site.head_timeout_s) and not self._readable():
                self._transport.close()
        elif not self._arrival.in_body:
            if waited_s > site.head_timeout_s:
                text = f"The head of the request did not arrive within {number_text(site.head_timeout_s)} seconds."
                self._fail(ProtocolError("timeout", RequestTimeoutError(text)))
        elif waited_s > site.body_timeout_s:
            text = f"The body did not arrive within {number_text(site.body_timeout_s)} seconds."
            self._fail(ProtocolError("timeout", RequestTimeoutError(text)))

    def _note_unsent(self) -> None:
        """Begin to watch whether the client takes what was written."""
        self._since = self._table.now
        self._stalled_bytes = self._transport.get_write_buffer_size()

    def _check_unsent(self, now: float, waited_s: float) -> None:
        """End a connection whose client takes none of its answer, or that is only there to be closed."""
        size = self._transport.get_write_buffer_size()
        if size < self._stalled_bytes:
            self._stalled_bytes, self._since = size, now
        elif size and waited_s > self._site.write_timeout_s:
            logger.warning("a client did not read its answer for %g s and is cut off", self._site.write_timeout_s)
            self.abort()
        elif not size and waited_s > LINGER_S:
            self.abort()

    def abort(self) -> None:
        """Close the connection at once, whatever is in flight on it."""
        self._transport.abort()
        if self._task is not None:
            self._task.cancel()

    # Reading.

    def _read(self, data: bytes, position: int) -> None:
        """Go on with the request that begins, or continues, at a position of what was read."""
        self._idle = False
        arrival = self._arrival
        try:
            if self._fast and data.startswith(STARTS, position) and arrival.head is None:
                plain = self._find_plain(data, position)
                if plain is not None:
                    self._read_plain(plain, data, position)
                    return
            in_body = arrival.in_body
            request = arrival.feed(data, position)
            if request is not None:
                if len(request.data) > request.end:
                    self._waiting, self._position = request.data, request.end
                self._answer_by_asgi(request.head, request.body, None, request.closes)
                arrival.answering()
            elif arrival.in_body and not in_body:
                self._since = self._table.now
            elif arrival.empty:  # there were only empty lines
                self._continue()
        except ProtocolError as fault:
            self._fail(fault)
        except Exception:
            logger.exception("a request could not be read; its connection is closed")
            arrival.forget()
            self.abort()

    def _read_plain(self, plain: tuple[PlainHead, bytes | None, int], data: bytes, position: int) -> None:
        """Answer a plain request if it is whole, or keep what is there of it.

        Args:
            plain: what its head says, the request id that the caller chose, and where its body begins.
            data: what was read.
            position: where the request begins in it.
        """
        head, caller_id, start = plain
        end = start + head.length
        if len(data) < end:
            self._arrival.keep(data[position:], end - position)
            self._since = self._table.now
            return
        if len(data) > end:
            self._waiting, self._position = data, end
        application = self._site.application
        admitted = application.admit(head.length)
        if admitted:
            # The answer may be there when ``start`` returns.
            self._answering = prediction = application.fast_prediction(self, head, caller_id)
            if not prediction.start(data[start:end]):
                self._answer_by_asgi(parse_head(data[position : start - 2]), data[start:end], admitted)
        elif admitted is None:
            self._answer_by_asgi(parse_head(data[position : start - 2]), data[start:end], admitted)
        else:
            self._transport.write(application.refusal(head.path, caller_id, self._site.server_state.default_headers))
            self.answered(closes=False)
        if self._arrival.reserved is not None:
            self._arrival.answering()

    def _ask_for_body(self) -> None:
        self._transport.write(CONTINUE)

    # Answering.

    def _answer_by_asgi(self, head: RequestHead, body: bytes, admitted: bool | None, closes: bool = False) -> None:
        site = self._site
        scope = site.scope(head, self._scheme, self._client, self._server)
        if admitted is not None:
            scope[ADMITTED] = admitted
        if self._arrival.before_drain:
            scope[BEGUN] = True
        exchange = Exchange(self, head, body, scope, closes or not head.keep_alive)
        self._answering = exchange
        self._since = self._table.now
        caller_id = request_id_of(head)
        task = self._loop.create_task(exchange.run(site.app, lambda error: site.error_answer(error, caller_id)))
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
        site = self._site
        # ``must_close``, without a call for each answer.
        if not closes and (self._closing or self._eof or site.application.draining) and self.must_close():
            closes = True
            rest = b"connection: close\r\n" + rest
        state = site.server_state
        self._transport.write(b"%b%b%b" % (status_line, server_lines(state.default_headers), rest))
        if closes or self._write_paused or self._waiting or self._eof or self._closing or self._reading_paused:
            self.answered(closes)
            return
        # The same as ``answered`` does for most answers.
        self._answering = None
        self._used = self._idle = True
        state.total_requests += 1
        self._since = self._table.now

    def dismiss(self) -> None:
        """Forget the request that is being answered; see ``serving.fastpath.Connection``."""
        self._answering = None

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
            if not self._eof:
                self._resume_reading()
            elif not self._arrival.empty:
                self._fail(malformed("truncated", "The connection ended before the request was whole."))

    # Ends.

    def _fail(self, fault: ProtocolError) -> None:
        """Answer a request that cannot be framed, and close the connection."""
        self._refuse(fault)
        self._arrival.forget()
        self._end()

    def _refuse(self, fault: ProtocolError) -> None:
        self._site.application.count_fault(fault)
        self.write(self._site.error_answer(fault.error, self._arrival.caller_id()))

    def _end(self) -> None:
        """Close the connection, so that the client gets to read what was written."""
        self._idle = False
        if self.gone or self._transport.is_closing():
            return
        self._waiting = b""
        self._note_unsent()
        if self._eof or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._lingering = True
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
        text = (
            f"The service did not answer within {number_text(site.answer_timeout_s)} seconds; its log has the reason."
        )
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


def _address(name: Any) -> tuple[str, int] | None:
    """Return host and port of a socket's name; None for sockets that have none."""
    return (str(name[0]), int(name[1])) if isinstance(name, list | tuple) and len(name) >= 2 else None


def _keep_tcp_alive(transport: asyncio.BaseTransport) -> None:
    """Let the kernel find out that a client's machine is gone."""
    handle = transport.get_extra_info("socket")
    if handle is not None and handle.family in (socket.AF_INET, socket.AF_INET6):
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
