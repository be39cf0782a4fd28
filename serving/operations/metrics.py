"""The metrics for Prometheus, summed over all worker processes.

Requests are counted in plain numbers (also in `runners.stats`), which costs a tenth of a microsecond an update. A snapshot of
them goes to the supervisor every second and before each scrape; the scraped worker answers the sum that comes back. Without
a supervisor, as in tests or under a plain ASGI server, a worker shows its own numbers.
"""

from __future__ import annotations

import asyncio
import logging
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sized
from typing import TYPE_CHECKING, Protocol

from monitoring.snapshots import Buckets, Exemplar, Family, Series, Snapshot
from runners.runner import Runner
from runners.stats import RATIOS, ROWS, SECONDS, Tally
from serving.cache.answer_cache import AnswerCache
from serving.guards.rate_limits import RateCounts
from serving.operations.bundle_numbers import FAMILIES as BUNDLE_FAMILIES
from serving.operations.bundle_numbers import bundle_values
from serving.operations.exposition import PLAIN_TEXT, TextFormat
from serving.operations.field_names import FIELD_FAMILIES, add_field_names
from serving.operations.input_values import InputCounts, InputValues
from serving.operations.model_numbers import FAMILIES as MODEL_FAMILIES
from serving.operations.model_numbers import ModelCounts, ModelNumbers
from serving.operations.monitoring import FAMILIES as MONITORING_FAMILIES
from serving.operations.monitoring import Monitoring, monitoring_values
from serving.operations.rollout_numbers import FAMILIES as ROLLOUT_FAMILIES
from serving.operations.rollout_numbers import RolloutNumbers, rollout_values
from serving.operations.runner_totals import RunnerTotals
from serving.operations.worker_link import LinkError, WorkerLink
from serving.remote.redis_link import RedisLink
from tabento.bundle.store import Bundle
from tabento.remote.circuit_breaker import CircuitBreaker

if TYPE_CHECKING:
    from rollout.cascade.counts import FetchCounts
    from serving.guards.key_source import KeySource

logger = logging.getLogger("tabento.serving")

CIRCUIT_STATES = {"closed": 0, "half_open": 1, "open": 2}
"""The values of ``tabento_circuit_state``."""
TEXT_SLICE_S = 0.0005
"""The seconds of work on the text of a scrape after which predictions get their turn."""
SYNC_S = 1.0
"""The seconds of counting that a killed worker may lose."""

