"""One HTTP/1.1 connection: bytes in, one request at a time, bytes out.

A connection is in one of these states, and ``check`` bounds the time in each:

- *idle*: nothing has arrived since the last answer (``keep_alive_s``; ``head_timeout_s`` on a new connection);
- *reading*: a part of a request has arrived (``head_timeout_s``, then ``body_timeout_s``);
- *answering*: one request is being answered (``answer_timeout_s``); bytes that arrive meanwhile are kept up to one
  read of the socket, then reading pauses, so that a client has at most two requests in progress;
- *stalled*: the client does not read its answer (``write_timeout_s`` without progress);
- *lingering*: the last answer is written, and further bytes of the client are dropped, so that the answer reaches it
  (RFC 9112, 9.6).

The next request of a client that sends several at once is read in the next turn of the loop, so that connections take
turns. A client that closes its sending side still gets its answers; only a reset connection is treated as disconnected.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from time import perf_counter

from serving.errors import CLOSE_HEADER, InternalError, OverloadedError, RequestTimeoutError, ServingError
from serving.fastpath.arriving_request import ArrivingRequest
from serving.fastpath.connection_context import ConnectionContext
from serving.fastpath.error import ProtocolError
from serving.fastpath.exchange import Exchange
from serving.fastpath.plain_request import KNOWN_SECRET, STARTS, PlainMatch, key_line_of
from serving.fastpath.request_head import RequestHead, malformed, parse_head, request_id_of
from serving.fastpath.tcp_connection import TcpConnection
from serving.guards.caller import Caller
from serving.guards.guard import Guard, require_rate
from serving.guards.known_key import KnownKey
from serving.http import OK_LINE, error_rest, ok_rest, status_line
from serving.live_model import LiveModel
from serving.prediction import Prediction
from serving.routes.predict import STATE_ADMITTED, STATE_STARTED
from serving.trial_calls import choose
from tabento.bundle.numbers import number_text

logger = logging.getLogger("tabento.serving")

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class FastPathProtocol(TcpConnection):
    """Reads requests from one connection, and writes their answers in order.

    Args:
        context: the context that all connections of the server share.
        loop: the running event loop.
    """

    __slots__ = (
        "_admitting",
        "_answering",
        "_arriving",
        "_client_ends",
        "_fast",
        "_find_plain",
        "_guard",
        "_idle",
        "_known_key",
        "_position",
        "_server_lines",
        "_task",
        "_tracer",
        "_turn",
        "_used",
        "_waiting",
    )

    def __init__(self, context: ConnectionContext, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(context, loop)
        # Looked up once, for the fast path.
        self._fast = context.fast
        self._find_plain = context.heads.find
        self._guard = context.guard
        self._tracer = context.tracer
        self._known_key: KnownKey | None = None
        """The key of the last request, if it was accepted."""
        self._server_lines = context.server_lines
        self._admitting = context.state.admitting
        self._idle = True
        """Whether no bytes of a request are there and no answer is due."""
        self._used = False
        """Whether the connection has had an answer."""
        self._waiting = b""
        """The bytes that were read after the request that is being answered, from ``_position`` on."""
        self._position = 0
        self._arriving = ArrivingRequest(context, self._ask_for_body)
        self._answering: Prediction | Exchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._turn = False
        """Whether the next request is read in the next turn of the loop."""
        self._client_ends = False
        """Whether the client asked for the end of the connection after the present request."""

    # Called by the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept the connection, or refuse it if there are too many."""
        self._connect(transport)
        context, table = self._context, self._table
        context.server_state.connections.add(self)  # type: ignore[arg-type]
        table.add(self, self._loop)
        self._since = table.now
        is_counted = self._group is None or table.add_address(self._group)
        if len(table) > table.max_connections:
            error = OverloadedError(f"There are {table.max_connections} connections already. Try again shortly.")
            self._refuse(ProtocolError("too_many_connections", error))
            transport.close()
        elif not is_counted:
            error = OverloadedError(
                "There are too many connections of this address already. Use fewer, for more requests each."
            )
            self._refuse(ProtocolError("too_many_of_address", error))
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report to the request that its client has left, and release all resources."""
        self.is_gone = True
        self._table.remove(self)
        if self._group is not None:
            self._table.remove_address(self._group)
        self._context.server_state.connections.discard(self)
        self._idle = False
        self._waiting = b""
        self._arriving.close()
        if isinstance(self._answering, Exchange):
            self._answering.disconnect()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Read bytes; see the states above."""
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
            request_bytes = self._arriving.add(data)
        except ProtocolError as fault:
            self._fail(fault)
            return
        if request_bytes is not None:
            self._read(request_bytes, 0)

    def eof_received(self) -> bool:
        """Note that the client sends no more; the requests that it has sent are still answered."""
        self._eof = True
        if self._is_tls:
            return False  # TLS cannot stay open for one side
        if self._answering is not None or self._turn or self._write_paused:
            return True
        if self._lingering or self._arriving.empty:
            return False
        self._fail(malformed("truncated", "The connection ended before the request was whole."))
        return True

    def pause_writing(self) -> None:
        """Accept no more requests until the client has read."""
        self._write_paused = True
        self._idle = False
        self._note_unsent()

    def resume_writing(self) -> None:
        """Continue."""
        self._write_paused = False
        if self._writable is not None:
            self._writable.set_result(None)
            self._writable = None
        elif self._answering is None and not self._turn and not self.is_gone and not self._lingering:
            self._continue()

    # Called by uvicorn's server.

    def shutdown(self) -> None:
        """Close the connection when its request is answered.

        The first call, at the end of ``drain_s``, waits for a request that may be on its way: its first bytes have arrived, or the
        connection is new. uvicorn calls this again a moment later; a connection without a complete head is closed then.
        """
        is_waiting = self._answering is None and not self._turn and not self._arriving.in_body
        is_expecting = not self._closing and not (self._idle and self._used and not self._readable())
        if self._idle or is_waiting:
            if is_expecting:
                self._closing = True
                return
            self._note_unsent()
            self._transport.close()
        else:
            self._closing = True

    # Called by the connection table.

    def check(self, now: float) -> None:
        """End the connection if it has waited longer than a limit allows; see ``serving.fastpath.connection_table``."""
        context = self._context
        # ``_since`` may be a tick too early.
        waited_s = now - self._since - self._table.tick_s
        if self._lingering or self._write_paused or self._transport.is_closing():
            self._check_unsent(now, waited_s)
        elif self._answering is not None or self._turn:
            if waited_s > context.answer_timeout_s:
                self._watchdog()
        elif self._idle:
            if waited_s > (context.keep_alive_s if self._used else context.head_timeout_s) and not self._readable():
                self._transport.close()
        elif not self._arriving.in_body:
            if waited_s > context.head_timeout_s:
                text = f"The head of the request did not arrive within {number_text(context.head_timeout_s)} seconds."
                self._fail(ProtocolError("timeout", RequestTimeoutError(text)))
        elif waited_s > context.body_timeout_s:
            text = f"The body did not arrive within {number_text(context.body_timeout_s)} seconds."
            self._fail(ProtocolError("timeout", RequestTimeoutError(text)))

    def reading_since(self) -> float | None:
        """Return the time since which a request is awaited; see ``serving.fastpath.connection_table``."""
        if self._answering is not None or self._turn or self._lingering or self._write_paused or self.is_gone:
            return None
        return None if (self._idle and self._used) or self._transport.is_closing() else self._since

    def end_slow(self) -> None:
        """End the connection, because too many wait for their clients."""
        if self._idle:
            self._transport.close()
            return
        text = "The request did not arrive in time, and too many others are arriving. Send it in one piece."
        self._fail(ProtocolError("slow", RequestTimeoutError(text)))

    def abort(self) -> None:
        """Close the connection immediately, also if a request is in flight on it."""
        super().abort()
        if self._task is not None:
            self._task.cancel()

    # Reading.

    def _read(self, data: bytes, position: int) -> None:
        """Read the request that begins, or continues, at a position of the bytes."""
        self._idle = False
        arriving = self._arriving
        try:
            if self._fast and data.startswith(STARTS, position) and arriving.head is None:
                known_key = self._known_key
                if known_key is not None and not known_key.is_current(self._table.now):
                    known_key = self._known_key = None
                plain = self._find_plain(data, position, None if known_key is None else known_key.line)
                if plain is not None:
                    self._read_plain(plain, data, position)
                    return
            in_body = arriving.in_body
            request = arriving.feed(data, position)
            if request is not None:
                if len(request.data) > request.end:
                    self._waiting, self._position = request.data, request.end
                self._answer_by_asgi(request.head, request.body, None, request.closes)
                arriving.answering()
            elif arriving.in_body and not in_body:
                self._since = self._table.now
            elif arriving.empty:  # there were only empty lines
                self._continue()
        except ProtocolError as fault:
            self._fail(fault)
        except Exception:
            logger.exception("a request could not be read; its connection is closed")
            arriving.forget()
            self.abort()

    def _read_plain(self, plain: PlainMatch, data: bytes, position: int) -> None:
        """Answer a plain request if it is complete, or keep the bytes that have arrived.

        Args:
            plain: its head, with the values that were cut out of it.
            data: the bytes.
            position: the index at which the request begins.
        """
        head, _, start, secret, forwarded = plain
        end = start + head.length
        if self._is_proxied:
            self.client_address = self._context.client_of(self._address, forwarded)
        guard = self._guard
        caller: Caller | None = None
        if len(data) < end:
            if guard is not None and secret is not KNOWN_SECRET and not guard.admits(secret):
                self._answer_by_asgi(parse_head(data[position : start - 2]), b"", None, closes=True)
                return
            self._arriving.keep(data[position:], end - position)
            self._since = self._table.now
            return
        if len(data) > end:
            self._waiting, self._position = data, end
        model = self._admitting.get(head.path)
        if model is None:
            self._answer_by_asgi(parse_head(data[position : start - 2]), data[start:end], None)
        elif guard is not None and (caller := self._identify(guard, plain, data, position)) is None:
            pass
        else:
            self._predict(model, plain, data, position, caller)
        if self._arriving.reserved is not None:
            self._arriving.answering()

    def _predict(self, model: LiveModel, plain: PlainMatch, data: bytes, position: int, caller: Caller | None) -> None:
        """Answer a complete plain request of a caller who may send it."""
        head, caller_id, start, _, _ = plain
        end = start + head.length
        if model.split is not None:
            # Another version may answer; the request id decides if nothing else does, so it is chosen now.
            caller_id = self._context.ids.choose(caller_id)
            name = None if caller is None else caller.key_id
            model = choose(model, data[position:start], name, self.client_address, caller_id)
        if model.admit(head.length):
            request_id = self._context.ids.choose(caller_id)
            # The answer may have been sent when ``start_plain`` returns.
            if self._tracer is None:
                self._answering = prediction = Prediction(model, self, head.route, request_id, head.deadline_ms, caller)
            else:
                traceparent = self._context.heads.traceparent
                self._answering = prediction = self._tracer.new_prediction(
                    Prediction, traceparent, model, self, head.route, request_id, head.deadline_ms, caller
                )
            if not prediction.start_plain(data[start:end], head.batch_only):
                self._answer_by_asgi(parse_head(data[position : start - 2]), data[start:end], True)
        else:
            model.numbers.count_error(OverloadedError.status)
            self._transport.write(self._context.refuse(head.route, caller_id, self.client_address))
            self.complete_answer(closes=False)

    def _identify(self, guard: Guard, plain: PlainMatch, data: bytes, position: int) -> Caller | None:
        """Return the caller of a plain request, or refuse the request and return None.

        The caller of a key is remembered with its header line until the next tick of the connection table, so that the key of a
        connection is not hashed again for each request.
        """
        head, request_id, _, secret, _ = plain
        known_key = self._known_key
        try:
            if secret is KNOWN_SECRET and known_key is not None:
                require_rate(known_key.caller)
                return known_key.caller
            caller = guard.identify(secret, self.client_address, "predict")
        except ServingError as error:
            request_id = self._context.ids.choose(request_id)
            self._context.accounting.finish(
                "POST", head.route, head.path, error.status, perf_counter(), request_id, self.client_address
            )
            self.send_error(request_id, error)
            return None
        if secret is not None and guard.keys is not None and (line := key_line_of(data, position, secret)) is not None:
            self._known_key = KnownKey(line, caller, guard.keys, self._table.now)
        return caller

    def _ask_for_body(self) -> None:
        self._transport.write(CONTINUE)

    # Answering.

    def _answer_by_asgi(self, head: RequestHead, body: bytes, admitted: bool | None, closes: bool = False) -> None:
        context = self._context
        scope = context.scope(head, self._scheme, self._client, self._server)
        if admitted is not None:
            scope[STATE_ADMITTED] = admitted
        if self._arriving.before_drain:
            scope[STATE_STARTED] = True
        self._client_ends = not closes and not head.keep_alive
        request_id = context.ids.choose(request_id_of(head))
        exchange = Exchange(self, head, body, scope, closes or not head.keep_alive, request_id)
        self._answering = exchange
        self._since = self._table.now
        task = self._loop.create_task(exchange.run(context.app, lambda error: context.error_answer(error, request_id)))
        self._task = task
        context.server_state.tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._context.server_state.tasks.discard(task)
        if self._task is task:
            self._task = None

    def send_answer(self, request_id: bytes, content: bytes, lines: bytes) -> None:
        """Write the answer to a plain request; see ``serving.prediction.ClientConnection``."""
        self._reply(OK_LINE, ok_rest(request_id, content, lines), closes=False)

    def send_error(self, request_id: bytes, error: ServingError) -> None:
        """Write the error of a plain request; see ``serving.prediction.ClientConnection``."""
        self._reply(status_line(error.status), error_rest(request_id, error), CLOSE_HEADER in error.headers)

    def _reply(self, first_line: bytes, rest: bytes, closes: bool) -> None:
        """Write an answer, and get ready for the next request.

        Args:
            first_line: the status line, with its line end.
            rest: headers with content-length, an empty line, and the body.
            closes: whether the connection ends with the answer, as the headers say.
        """
        if self.is_gone or self._transport.is_closing():
            self._answering = None
            return
        context = self._context
        # ``must_close``, without a call for each answer.
        if not closes and (self._closing or self._eof or context.state.is_leaving) and self.must_close():
            closes = True
            rest = b"connection: close\r\n" + rest
        state = context.server_state
        self._transport.write(b"%b%b%b" % (first_line, self._server_lines(state.default_headers), rest))
        if closes or self._write_paused or self._waiting or self._eof or self._closing or self._reading_paused:
            self.complete_answer(closes)
            return
        # The same as ``complete_answer`` does for most answers.
        self._answering = None
        self._used = self._idle = True
        state.total_requests += 1
        self._since = self._table.now

    def forget(self) -> None:
        """Forget the request that is being answered; see ``serving.prediction.ClientConnection``."""
        self._answering = None

    def server_lines(self, names: Iterable[bytes] = ()) -> bytes:
        """Return the headers that the server adds to an answer; see ``serving.fastpath.exchange.AnswerWriter``."""
        return self._server_lines.join_without(self._context.server_state.default_headers, names)

    def must_close(self) -> bool:
        """Return whether the connection ends with the present answer: the service stops, or the client sends no more."""
        return self._closing or self._context.state.is_leaving or (self._eof and not self._waiting)

    def complete_answer(self, closes: bool) -> None:
        """Continue with the next request, or close the connection."""
        self._answering = None
        self._used = True
        self._context.server_state.total_requests += 1
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
        """Wait for the next request, or read it in the next turn of the loop if it has arrived."""
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
        if self.is_gone or self._lingering or self._write_paused:
            return
        data, position = self._waiting, self._position
        self._waiting = b""
        self._since = self._table.now
        self._read(data, position)
        if not self._idle and self._answering is None and not self._turn and not self._lingering:
            # The rest of a request has not arrived.
            if not self._eof:
                self._resume_reading()
            elif not self._arriving.empty:
                self._fail(malformed("truncated", "The connection ended before the request was whole."))

    # Ends.

    def _fail(self, fault: ProtocolError) -> None:
        """Answer a request that cannot be framed, and close the connection."""
        self._refuse(fault)
        self._arriving.forget()
        self._client_ends = False
        self._end()

    def _refuse(self, fault: ProtocolError) -> None:
        self._context.accounting.count_protocol_error(fault)
        head = self._arriving.head
        path = "" if head is None else head.path
        self.write(self._context.error_answer(fault.error, self._arriving.caller_id(), path))

    def _end(self) -> None:
        """Close the connection, so that the client can read the bytes that were written."""
        self._idle = False
        if self.is_gone or self._transport.is_closing():
            return
        self._waiting = b""
        self._linger(self._client_ends)

    def _watchdog(self) -> None:
        """Answer a request that was not answered in time. This is a defect, so it is counted and logged."""
        answering, task = self._answering, self._task
        context = self._context
        text = f"The service did not answer within {number_text(context.answer_timeout_s)} seconds; its log has the reason."
        error = InternalError(text)
        context.accounting.count_watchdog()
        request_id = None
        if isinstance(answering, Prediction):
            request_id = answering.request_id
        elif answering is not None:
            request_id = answering.request_id.decode()
        logger.error(
            "a request was not answered within %g s: this is a defect",
            context.answer_timeout_s,
            extra={"request_id": request_id},
        )
        self._closing = True
        if isinstance(answering, Prediction):
            answering.fail(error)
        elif task is not None:
            task.cancel()
        else:
            self.abort()
