"""What Prometheus gets to see, summed over all worker processes."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Set by BentoML in its workers: the folder in which they share their counters."""

LATENCY_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The service's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "tabento_requests_total",
            "Requests answered, by route and status.",
            ["route", "status"],
            registry=self._registry,
        )
        self.latency = Histogram(
            "tabento_request_seconds",
            "Time from a request's headers to the last byte of its answer, for predictions.",
            buckets=LATENCY_BUCKETS_S,
            registry=self._registry,
        )
        self.invalid = Counter(
            "tabento_invalid_values_total", "Values refused, by field.", ["field"], registry=self._registry
        )
        self.in_flight = Gauge(
            "tabento_in_flight_requests",
            "Predictions being worked on.",
            multiprocess_mode="livesum",
            registry=self._registry,
        )
        self.model_info = Gauge(
            "tabento_model_info",
            "The model that is served, as labels; the value is 1.",
            ["model", "version", "data"],
            multiprocess_mode="livemax",
            registry=self._registry,
        )

    def exposition(self) -> bytes:
        """Return the text that Prometheus scrapes."""
        folder = os.environ.get(MULTIPROCESS_VARIABLE)
        if folder is None:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