FAMILIES = (
    Family("tabento_requests", "counter", "Requests answered.", ("route", "status")),
    Family("tabento_invalid_values", "counter", "Values refused.", ("field",)),
    Family(
        "tabento_input_values",
        "counter",
        "Missing, unusual and refused values of the features.",
        ("feature", "kind", "treatment"),
    ),
    Family("tabento_shed", "counter", "Requests refused for load.", ("reason",)),
    Family("tabento_request_seconds", "histogram", "Time to answer a prediction.", bounds=SECONDS),
    Family("tabento_slo_missed", "counter", "Predictions later than the latency target."),
    Family("tabento_in_flight_requests", "sum", "Predictions being worked on."),
    Family("tabento_queue_rows", "sum", "Rows that wait for the model."),
    Family("tabento_request_cost_seconds", "max", "Estimated cost of a request without the model, for admission."),
    Family("tabento_refusal_cost_seconds", "max", "Estimated cost of a refusal, for admission."),
    Family(
        "tabento_model_info",
        "max",
        "The models and versions that are served, as labels; the value is 1.",
        ("model", "version", "data"),
    ),
    Family("tabento_queue_wait_seconds", "histogram", "Time in the queue.", bounds=SECONDS),
    Family("tabento_batch_rows", "histogram", "Rows in a batch.", bounds=ROWS),
    Family("tabento_batch_seconds", "histogram", "Time of a batch in the model.", bounds=SECONDS),
    Family("tabento_batch_predicted_ratio", "histogram", "Actual over predicted time of a batch.", bounds=RATIOS),
    Family("tabento_batches", "counter", "Batches, by the reason for their release.", ("reason",)),
    Family("tabento_dropped", "counter", "Requests accepted but not run, by reason.", ("reason",)),
    Family("tabento_batch_retries", "counter", "Batches that failed and were halved."),
    Family("tabento_callback_errors", "counter", "Callbacks of requests that raised; above 0 is a defect."),
    Family("tabento_watchdog", "counter", "Requests that only the watchdog answered; above 0 is a defect."),
    Family(
        "tabento_protocol_errors",
        "counter",
        "Requests that are not HTTP/1.1, too large or too slow, by reason.",
        ("reason",),
    ),
    Family(
        "tabento_auth_failures", "counter", "Requests without a valid API key or its scope, by reason.", ("reason",)
    ),
    Family("tabento_key_file_failed", "sum", "Worker processes that cannot use the present key file."),
    Family("tabento_connections", "sum", "Open connections."),
    Family(
        "tabento_cache_rows",
        "counter",
        "Rows looked up in the cache of answers, by result: hit in this process, remote_hit in Redis, miss.",
        ("result",),
    ),
    Family(
        "tabento_circuit_state",
        "max",
        "Circuit breaker of an outside dependency: 0 closed, 1 half-open, 2 open.",
        ("dependency",),
    ),
    Family("tabento_cache_evictions", "counter", "Answers removed from the cache, by limit: size or age.", ("limit",)),
    Family("tabento_cache_entries", "sum", "Answers in the cache."),
    Family("tabento_cache_bytes", "sum", "Bytes of the cache of answers."),
    Family("tabento_rate_limited", "counter", "Requests over the limit of their caller, by limit.", ("limit",)),
    Family("tabento_rate_fallbacks", "counter", "Requests checked in this process, because Redis could not be used."),
    Family("tabento_redis_down", "sum", "Worker processes that cannot use Redis."),
    Family("tabento_redis_failures", "counter", "Failed calls of Redis, by reason.", ("reason",)),
    Family("tabento_spans", "counter", "Traced requests and batches, by result: sent or dropped.", ("result",)),
    *MODEL_FAMILIES,
    *ROLLOUT_FAMILIES,
    *BUNDLE_FAMILIES,
    *MONITORING_FAMILIES,
)
"""All metrics. A new one needs a line here and its numbers in `Metrics.snapshot`."""


class CountedModel(Protocol):
    """The parts of a loaded model that are counted; see ``serving.live_model.LiveModel``."""

    bundle: Bundle
    runner: Runner
    inputs: InputValues

    @property
    def variant(self) -> str:
        """``champion`` or ``challenger``."""
        ...

    numbers: ModelNumbers
    """Where the model's requests are counted; ``Metrics.add_model`` sets it."""


