"""The thread that makes spans of answered requests and sends them to a collector.

The event loop only appends to a bounded list. If the collector is slow or gone, spans are dropped and counted, and predictions
are answered as usual.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from time import perf_counter_ns, time_ns

from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from serving.tracing.request_trace import BatchTrace, TracedRequest
from serving.tracing.spans import batch_span, request_spans

logger = logging.getLogger("tabento.serving")

MAX_WAITING = 4_096
"""The largest number of requests and batches that wait for the thread; further ones are dropped and counted."""
EXPORT_ITEMS = 512
"""The number of requests and batches of one message to the collector."""
FLUSH_S = 1.0
"""The seconds that spans wait for more."""
EXPORT_S = 5.0
"""The seconds that one attempt to reach the collector may take, also when the service stops."""
END_S = 2 * EXPORT_S
"""The seconds that the end of the service waits for the thread."""
EXPORTER_LOGGER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
SECOND_NS = 1_000_000_000


class SpanSender:
    """Sends spans from a thread.

    Args:
        exporter: reaches the collector.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._resource = Resource.create({SERVICE_NAME: "tabento", SERVICE_INSTANCE_ID: str(os.getpid())})
        self._waiting: deque[TracedRequest | BatchTrace] = deque()
        self._wake = threading.Event()
        self._ends = False
        self._is_down = False
        # The exporter logs the reason of every failure: only the first one is of use.
        logging.getLogger(EXPORTER_LOGGER).addFilter(lambda _: not self._is_down)
        self._thread = threading.Thread(target=self._run, name="tabento-spans", daemon=True)
        self.counts = {"sent": 0, "dropped": 0}
        """Requests and batches by result."""
        self._dropped_here = 0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def keep(self, item: TracedRequest | BatchTrace) -> None:
        """Keep a request or batch until the thread sends its spans; drop it if too many wait. Called on the event loop."""
        waiting = self._waiting
        if len(waiting) >= MAX_WAITING:
            self._dropped_here += 1
            return
        waiting.append(item)
        if len(waiting) == EXPORT_ITEMS:
            self._wake.set()

    def numbers(self) -> dict[str, int]:
        """Return the number of requests and batches whose spans were sent, and of the others."""
        return {"sent": self.counts["sent"], "dropped": self.counts["dropped"] + self._dropped_here}

    def close(self) -> None:
        """Send the remaining spans, then end the thread; waits at most ``END_S`` seconds."""
        self._ends = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(END_S)

    def _run(self) -> None:
        while not self._ends:
            self._wake.wait(FLUSH_S)
            self._wake.clear()
            self._send_all()
        self._exporter.shutdown()

    def _send_all(self) -> None:
        waiting = self._waiting
        while waiting:
            items = [waiting.popleft() for _ in range(min(len(waiting), EXPORT_ITEMS))]
            is_sent = self._send(items)
            self.counts["sent" if is_sent else "dropped"] += len(items)
            if is_sent:
                if self._is_down:
                    logger.info("the collector of traces takes spans again")
                self._is_down = False
                continue
            if not self._is_down:
                logger.warning("the collector of traces did not take spans: they are dropped and counted")
            self._is_down = True
            if self._ends:  # one attempt is enough: the service must not wait for a collector that is gone
                self.counts["dropped"] += len(waiting)
                waiting.clear()

    def _send(self, items: list[TracedRequest | BatchTrace]) -> bool:
        """Return whether the collector took the spans of these requests and batches."""
        try:
            spans = self._spans(items)
            return self._exporter.export(spans) is SpanExportResult.SUCCESS
        except Exception:
            logger.exception("spans could not be sent")
            return False

    def _spans(self, items: list[TracedRequest | BatchTrace]) -> list[ReadableSpan]:
        to_ns = _clock()
        spans: list[ReadableSpan] = []
        for item in items:
            if isinstance(item, TracedRequest):
                spans += request_spans(item, self._resource, to_ns)
            else:
                spans.append(batch_span(item, self._resource, to_ns))
        return spans


def _clock() -> Callable[[float], int]:
    """Return the function that converts a time of ``time.perf_counter`` into the Unix time in nanoseconds."""
    offset_ns = time_ns() - perf_counter_ns()
    return lambda seconds: offset_ns + round(seconds * SECOND_NS)


def collector(endpoint: str | None) -> SpanExporter:
    """Return the exporter that reaches a collector.

    Args:
        endpoint: the collector's address; None for the address of OpenTelemetry's own variables.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_S)
