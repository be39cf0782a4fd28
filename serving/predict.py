"""``POST /predict``: the hot path. Every line here is paid for by every request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import MutableMapping
from time import perf_counter
from typing import Any

from runners.errors import DrainingError, ExpiredError, GoneError, InferenceError, QueueFullError
from runners.runner import Runner
from runners.work import Values, Work
from serving.codec.slices import SliceScheduler, SliceTime
from serving.encode import with_identifiers
from serving.errors import (
    ClientGoneError,
    DeadlineError,
    Detail,
    InternalError,
    OverloadedError,
    ServingError,
    UnavailableError,
)
from serving.head import Head
from serving.http import CLOSE_HEADER, JSON_HEADER, Receive, Send, answer, header_lines, read_body, status_line
from serving.http1.exchange import exchange_of, server_lines
from serving.metrics import Metrics
from serving.model import ServedModel
from serving.request_ids import HEADER as REQUEST_ID_HEADER
from serving.rows import Rows
from serving.settings import ServingSettings

logger = logging.getLogger("tabento.serving")

PREDICT_PATHS = {"/predict": False, "/api/v1/predict": False, "/predict/batch": True}
"""Where predictions are answered, and whether only many rows are taken there."""
ADMITTED = "tabento.admitted"
"""The key of an ASGI scope whose request was already judged by admission; its value tells whether it was admitted."""
BEGUN = "tabento.begun"
"""The key of an ASGI scope whose request began to arrive before the service began to drain, so that it is answered."""
RETRY_AFTER_S = 1
SINGLE_ROW_FACTOR = 1.5
"""A body of up to this many times the length of an example row is taken for a body of one row."""


def shed() -> OverloadedError:
    """Return the error of a request that is refused for load."""
    return OverloadedError("More is asked for than can be answered in time. Try again shortly.", RETRY_AFTER_S)


class Refusal:
    """The whole answer to a request that is refused for load, of which only the request's id ever changes."""

    def __init__(self) -> None:
        error = shed()
        before, after = error.body("\0").split(b"\\u0000")
        self._status_line = status_line(error.status)
        self._headers = b"%b%b: " % (header_lines((JSON_HEADER, *error.headers)), REQUEST_ID_HEADER)
        self._body = before, after
        self._length = len(before) + len(after)
        self._server_headers: list[tuple[bytes, bytes]] | None = None
        self._template = b""

    def answer(self, request_id: bytes, server_headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return status line, headers and body.

        Args:
            request_id: letters, digits, dots, dashes and underscores only.
            server_headers: what uvicorn adds to every answer; a new list each second.
        """
        if server_headers is not self._server_headers:
            self._server_headers = server_headers
            before = self._status_line, server_lines(server_headers), self._headers
            parts = [part.replace(b"%", b"%%") for part in (*before, *self._body)]
            self._template = b"%b%b%b%%b\r\ncontent-length: %%d\r\n\r\n%b%%b%b" % tuple(parts)
        return self._template % (request_id, self._length + len(request_id), request_id)


def stopping() -> UnavailableError:
    """Return the error of a request that comes while the service stops."""
    error = UnavailableError("The service is stopping. Try another replica.", RETRY_AFTER_S)
    error.headers = (*error.headers, CLOSE_HEADER)
    return error


_OK = status_line(200)
_OK_REST = b"%b%b: %%b\r\ncontent-length: %%d\r\n\r\n%%b" % (header_lines((JSON_HEADER,)), REQUEST_ID_HEADER)


def whole_answer(request_id: bytes, content: bytes) -> tuple[bytes, bytes]:
    """Return the status line, and headers and body, of a prediction; the server's own headers come in between."""
    return _OK, _OK_REST % (request_id, len(content), content)


class Predictions:
    """Answers predictions of one model on one event loop.

    Args:
        model: what decodes and encodes.
        runner: what answers rows.
        settings: the serving settings.
        metrics: where requests are counted.
        loop: the running event loop.
    """

    def __init__(
        self,
        model: ServedModel,
        runner: Runner,
        settings: ServingSettings,
        metrics: Metrics,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.decode_plain = model.decoder.decode_plain
        self.submit = runner.batcher.submit
        self.slo_s = model.options.slo_s
        self.max_body_bytes = settings.max_body_bytes
        self.metrics = metrics
        self._decode_steps = model.decode_steps
        self._slices = SliceScheduler()
        self._encode = model.encoder.encode
        self.encode = self._encode_identified if model.bundle.contract.identifiers else self._encode_numbers
        """Returns the body of an answer, given values, the request's rows and its id."""
        self._admit = runner.admission.admit
        self.worked = runner.admission.worked
        self.decoded = runner.admission.decoded
        self._rejected = runner.admission.rejected
        self._body_timeout_s = settings.body_timeout_s
        self._new_future = loop.create_future
        # About how many bytes a row has: what a request costs is guessed from its length before it is read.
        example = model.bundle.examples[0]
        self._row_bytes = max(len(str(example)), 1)
        # Rows are not equally long: a body of up to so many bytes is taken for one of one row.
        self._single_bytes = SINGLE_ROW_FACTOR * self._row_bytes

    def admit(self, length: int) -> bool:
        """Tell whether a request whose body has about so many bytes is let in; asked once a request."""
        if self._admit(length / self._row_bytes if length > self._single_bytes else 1.0):
            return True
        self._count_shed("budget")
        return False

    def _rows_of(self, length: int) -> float:
        """Return about how many rows a body of so many bytes has, at least 1."""
        return length / self._row_bytes if length > self._single_bytes else 1.0

    def _count_shed(self, reason: str) -> None:
        shed_by = self.metrics.shed
        shed_by[reason] = shed_by.get(reason, 0) + 1

    async def answer(
        self,
        scope: MutableMapping[str, Any],
        receive: Receive,
        send: Send,
        head: Head,
        request_id: bytes,
        batch_only: bool,
    ) -> int:
        """Answer one request.

        Raises:
            ServingError: what the client is to be told instead.
            ClientGoneError: nobody is left to tell.
        """
        started = perf_counter()
        metrics = self.metrics
        if head.fault is not None:
            raise head.fault
        admitted = scope.get(ADMITTED)
        if not (self.admit(head.length or 0) if admitted is None else admitted):
            raise shed()
        metrics.in_flight += 1
        try:
            body = await read_body(head, receive, self.max_body_bytes, self._body_timeout_s)
            rows = await self._decode(body, batch_only)
            future: asyncio.Future[bytes | None] = self._new_future()
            encode = self.encode
            # The promise holds from the moment at which the body is there; the caller's deadline from the first byte.
            read = perf_counter()
            strict = head.deadline_ms is not None
            deadline = read + self.slo_s if head.deadline_ms is None else started + head.deadline_ms / 1000

            exchange = exchange_of(receive, send)

            def done(values: Values | None, error: Exception | None) -> None:
                # The answer is written here and not in the task, which would have to wait for its turn first.
                if future.done():
                    return
                try:
                    if values is None:
                        raise self.explain(error, head.deadline_ms, request_id)
                    content = encode(values, rows, request_id)
                    sent = exchange is not None and exchange.reply(*whole_answer(request_id, content))
                except Exception as failure:
                    future.set_exception(failure)
                else:
                    future.set_result(None if sent else content)

            gone = future.done if exchange is None else exchange.gone
            self.submit(Work(rows.data, rows.count, read, deadline, done, strict, gone))
            content = await future
            if content is not None:
                await answer(send, 200, content, (JSON_HEADER, (REQUEST_ID_HEADER, request_id)))
        finally:
            metrics.in_flight -= 1
        self.count_latency(perf_counter() - read)
        return 200

    async def _decode(self, body: bytes, batch_only: bool) -> Rows:
        """Return the rows of a body, decoded in slices, and let admission know what that took.

        Raises:
            ServingError: the body is not rows of the contract.
        """
        decoding = SliceTime(self.worked)
        try:
            rows = await self._slices.run(self._decode_steps(body, batch_only), decoding)
        except ServingError:
            self._rejected(self._rows_of(len(body)), decoding.total_s)
            raise
        if rows.count > 1:
            self.decoded(rows.count, decoding.total_s)
        return rows

    def count_latency(self, seconds: float) -> None:
        """Count how long a prediction took, from the moment at which its body was there."""
        metrics = self.metrics
        metrics.latency_s.add(seconds)
        if seconds > self.slo_s:
            metrics.over_slo += 1

    def _encode_identified(self, values: Values, rows: Rows, request_id: bytes) -> bytes:
        """Return the body of an answer that repeats the rows' identifiers; see ``_encode_numbers``."""
        return with_identifiers(self._encode_numbers(values, rows, request_id), rows.identifiers)

    def _encode_numbers(self, values: Values, rows: Rows, request_id: bytes) -> bytes:
        """Return the body of an answer; see ``serving.encode.Encoder``.

        Raises:
            InternalError: the model answered what JSON or its contract cannot say; it is in the log.
        """
        try:
            return self._encode(values, rows.single, request_id)
        except InternalError as failure:
            logger.error("request %s: %s", request_id.decode(), failure)
            raise

    def explain(
        self, error: Exception | None, deadline_ms: float | None, request_id: bytes
    ) -> ServingError | ClientGoneError:
        """Return what the client is told where the runner gave no predictions; what is our fault is in the log."""
        if isinstance(error, ExpiredError) and deadline_ms is not None:
            return DeadlineError(f"The deadline of {deadline_ms:g} ms passed before the model ran.")
        if isinstance(error, ExpiredError | QueueFullError):
            self._count_shed("expired" if isinstance(error, ExpiredError) else "queue_full")
            return shed()
        if isinstance(error, DrainingError):
            return stopping()
        if isinstance(error, GoneError):
            return ClientGoneError()
        logger.error("request %s: %s", request_id.decode(), error or "the model gave no answer")
        details = []
        if isinstance(error, InferenceError):
            details.append(Detail(error.row, None, "a row that the model can answer", "a row on which it fails"))
        return InternalError("The model failed; the service's log has the reason under the request's id.", details)