class Metrics:
    """The numbers of this worker, and the link to the numbers of all workers.

    Requests are counted in the public attributes, in the `ModelNumbers` of their model, and in the `Stats` of the runners.

    Args:
        max_models: the largest number of models with numbers of their own.
    """

    def __init__(self, max_models: int = 50) -> None:
        self.answered: dict[tuple[str, int], int] = {}
        """Requests by route and status."""
        self.invalid_fields: dict[str, int] = {}
        """Refused values by field."""
        self.input_values: InputCounts = {}
        """Missing, unusual and refused values by feature, kind and treatment; see ``serving.operations.input_values``."""
        self.shed: dict[str, int] = {}
        """Requests refused for load, by reason."""
        self.models = ModelCounts(max_models)
        """The numbers of each model."""
        self.exemplars: dict[int, Exemplar] = {}
        """The newest traced latency by the index of its bucket."""
        self.over_slo = 0
        """Predictions that took longer than the SLO."""
        self.in_flight = 0
        """Predictions being worked on now, and requests whose bodies are still arriving."""
        self.watchdog = 0
        """Requests that only the watchdog answered; more than 0 is a defect."""
        self.protocol_errors: dict[str, int] = {}
        """Requests that could not be framed, by reason."""
        self.auth_failures: dict[str, int] = {}
        """Requests without a valid API key or without its scope, by reason."""
        self.key_source: KeySource | None = None
        """The origin of the API keys; None if the service has no keys."""
        self.connections = 0
        """Open connections, as of the last second."""
        self.link: WorkerLink | None = None
        """The link to the supervisor; None without a supervisor."""
        self.rates = RateCounts()
        """Requests over the limit of their caller."""
        self.redis: RedisLink | None = None
        """The connection to Redis; None if the service uses none."""
        self.fault: str | None = None
        """The reason why the metrics of other workers are missing; None if they are not missing."""
        self.spans: Callable[[], dict[str, int]] | None = None
        """Returns the number of traced requests and batches by result; None if tracing is off."""
        self.cache: AnswerCache | None = None
        """The cache of answers; None if it is off."""
        self.breakers: list[CircuitBreaker] = []
        """The circuit breakers of outside dependencies."""
        self.fetches: FetchCounts | None = None
        """The counts of bundles that were looked for; None before the service starts."""
        self.monitoring: Monitoring | None = None
        """The recorder of predictions; None if the service has no monitor process."""
        self.rollout: RolloutNumbers | None = None
        """The numbers of the rollout; None before the service starts."""
        self._runners = RunnerTotals()
        self._loaded: dict[int, CountedModel] = {}

    def add_model(self, model: CountedModel) -> None:
        """Show a version that is loaded, and give it its numbers. Called again if its variant has changed."""
        former = self._loaded.get(id(model))
        if former is not None:
            self.models.close(model.numbers)
        self._loaded[id(model)] = model
        self._runners.add(model.runner)
        model.numbers = self.models.open(model.bundle.name, model.bundle.version, model.variant)

    def remove_model(self, model: CountedModel) -> None:
        """Note that a version is unloaded, after its last answer. Its counts stay."""
        if self._loaded.pop(id(model), None) is None:
            return
        model.inputs.flush()
        self._runners.remove(model.runner)
        self.models.close(model.numbers)

    def latency_s(self) -> Tally:
        """Return the latencies of predictions of all models, from the end of decoding to the answer, in seconds."""
        return self.models.latency_s()

    def add_exemplar(self, latency_s: float, trace_id: str) -> None:
        """Keep the trace of a prediction as the example of its latency.

        Args:
            latency_s: the latency that was counted.
            trace_id: 32 hexadecimal digits.
        """
        self.exemplars[bisect_left(SECONDS, latency_s)] = Exemplar(trace_id, latency_s, time.time())

    def snapshot(self) -> Snapshot:
        """Return the numbers of this worker as they are now."""
        redis, runners = self.redis, self._runners
        stats, latency_s = runners.stats(), self.latency_s()
        for model in self._loaded.values():
            model.inputs.flush()
        return Snapshot(
            values={
                "tabento_requests": {
                    (route, str(status)): count for (route, status), count in list(self.answered.items())
                },
                "tabento_invalid_values": _series(self.invalid_fields),
                "tabento_input_values": dict(self.input_values.items()),
                "tabento_shed": _series(self.shed),
                "tabento_slo_missed": {(): self.over_slo},
                "tabento_in_flight_requests": {(): self.in_flight},
                "tabento_queue_rows": {(): runners.queued_rows},
                "tabento_request_cost_seconds": {(): runners.request_s},
                "tabento_refusal_cost_seconds": {(): runners.refusal_s},
                "tabento_model_info": self._descriptions(),
                "tabento_batches": _series(stats.released),
                "tabento_dropped": _series(stats.dropped),
                "tabento_batch_retries": {(): stats.retried},
                "tabento_callback_errors": {(): stats.callback_errors},
                "tabento_watchdog": {(): self.watchdog},
                "tabento_protocol_errors": _series(self.protocol_errors),
                "tabento_auth_failures": _series(self.auth_failures),
                "tabento_key_file_failed": {(): int(self.key_source is not None and self.key_source.fault is not None)},
                "tabento_connections": {(): self.connections},
                "tabento_circuit_state": {(breaker.name,): CIRCUIT_STATES[breaker.state] for breaker in self.breakers},
                **_cache_values(self.cache),
                "tabento_rate_limited": _series(self.rates.refused),
                "tabento_rate_fallbacks": {(): self.rates.fallbacks},
                "tabento_redis_down": {(): 0 if redis is None or redis.available() else 1},
                "tabento_spans": {} if self.spans is None else _series(self.spans()),
                "tabento_redis_failures": {} if redis is None else _series(redis.failures),
                **self.models.values(),
                **rollout_values(self.rollout),
                **monitoring_values(self.monitoring),
                **bundle_values(self.fetches),
            },
            histograms={
                "tabento_request_seconds": Buckets(latency_s.counts, latency_s.total, dict(self.exemplars)),
                "tabento_queue_wait_seconds": _buckets(stats.wait_s),
                "tabento_batch_rows": _buckets(stats.batch_rows),
                "tabento_batch_seconds": _buckets(stats.batch_s),
                "tabento_batch_predicted_ratio": _buckets(stats.predicted_ratio),
            },
            histogram_series=self.models.histograms(),
        )

    def _descriptions(self) -> Series:
        """Return the loaded versions of models with numbers of their own."""
        other = self.models.other
        bundles = [model.bundle for model in self._loaded.values() if model.numbers is not other]
        return {(bundle.name, bundle.version, bundle.manifest.provenance.data): 1 for bundle in bundles}

    def sync(self) -> None:
        """Send this worker's numbers to the supervisor, so that they are not lost if the worker is killed."""
        if self.link is None and self.monitoring is None:
            return
        snapshot = self.snapshot()
        if self.monitoring is not None:
            self.monitoring.send_numbers(snapshot)
        if self.link is not None:
            try:
                self.link.push(snapshot)
                self.link.receive()
            except LinkError as error:
                self._degrade(error)

    async def collect(self, text_format: TextFormat = PLAIN_TEXT) -> bytes:
        """Return the text that Prometheus scrapes: the numbers of all workers, or of this one if the others are not available."""
        snapshot, families = self._shown_families(await self.total())
        parts = []
        started_s = time.perf_counter()
        for part in text_format.parts(snapshot, families):
            parts.append(part)
            if time.perf_counter() - started_s > TEXT_SLICE_S:
                await asyncio.sleep(0)  # predictions go on
                started_s = time.perf_counter()
        return b"".join(parts)

    async def total(self) -> Snapshot:
        """Return the numbers of all workers, or of this one if the others are not available."""
        own = self.snapshot()
        if self.link is None:
            return own
        try:
            total = await self.link.collect(own)
        except LinkError as error:
            self._degrade(error)
            return own
        self.fault = None
        return total

    def _shown_families(self, workers: Snapshot) -> tuple[Snapshot, tuple[Family, ...]]:
        """Return the workers' numbers with the monitor's, and the families of both."""
        snapshot = add_field_names(workers)
        families: tuple[Family, ...] = (*FAMILIES, *FIELD_FAMILIES)
        numbers = None if self.monitoring is None else self.monitoring.link.numbers
        if numbers is not None:
            snapshot.values |= numbers.snapshot.values
            snapshot.histograms |= numbers.snapshot.histograms
            snapshot.histogram_series |= numbers.snapshot.histogram_series
            families = (*families, *numbers.families)
        return snapshot, families

    def close(self) -> None:
        """Send the last counts; the supervisor drops the gauges when this process ends."""
        self.in_flight = self.connections = 0
        self._runners.clear()
        self.sync()

    def _degrade(self, error: LinkError) -> None:
        if self.fault is None:
            logger.warning("metrics show this worker only: %s", error)
        self.fault = str(error)


