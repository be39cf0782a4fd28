"""Predictions that the doorman answers: plain requests, without a parser, a task or ASGI's messages between.

What a request costs besides its rows is what limits a service of cheap rows, and most of that is uvicorn's parser, the task
and the scope of each request. A plain request (``serving.plain``) needs none of them: its rows go from the connection's bytes
straight to the batcher, and the answer from the batcher to the connection. It says what the long way says, byte for byte:
a property test sends the same requests both ways.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Protocol

from runners.work import Values, Work
from serving.errors import ClientGoneError, ServingError
from serving.http import CLOSE_HEADER, JSON_HEADER, header_lines, status_line
from serving.plain import PlainHead
from serving.predict import Predictions, whole_answer
from serving.request_ids import HEADER as REQUEST_ID_HEADER

Finished = Callable[[str, int, float, bytes], object]
"""Told of each answer: path, status, seconds since it was read, request id."""
CLIENT_GONE_STATUS = 499
"""How a request is counted whose client left before the answer; no such answer is sent."""


class Connection(Protocol):
    """The connection that waits for an answer."""

    gone: bool
    """Whether the client has left."""

    def reply(self, status_line: bytes, rest: bytes, closes: bool = False) -> None:
        """Write an answer; the server's own headers come between status line and the rest.

        Args:
            status_line: with its line end.
            rest: headers with content-length, an empty line, and the body.
            closes: whether the connection ends with it, as the headers say.
        """
        ...


class PlainPrediction:
    """One plain request on its way to its answer."""

    __slots__ = ("_connection", "_finished", "_head", "_predictions", "_read", "_request_id", "_single")

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
        self._single = True
        self._read = 0.0

    def start(self, body: bytes) -> bool:
        """Hand the body's rows to the batcher; tell whether they are plainly right, or the long way is to judge."""
        predictions, head = self._predictions, self._head
        began = perf_counter()
        rows = predictions.decode_plain(body, head.batch_only) if len(body) <= predictions.max_body_bytes else None
        if rows is None:
            return False
        self._single = rows.single
        self._read = read = perf_counter()
        if rows.count > 1:
            predictions.decoded(rows.count, read - began)
        predictions.metrics.in_flight += 1
        strict = head.deadline_ms is not None
        deadline = read + predictions.slo_s if head.deadline_ms is None else began + head.deadline_ms / 1000
        predictions.submit(Work(rows.data, rows.count, read, deadline, self.done, strict, self.gone))
        return True

    def gone(self) -> bool:
        """Tell whether the client has left."""
        return self._connection.gone

    def done(self, values: Values | None, error: Exception | None) -> None:
        """Write the answer, and count it; see ``runners.work.Work``."""
        status = 200
        metrics = self._predictions.metrics
        metrics.in_flight -= 1
        try:
            if values is None:
                raise self._predictions.explain(error, self._head.deadline_ms, self._request_id)
            content = self._predictions.encode(values, self._single, self._request_id)
            seconds = perf_counter() - self._read
            metrics.latency_s.add(seconds)
            if seconds > self._predictions.slo_s:
                metrics.over_slo += 1
            self._connection.reply(*whole_answer(self._request_id, content))
        except ClientGoneError:
            status = CLIENT_GONE_STATUS
        except ServingError as failure:
            status = failure.status
            body = failure.body(self._request_id.decode())
            length = (b"content-length", b"%d" % len(body))
            headers = header_lines((JSON_HEADER, (REQUEST_ID_HEADER, self._request_id), *failure.headers, length))
            closes = CLOSE_HEADER in failure.headers
            self._connection.reply(status_line(status), b"%b\r\n%b" % (headers, body), closes)
        self._finished(self._head.path, status, perf_counter() - self._read, self._request_id)
