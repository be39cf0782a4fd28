"""What Prometheus gets to see, summed over all worker processes.

Between processes ``prometheus_client`` keeps each value in a mapped file, which costs some microseconds an update: too
much for several updates a request. So requests are counted in plain numbers (``runners.stats``), and ``sync`` hands on
what was added since: before each scrape, and every second, so that the scrape of another worker finds it too.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from runners.stats import RATIOS, ROWS, SECONDS, Stats, Tally

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Set by BentoML in its workers: the folder in which they share their counters."""
SYNC_S = 1.0
"""How old the counts of another worker may be in a scrape."""


class Metrics:
    """The service's metrics, in a registry of their own.

    Requests are counted in ``answered``, ``invalid_fields``, ``latency_s``, ``within_slo`` and ``in_flight``, and in the
    runner's ``Stats`` once one is attached.
    """

    def __init__(self) -> None:
        self.answered: dict[tuple[str, int], int] = {}
        """Requests by route and status."""
        self.invalid_fields: dict[str, int] = {}
        """Refused values by field."""
        self.shed: dict[str, int] = {}
        """Requests refused for load, by reason."""
        self.latency_s = Tally(SECONDS)
        """From the headers to the last byte of the answer, for predictions."""
        self.over_slo = 0
        """Predictions that took longer than the promise."""
        self.in_flight = 0
        """Predictions being worked on now, and requests whose bodies are still arriving."""
        self.watchdog = 0
        """Requests that only the watchdog answered; more than 0 is a defect."""
        self.protocol_errors: dict[str, int] = {}
        """Requests that could not be framed, by reason."""
        self.connections = 0
        """Open connections, as of the last second."""
        self._registry = CollectorRegistry()
        self._moves: list[Callable[[], None]] = []
        self._runner_moves: list[Callable[[], None]] = []
        add = self._moves.append
        add(self._counter("tabento_requests", "Requests answered.", ["route", "status"], lambda: self.answered))
        add(self._counter("tabento_invalid_values", "Values refused.", ["field"], lambda: self.invalid_fields))
        add(self._counter("tabento_shed", "Requests refused for load.", ["reason"], lambda: self.shed))
        add(self._histogram("tabento_request_seconds", "Time to answer a prediction.", self.latency_s))
        add(self._counter("tabento_slo_missed", "Predictions later than the promise.", [], lambda: {(): self.over_slo}))
        add(
            self._counter(
                "tabento_protocol_errors",
                "Requests that are not HTTP/1.1, too large or too slow, by reason.",
                ["reason"],
                lambda: self.protocol_errors,
            )
        )
        add(
            self._counter(
                "tabento_watchdog",
                "Requests that only the watchdog answered; above 0 is a defect.",
                [],
                lambda: {(): self.watchdog},
            )
        )
        self._connections = Gauge(
            "tabento_connections", "Open connections.", multiprocess_mode="livesum", registry=self._registry
        )
        self._in_flight = Gauge(
            "tabento_in_flight_requests",
            "Predictions being worked on.",
            multiprocess_mode="livesum",
            registry=self._registry,
        )
        self._queued = Gauge(
            "tabento_queue_rows", "Rows that wait for the model.", multiprocess_mode="livesum", registry=self._registry
        )
        self._request_cost = Gauge(
            "tabento_request_cost_seconds",
            "What admission takes a request to cost, besides the model.",
            multiprocess_mode="livemax",
            registry=self._registry,
        )
        self._refusal_cost = Gauge(
            "tabento_refusal_cost_seconds",
            "What admission takes a refusal to cost.",
            multiprocess_mode="livemax",
            registry=self._registry,
        )
        self._model_info = Gauge(
            "tabento_model_info",
            "The model that is served, as labels; the value is 1.",
            ["model", "version", "data"],
            multiprocess_mode="livemax",
            registry=self._registry,
        )
        self._runner_histograms = (
            Histogram("tabento_queue_wait_seconds", "Time in the queue.", buckets=SECONDS, registry=self._registry),
            Histogram("tabento_batch_rows", "Rows in a batch.", buckets=ROWS, registry=self._registry),
            Histogram(
                "tabento_batch_seconds", "Time of a batch in the model.", buckets=SECONDS, registry=self._registry
            ),
            Histogram(
                "tabento_batch_predicted_ratio",
                "Actual over predicted time of a batch.",
                buckets=RATIOS,
                registry=self._registry,
            ),
        )
        self._released = Counter(
            "tabento_batches", "Batches, by the reason for their release.", ["reason"], registry=self._registry
        )
        self._dropped = Counter(
            "tabento_dropped", "Requests taken in but not run, by reason.", ["reason"], registry=self._registry
        )
        self._retried = Counter(
            "tabento_batch_retries", "Batches that failed and were halved.", registry=self._registry
        )
        self._callback_errors = Counter(
            "tabento_callback_errors", "Callbacks of requests that raised: a defect.", registry=self._registry
        )
        self._gauges: Callable[[], tuple[int, float, float]] = lambda: (0, 0.0, 0.0)

    def describe_model(self, name: str, version: str, data: str) -> None:
        """Show which model is served."""
        self._model_info.labels(name, version, data).set(1)

    def attach(self, stats: Stats, gauges: Callable[[], tuple[int, float, float]]) -> None:
        """Show a runner's counts as well.

        Args:
            stats: its counts.
            gauges: returns the rows in its queue, and the learned costs of a request and of a refusal in seconds.
        """
        self._gauges = gauges
        tallies = (stats.wait_s, stats.batch_rows, stats.batch_s, stats.predicted_ratio)
        moves = [_move_tally(tally, shown) for tally, shown in zip(tallies, self._runner_histograms, strict=True)]
        moves.append(_move_counts(lambda: stats.released, self._released))
        moves.append(_move_counts(lambda: stats.dropped, self._dropped))
        moves.append(_move_counts(lambda: {(): stats.retried}, self._retried))
        moves.append(_move_counts(lambda: {(): stats.callback_errors}, self._callback_errors))
        self._runner_moves = moves

    def sync(self) -> None:
        """Hand on what was counted since the last time."""
        for move in (*self._moves, *self._runner_moves):
            move()
        rows, request_s, refusal_s = self._gauges()
        self._connections.set(self.connections)
        self._in_flight.set(self.in_flight)
        self._queued.set(rows)
        self._request_cost.set(request_s)
        self._refusal_cost.set(refusal_s)

    def exposition(self) -> bytes:
        """Return the text that Prometheus scrapes."""
        self.sync()
        folder = os.environ.get(MULTIPROCESS_VARIABLE)
        if folder is None:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def close(self) -> None:
        """Hand on the last counts, and take this process out of the gauges of living ones."""
        self.in_flight = self.connections = 0
        self._gauges = lambda: (0, 0.0, 0.0)
        self.sync()
        if MULTIPROCESS_VARIABLE in os.environ:
            mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]

    def _counter(
        self, name: str, text: str, labels: list[str], source: Callable[[], dict[object, int] | object]
    ) -> Callable[[], None]:
        return _move_counts(source, Counter(name, text, labels, registry=self._registry))

    def _histogram(self, name: str, text: str, tally: Tally) -> Callable[[], None]:
        return _move_tally(tally, Histogram(name, text, buckets=tally.bounds, registry=self._registry))


def _move_counts(source: Callable[[], object], shown: Counter) -> Callable[[], None]:
    """Return what adds to a counter what its source has more than the last time."""
    seen: dict[object, int] = {}

    def move() -> None:
        counts = source()
        assert isinstance(counts, dict)
        for key, count in list(counts.items()):
            more = count - seen.get(key, 0)
            if more:
                labels = key if isinstance(key, tuple) else (key,)
                (shown.labels(*map(str, labels)) if labels else shown).inc(more)
                seen[key] = count

    return move


def _move_tally(tally: Tally, shown: Histogram) -> Callable[[], None]:
    """Return what adds to a histogram what its tally has more than the last time.

    Prometheus' client has no public way to add many observations at once; its buckets, of which each counts what lies
    in it alone, have had these names since it can do without a lock. A test pins them.
    """
    counts = [0] * len(tally.counts)
    total = 0.0

    def move() -> None:
        nonlocal total
        for index, count in enumerate(tally.counts):
            if count != counts[index]:
                shown._buckets[index].inc(count - counts[index])
                counts[index] = count
        if tally.total != total:
            shown._sum.inc(tally.total - total)
            total = tally.total

    return move