class MetricsTimer:
    """Sends this worker's numbers to the supervisor every second.

    Args:
        metrics: the numbers.
        connections: the open connections, which are counted at that time only.
    """

    def __init__(self, metrics: Metrics, connections: Sized) -> None:
        self._metrics = metrics
        self._connections = connections
        self._timer: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send the numbers now, and every second from now on."""
        self._metrics.connections = len(self._connections)
        self._metrics.sync()
        self._timer = loop.call_later(SYNC_S, self.start, loop)

    def stop(self) -> None:
        """Send the last counts, and stop."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._metrics.close()


def exposition(snapshot: Snapshot) -> bytes:
    """Return the workers' metrics of a snapshot in the plain text format of Prometheus."""
    return PLAIN_TEXT.exposition(snapshot, FAMILIES)


def _cache_values(cache: AnswerCache | None) -> dict[str, Series]:
    """Return the numbers of the cache of answers; all are 0 without a cache."""
    cache = cache or AnswerCache(0, 0.0)
    hits = {"hit": cache.hits - cache.remote_hits, "remote_hit": cache.remote_hits, "miss": cache.misses}
    return {
        "tabento_cache_rows": _series(hits),
        "tabento_cache_evictions": _series(cache.evictions),
        "tabento_cache_entries": {(): len(cache)},
        "tabento_cache_bytes": {(): cache.bytes},
    }


def _series(counts: Mapping[str, int]) -> Series:
    return {(label,): count for label, count in list(counts.items())}


def _buckets(tally: Tally) -> Buckets:
    return Buckets(list(tally.counts), tally.total)
