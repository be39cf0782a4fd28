"""One prediction, from the bytes of its request to its answer.

The same object serves both connections: the socket (``serving.fastpath.protocol``), if the request is plain, and ASGI
(``serving.routes.predict``) for everything else. It hands the rows to the batcher, sends the answer or the error, and
accounts for the request once. The answers of both connections are equal, byte for byte: a property test sends the same
requests to both.

Every request on the hot path pays for every line here.
"""

from __future__ import annotations

import logging
from time import perf_counter
from typing import Protocol

from runners.work import Values, Work
from serving.codec.rows import Rows
from serving.errors import ClientGoneError, InternalError, InvalidError, ServingError
from serving.live_model import LiveModel

logger = logging.getLogger("tabento.serving")

CLIENT_GONE_STATUS = 499
"""The status under which a request is counted if its client left before the answer; no such answer is sent."""


class ClientConnection(Protocol):
    """The connection to the client that waits for an answer."""

    @property
    def is_gone(self) -> bool:
        """Whether no client waits for the answer any more."""
        ...

    def send_answer(self, request_id: bytes, content: bytes) -> None:
        """Send the status 200 and a body of JSON.

        Raises:
            ClientGoneError: the client left, or the request was ended otherwise.
        """
        ...

    def send_error(self, request_id: bytes, error: ServingError) -> None:
        """Send an error in its envelope."""
        ...

    def forget(self) -> None:
        """Forget the request: its client has left."""
        ...


class Prediction:
    """One request for a prediction; a ``runners.work.Requester``.

    Args:
        model: the model that answers.
        connection: the connection to the client.
        path: the path of the request.
        request_id: its id.
        deadline_ms: the time that the caller waits, if the caller set one.
    """

    __slots__ = (
        "_connection",
        "_deadline_ms",
        "_is_open",
        "_model",
        "_path",
        "_read_s",
        "_request_id",
        "_rows",
        "_started_s",
    )

    def __init__(
        self,
        model: LiveModel,
        connection: ClientConnection,
        path: str,
        request_id: bytes,
        deadline_ms: float | None,
    ) -> None:
        self._model = model
        self._connection = connection
        self._path = path
        self._request_id = request_id
        self._deadline_ms = deadline_ms
        self._is_open = False
        self._rows: Rows | None = None
        self._started_s = self._read_s = perf_counter()

    def open(self) -> None:
        """Count the request as in flight until it is answered."""
        self._is_open = True
        self._model.accounting.metrics.in_flight += 1

    def start_plain(self, body: bytes, batch_only: bool) -> bool:
        """Hand the rows of a body to the batcher, if the body is right at first sight.

        Args:
            body: the whole body.
            batch_only: whether only a list of rows is accepted.

        Returns:
            False if only the slow decoder can tell whether the body is right. The request is then not open.
        """
        model = self._model
        rows = model.decoder.decode_plain(body)
        if rows is None or (batch_only and rows.single):
            return False
        if rows.count > 1:
            seconds = perf_counter() - self._started_s
            model.admission.worked(seconds)
            model.admission.decoded(rows.count, seconds)
        self._is_open = True
        model.accounting.metrics.in_flight += 1
        self.submit(rows)
        return True

    def submit(self, rows: Rows) -> None:
        """Hand decoded rows to the batcher."""
        model, deadline_ms = self._model, self._deadline_ms
        self._rows = rows
        self._read_s = read_s = perf_counter()
        # The SLO holds from the moment at which the body is read, the caller's deadline from the start of the request.
        if deadline_ms is None:
            work = Work(rows.data, rows.count, read_s, read_s + model.slo_s, self)
        else:
            work = Work(rows.data, rows.count, read_s, self._started_s + deadline_ms / 1000, self, strict=True)
        model.batcher.submit(work)

    def is_abandoned(self) -> bool:
        """Return whether no client waits: it left, or the watchdog answered."""
        return self._connection.is_gone or not self._is_open

    def finish(self, values: Values | None, error: Exception | None) -> None:
        """Send the answer, and account for the request; see ``runners.work.Requester``."""
        if not self._is_open:
            return
        model, rows = self._model, self._rows
        try:
            if values is None or rows is None:
                raise model.explain(error, self._deadline_ms, self._request_id)
            content = model.encode(values, rows, self._request_id)
            latency_s = perf_counter() - self._read_s
            metrics = model.accounting.metrics
            metrics.latency_s.add(latency_s)
            if latency_s > model.slo_s:
                metrics.over_slo += 1
            self._connection.send_answer(self._request_id, content)
        except Exception as failure:
            self.fail(failure)
        else:
            self._close(200)

    def fail(self, error: Exception) -> None:
        """Send an error instead of an answer, and account for the request; a later answer is ignored.

        Args:
            error: a ``ServingError`` is sent, a ``ClientGoneError`` is only counted, and any other one is a fault of the
                service, which is logged and sent as such.
        """
        if not self._is_open:
            return
        if isinstance(error, ClientGoneError):
            self._connection.forget()
            self._close(CLIENT_GONE_STATUS)
            return
        if isinstance(error, InvalidError):
            self._model.count_invalid(error)
        elif not isinstance(error, ServingError):
            error = unexpected_error(error, self._request_id)
        try:
            self._connection.send_error(self._request_id, error)
        finally:
            self._close(error.status)

    def cancel(self) -> None:
        """Account for a request that is ended from outside, which sends the error."""
        if self._is_open:
            self._close(InternalError.status)

    def _close(self, status: int) -> None:
        self._is_open = False
        accounting = self._model.accounting
        accounting.metrics.in_flight -= 1
        accounting.finish("POST", self._path, self._path, status, self._started_s, self._request_id)


def unexpected_error(error: Exception, request_id: bytes) -> InternalError:
    """Log an exception that nothing expected, and return the error for its client."""
    logger.error("request %s failed", request_id.decode(), exc_info=error)
    return InternalError(f"The service failed on this request. Its log has the reason under {request_id.decode()}.")
