"""The accounting of requests: each one is counted in the metrics and written to the access log, once.

It also knows when no request is in flight, which ends a drain.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import perf_counter

from monitoring.service_log.redaction import mask_values
from serving.errors import InvalidError
from serving.fastpath.error import ProtocolError
from serving.operations.access_log import AccessLog
from serving.operations.metrics import Metrics

logger = logging.getLogger("tabento.serving")


class RequestAccounting:
    """Counts requests when they begin and when they are answered.

    Args:
        metrics: the counters of this process. The fast path increments ``metrics.in_flight`` itself, to save a call.
        access_log: the access log, if it is on.
    """

    def __init__(self, metrics: Metrics, access_log: AccessLog | None) -> None:
        self.metrics = metrics
        self.access_log = access_log
        self._idle_callbacks: list[Callable[[], object]] = []

    def finish(
        self,
        method: str,
        route: str,
        path: str,
        status: int,
        started_s: float,
        request_id: bytes,
        client: str | None = None,
    ) -> None:
        """Count a request that was answered, and write it to the access log.

        Args:
            method: the request's method.
            route: the route under which it is counted: the path, or ``unknown``.
            path: the path for the access log.
            status: the status of the answer.
            started_s: the time at which the service began to work on the request, by ``time.perf_counter``.
            request_id: its id.
            client: the client's address for the access log.
        """
        counts = self.metrics.answered
        key = (route, status)
        counts[key] = counts.get(key, 0) + 1
        if self._idle_callbacks:
            self._report_idle()
        if self.access_log is not None:
            self.access_log.write(method, path, status, perf_counter() - started_s, request_id, client)

    def start_receiving(self) -> None:
        """Count a request whose body is still arriving as in flight."""
        self.metrics.in_flight += 1

    def stop_receiving(self) -> None:
        """Note that such a request has arrived, or has failed."""
        self.metrics.in_flight -= 1
        if self._idle_callbacks:
            # One pass later the prediction is in flight itself.
            asyncio.get_running_loop().call_soon(self._report_idle)

    def count_invalid(self, error: InvalidError, known_fields: frozenset[str]) -> None:
        """Count the fields that were refused. The label of unknown fields is ``other``, so that the number of labels is bounded."""
        counts = self.metrics.invalid_fields
        for field in {detail.field for detail in error.details}:
            label = field if field in known_fields else "other"
            counts[label] = counts.get(label, 0) + 1

    def count_shed(self, reason: str) -> None:
        """Count a request that was refused for load."""
        counts = self.metrics.shed
        counts[reason] = counts.get(reason, 0) + 1

    def count_protocol_error(self, fault: ProtocolError) -> None:
        """Count and log a request that could not be framed."""
        counts = self.metrics.protocol_errors
        counts[fault.reason] = counts.get(fault.reason, 0) + 1
        key = ("unknown", fault.error.status)
        self.metrics.answered[key] = self.metrics.answered.get(key, 0) + 1
        # The message repeats a part of the request, which a wrong length makes a part of a body: it is masked. A hostile client
        # can cause many such lines, so they are not shown by default.
        logger.debug("a connection is closed: %s (%s)", mask_values(fault.error.message), fault.reason)

    def count_watchdog(self) -> None:
        """Count a request that only the watchdog answered."""
        self.metrics.watchdog += 1

    def when_idle(self, callback: Callable[[], object]) -> None:
        """Call a function as soon as no request is in flight; immediately, if that is so now."""
        self._idle_callbacks.append(callback)
        self._report_idle()

    def _report_idle(self) -> None:
        if self.metrics.in_flight:
            return
        callbacks, self._idle_callbacks = self._idle_callbacks, []
        for callback in callbacks:
            callback()
