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

from monitoring.recorder import Recorder
from monitoring.records import PredictionRecord
from runners.work import Values, Work
from serving.cache.cached_batcher import CACHE_START, MISS_LINE
from serving.codec.rows import Rows
from serving.errors import ClientGoneError, InternalError, InvalidError, ServingError
from serving.guards.caller import Caller
from serving.guards.rate_limiter import RateDecision
from serving.live_model import LiveModel
from serving.tracing.request_trace import RequestTrace
from serving.trial_calls import choose_by_row, count_answer, count_error

logger = logging.getLogger("tabento.serving")

OK_STATUS = 200

CLIENT_GONE_STATUS = 499
"""The status under which a request is counted if its client left before the answer; no such answer is sent."""

SERVER_FAULT_STATUS = 500
"""The first status of a fault of the service, or of a refusal for load; a lower one is the client's fault."""


class ClientConnection(Protocol):
    """The connection to the client that waits for an answer."""

    client_address: str
    """The client's address, for the access log."""

    @property
    def is_gone(self) -> bool:
        """Whether no client waits for the answer any more."""
        ...

    def send_answer(self, request_id: bytes, content: bytes, lines: bytes) -> None:
        """Send the status 200 and a body.

        Args:
            request_id: the id of the request.
            content: the body.
            lines: further headers, as ``serving.http.header_lines`` returns them.

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
        path: the path of the request, with placeholders for names.
        request_id: its id.
        deadline_ms: the time that the caller waits, if the caller set one.
        caller: the caller, if the service has guards.
    """

    __slots__ = (
        "_caller",
        "_client",
        "_connection",
        "_deadline_ms",
        "_is_open",
        "_is_rated",
        "_model",
        "_path",
        "_read_s",
        "_request_id",
        "_rows",
        "_started_s",
        "lines",
    )

    trace: RequestTrace | None = None
    """The trace of the request; None if it is not sampled. A sampled prediction is of a class of its own, see ``serving.tracing``."""

    def __init__(
        self,
        model: LiveModel,
        connection: ClientConnection,
        path: str,
        request_id: bytes,
        deadline_ms: float | None,
        caller: Caller | None = None,
    ) -> None:
        self._model = model
        self._connection = connection
        self._client = connection.client_address
        self._path = path
        self._request_id = request_id
        self._deadline_ms = deadline_ms
        self._caller = caller
        self._is_open = False
        self._is_rated = False
        self._rows: Rows | None = None
        self.lines = b""
        """Further headers of the answer, as lines."""
        self._started_s = self._read_s = perf_counter()

    @property
    def request_id(self) -> str:
        """The id of the request."""
        return self._request_id.decode()

    @property
    def trace_id(self) -> str | None:
        """The id of the request's trace, 32 hexadecimal digits; None if the request is not sampled."""
        trace = self.trace
        return None if trace is None else trace.trace_hex

    def open(self) -> None:
        """Count the request as in flight until it is answered."""
        self._is_open = True
        self._model.in_flight += 1
        self._model.accounting.metrics.in_flight += 1

    def count_from(self, started_s: float) -> None:
        """Count the time of a request, and its deadline, from its beginning: it has waited for the load of its model."""
        self._started_s = started_s

    def change_model(self, model: LiveModel) -> None:
        """Let another model answer an open request whose rows were not submitted yet."""
        if self._is_open:
            self._model.in_flight -= 1
            model.in_flight += 1
        self._model = model

    def choose_by_row(self, model: LiveModel, rows: Rows) -> LiveModel:
        """Return the version that answers, of a model whose split needs the first row."""
        caller = self._caller
        return choose_by_row(model, rows, None if caller is None else caller.key_id, self._client, self._request_id)

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
        if model.split is not None and model.split.needs_rows:
            model = self._model = self.choose_by_row(model, rows)
            rows = model.decoder.decode_plain(body)
            if rows is None:
                return False
        if rows.count > 1:
            seconds = perf_counter() - self._started_s
            model.admission.worked(seconds)
            model.admission.decoded(rows.count, seconds)
        self._is_open = True
        model.in_flight += 1
        model.accounting.metrics.in_flight += 1
        self.submit(rows)
        return True

    def submit(self, rows: Rows) -> None:
        """Check the caller's rate, then hand decoded rows to the batcher."""
        self._rows = rows
        self._read_s = perf_counter()
        caller = self._caller
        if caller is None or caller.limiter is None:
            self._run(rows, self._read_s)
            return
        self._is_rated = True
        decision = caller.limiter.check(caller, rows.count, self._continue)
        if decision is not None:
            self._apply(decision, self._read_s)

    def _continue(self, decision: RateDecision) -> None:
        """Continue with a request whose decision needed another service: the batcher must not refuse it for that wait."""
        self._apply(decision, perf_counter())

    def _apply(self, decision: RateDecision, ready_s: float) -> None:
        """Run a request whose rate was checked, or refuse it."""
        rows = self._rows
        if not self._is_open or rows is None:
            return
        if decision.error is not None:
            self.fail(decision.error)
            return
        self.lines = decision.lines
        self._run(rows, ready_s)

    def _run(self, rows: Rows, ready_s: float) -> None:
        """Hand rows to the batcher.

        Args:
            rows: the rows.
            ready_s: the time from which they could be run.
        """
        model, deadline_ms = self._model, self._deadline_ms
        model.inputs.record(rows)
        # The SLO holds from the moment at which the body is read, the caller's deadline from the start of the request.
        if deadline_ms is None:
            work = Work(rows.data, rows.count, ready_s, ready_s + model.slo_s, self)
        else:
            work = Work(rows.data, rows.count, ready_s, self._started_s + deadline_ms / 1000, self, strict=True)
        model.submit(work)

    def encode(self, values: Values, rows: Rows) -> bytes:
        """Return the body of the answer.

        Raises:
            InternalError: the model's values contradict its contract.
        """
        return self._model.encode(values, rows, self._request_id)

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
            content = self.encode(values, rows)
            ended_s = perf_counter()
            latency_s = ended_s - self._read_s
            if latency_s > model.slo_s:
                model.accounting.metrics.over_slo += 1
            self._connection.send_answer(self._request_id, content, self.lines)
        except Exception as failure:
            self.fail(failure)
        else:
            numbers = model.numbers
            numbers.latency_s.add(latency_s)
            numbers.rows += rows.count
            self._close(OK_STATUS)
            if model.recorder is not None:
                self._record(model.recorder, rows, values, ended_s)
            if model.observer is not None:
                from_cache = CACHE_START in self.lines and MISS_LINE not in self.lines
                count_answer(model, rows, values, self._request_id, latency_s, from_cache)

    def _record(self, recorder: Recorder, rows: Rows, values: Values, ended_s: float) -> None:
        """Keep a record of the answer for the monitor."""
        model, caller = self._model, self._caller
        batcher = model.batcher
        recorder.record(
            PredictionRecord(
                model.key,
                self._request_id,
                None if caller is None else caller.key_id,
                rows.data,
                rows.count,
                values,
                rows.identifiers,
                self._started_s,
                self._read_s,
                batcher.batch_started_s,
                batcher.batch_s,
                ended_s,
                self._deadline_ms,
                self.lines,
                None if self.trace is None else self.trace.trace_hex,
            )
        )

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
        if error.status < SERVER_FAULT_STATUS:
            self._count_rate()
        try:
            self._connection.send_error(self._request_id, error)
        finally:
            self._close(error.status)
            key_id = None if self._caller is None else self._caller.key_id
            self._model.record_failure(self._request_id, key_id, self._started_s, error, self.trace_id)
            if self._model.observer is not None:
                count_error(self._model, error.status, self._request_id)

    def _count_rate(self) -> None:
        """Count a request that was refused for its content: it uses the caller's rate as well."""
        caller = self._caller
        if caller is not None and caller.limiter is not None and not self._is_rated:
            self._is_rated = True
            caller.limiter.check(caller, 0, _ignore)

    def cancel(self) -> None:
        """Account for a request that is ended from outside, which sends the error."""
        if self._is_open:
            self._close(InternalError.status)

    def _close(self, status: int) -> None:
        self._is_open = False
        model = self._model
        accounting = model.accounting
        model.in_flight -= 1
        accounting.metrics.in_flight -= 1
        if status != OK_STATUS:
            model.numbers.count_error(status)
        path = self._path
        if accounting.access_log is not None:
            path = path.replace("{name}", model.name).replace("{version}", model.bundle.version)
        accounting.finish("POST", self._path, path, status, self._started_s, self._request_id, self._client)


def _ignore(decision: RateDecision) -> None:
    """Do nothing: the request is refused in any case."""


def unexpected_error(error: Exception, request_id: bytes) -> InternalError:
    """Log an exception that nothing expected, and return the error for its client."""
    name = request_id.decode()
    logger.error("request %s failed", name, exc_info=error, extra={"request_id": name})
    return InternalError(f"The service failed on this request. Its log has the reason under {request_id.decode()}.")
