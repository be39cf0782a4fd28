"""Snapshots as text for Prometheus: its plain format, or OpenMetrics, which has the traces of single requests as exemplars."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar as ClientExemplar
from prometheus_client.utils import floatToGoString

from monitoring.snapshots import Buckets, Exemplar, Family, Series, Snapshot

SERIES_LIMIT = 2_000
"""The largest number of series of one metric. Every label of ours has few values; this bounds a model of thousands of features."""
OMITTED = Family(
    "tabento_metric_series_omitted",
    "max",
    f"Series that are not shown, since a metric has at most {SERIES_LIMIT} of them.",
    ("metric",),
)

_OPENMETRICS = "application/openmetrics-text"
_PLAIN = "text/plain"


@dataclass(frozen=True)
class TextFormat:
    """A format of the metrics.

    Args:
        content_type: the value of the header ``content-type``.
        has_exemplars: whether exemplars are part of the format.
        generate: converts the metrics of a registry to text.
    """

    content_type: bytes
    has_exemplars: bool
    generate: Callable[[CollectorRegistry], bytes]

    def exposition(self, snapshot: Snapshot, families: Sequence[Family]) -> bytes:
        """Return the families of a snapshot as text."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(SnapshotCollector(snapshot, families, self.has_exemplars))
        return self.generate(registry)


PLAIN_TEXT = TextFormat(b"text/plain; version=0.0.4; charset=utf-8", False, generate_latest)
OPENMETRICS_TEXT = TextFormat(
    b"application/openmetrics-text; version=1.0.0; charset=utf-8",
    True,
    generate_openmetrics,
)


def choose_format(accept: str) -> TextFormat:
    """Return OpenMetrics if a client prefers it to plain text, see RFC 9110, section 12.5.1; plain text in all other cases.

    Args:
        accept: the header ``accept``; empty without one.
    """
    weights: dict[str, float] = {}
    for item in accept.lower().split(","):
        media_type, *parameters = (part.strip() for part in item.split(";"))
        weights[media_type] = max(weights.get(media_type, 0.0), _weight(parameters))
    plain = weights.get(_PLAIN, weights.get("text/*", weights.get("*/*", 0.0)))
    openmetrics = weights.get(_OPENMETRICS, 0.0)
    return OPENMETRICS_TEXT if openmetrics > 0 and openmetrics >= plain else PLAIN_TEXT


def _weight(parameters: Sequence[str]) -> float:
    """Return the weight of an item: 1 without the parameter ``q``, 0 if it is not a number from 0 to 1."""
    for parameter in parameters:
        name, _, text = parameter.partition("=")
        if name.strip() == "q":
            try:
                weight = float(text)
            except ValueError:
                return 0.0
            return weight if 0.0 <= weight <= 1.0 else 0.0
    return 1.0


class SnapshotCollector(Collector):
    """Passes a snapshot to Prometheus' client.

    Args:
        snapshot: the numbers.
        families: the metrics to show.
        has_exemplars: whether buckets get their exemplars.
    """

    def __init__(self, snapshot: Snapshot, families: Sequence[Family], has_exemplars: bool = False) -> None:
        self._snapshot = snapshot
        self._families = families
        self._has_exemplars = has_exemplars

    def collect(self) -> Iterator[Metric]:
        """Yield each family with its values; a family without labels has always one."""
        omitted: Series = {}
        for family in self._families:
            if family.kind == "histogram":
                yield self._histogram(family)
                continue
            series = self._snapshot.values.get(family.name, {})
            if len(series) > SERIES_LIMIT:
                omitted[(family.name,)] = len(series) - SERIES_LIMIT
                # By name, so that every scrape shows the same series.
                series = {labels: series[labels] for labels in heapq.nsmallest(SERIES_LIMIT, series)}
            yield _plain_metric(family, series)
        yield _plain_metric(OMITTED, omitted)

    def _histogram(self, family: Family) -> Metric:
        buckets = self._snapshot.histograms.get(family.name)
        if buckets is None:
            buckets = Buckets([0] * (len(family.bounds) + 1), 0.0)
        metric = HistogramMetricFamily(family.name, family.text)
        cumulative = 0
        cumulative_counts: list[tuple[str, float] | tuple[str, float, ClientExemplar]] = []
        bounds = (*family.bounds, float("inf"))
        for index, (bound, count) in enumerate(zip(bounds, buckets.counts, strict=True)):
            cumulative += count
            bound_text = floatToGoString(bound)  # type: ignore[no-untyped-call]
            exemplar = buckets.exemplars.get(index) if self._has_exemplars else None
            if exemplar is None:
                cumulative_counts.append((bound_text, float(cumulative)))
            else:
                cumulative_counts.append((bound_text, float(cumulative), _client_exemplar(exemplar)))
        metric.add_metric([], cumulative_counts, buckets.total)
        return metric


def _plain_metric(family: Family, series: Series) -> Metric:
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(family.name, family.text, labels=family.labels)
    for labels, value in (series or ({} if family.labels else {(): 0})).items():
        metric.add_metric(labels, value)
    return metric


def _client_exemplar(exemplar: Exemplar) -> ClientExemplar:
    return ClientExemplar({"trace_id": exemplar.trace_id}, exemplar.value, round(exemplar.time_s, 3))
