"""Predictions that are answered on the fast path: plain requests, without a task or ASGI's messages.

What a request costs besides its rows is what limits a service of inexpensive rows. A plain request
(``serving.http1.plain``) goes from the connection's bytes straight to the batcher, and its answer from the batcher to the
connection. The answer is the same, byte for byte, as through ASGI: a property test sends the same requests both ways.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import perf_counter
from typing import Protocol

from runners.work import Values, Work
from serving.errors import ClientGoneError, InternalError, ServingError
from serving.http import CLOSE_HEADER, JSON_HEADER, header_lines, status_line
from serving.http1.plain import PlainHead
from serving.predict import Predictions, whole_answer
from serving.request_ids import HEADER as REQUEST_ID_HEADER
from serving.rows import Rows

logger = logging.getLogger("tabento.serving")

Finished = Callable[[str, int, float, bytes], object]
"""Called after each answer with path, status, seconds since the request was read, and request id."""
CLIENT_GONE_STATUS = 499
"""How a request is counted if its client left before the answer; no such answer is sent."""


class Connection(Protocol):
    """The connection that waits for an answer."""

    gone: bool
    """Whether the client has left."""

    def reply(self, status_line: bytes, rest: bytes, closes: bool = False) -> None:
        """Write the answer; the server's own headers come between the status line and the rest.

        Args:
            status_line: with its line end.
            rest: headers with content-length, an empty line, and the body.
            closes: whether the connection ends with it, as the headers say.
        """
        ...

    def dismiss(self) -> None:
        """Forget the request: its client has left."""
        ...


class FastPrediction:
    """One plain request on its way to its answer."""

    __slots__ = ("_connection", "_finished", "_head", "_open", "_predictions", "_read", "_request_id", "_rows")

    def __init__(
        self,
        predictions: Predictions,
        connection: Connection,
        head: PlainHead,
        request_id: bytes,
        finished: Finished,
    ) -> None:
        self._predictions = predictions
        self._connection = connection
        self._head = head
        self._request_id = request_id
        self._finished = finished
        self._open = False
        self._rows: Rows | None = None
        self._read = 0.0

    def start(self, body: bytes) -> bool:
        """Hand the body's rows to the batcher; tell whether they are plainly right, or ASGI's way has to judge."""
        predictions, head = self._predictions, self._head
        began = perf_counter()
        rows = predictions.decode_plain(body)
        if rows is None or (head.batch_only and rows.single):
            return False
        self._open = True
        self._rows = rows
        self._read = read = perf_counter()
        if rows.count > 1:
            predictions.worked(read - began)
            predictions.decoded(rows.count, read - began)
        predictions.metrics.in_flight += 1
        strict = head.deadline_ms is not None
        deadline = read + predictions.slo_s if head.deadline_ms is None else began + head.deadline_ms / 1000
        predictions.submit(Work(rows.data, rows.count, read, deadline, self.done, strict, self.gone))
        return True

    def gone(self) -> bool:
        """Tell whether the client has left, or was answered by the watchdog."""
        return self._connection.gone or not self._open

    def done(self, values: Values | None, error: Exception | None) -> None:
        """Write the answer, and count it; see ``runners.work.Work``."""
        if not self._open:
            return
        self._open = False
        predictions = self._predictions
        predictions.metrics.in_flight -= 1
        status = 200
        try:
            rows = self._rows
            if values is None or rows is None:
                raise predictions.explain(error, self._head.deadline_ms, self._request_id)
            content = predictions.encode(values, rows, self._request_id)
            predictions.count_latency(perf_counter() - self._read)
            self._connection.reply(*whole_answer(self._request_id, content))
        except ClientGoneError:
            status = CLIENT_GONE_STATUS
            self._connection.dismiss()
        except ServingError as failure:
            status = failure.status
            self._refuse(failure)
        except Exception:
            status = InternalError.status
            logger.exception("request %s could not be answered", self._request_id.decode())
            self._refuse(InternalError("The service failed on this request; its log has the reason."))
        finally:
            self._finished(self._head.path, status, perf_counter() - self._read, self._request_id)

    def abandon(self, error: ServingError) -> None:
        """Answer with an error because the batcher did not; what the batcher says later is ignored."""
        if not self._open:
            return
        self._open = False
        self._predictions.metrics.in_flight -= 1
        self._refuse(error)
        self._finished(self._head.path, error.status, perf_counter() - self._read, self._request_id)

    def _refuse(self, error: ServingError) -> None:
        body = error.body(self._request_id.decode())
        length = (b"content-length", b"%d" % len(body))
        headers = header_lines((JSON_HEADER, (REQUEST_ID_HEADER, self._request_id), *error.headers, length))
        self._connection.reply(status_line(error.status), b"%b\r\n%b" % (headers, body), CLOSE_HEADER in error.headers)
