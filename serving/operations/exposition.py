"""Snapshots as text for Prometheus: its plain format, or OpenMetrics, which has the traces of single requests as exemplars."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from prometheus_client import Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar as ClientExemplar
from prometheus_client.utils import floatToGoString

from monitoring.snapshots import Buckets, Exemplar, Family, Labels, Series, Snapshot

SERIES_LIMIT = 2_000
"""The largest number of series of one metric. Every label of ours has few values; this bounds a model of thousands of features."""
HISTOGRAM_SERIES_LIMIT = 200
"""The largest number of histograms of one metric; each of them is some twenty lines."""
PART_SERIES = 100
"""The largest number of series that become text at once."""
PART_HISTOGRAMS = 8
"""The largest number of histograms with labels that become text at once."""
OMITTED = Family(
    "tabento_metric_series_omitted",
    "max",
    f"Series that are not shown, since a metric has at most {SERIES_LIMIT} of them, or {HISTOGRAM_SERIES_LIMIT} histograms.",
    ("metric",),
)

T = TypeVar("T")
_OPENMETRICS = "application/openmetrics-text"
_PLAIN = "text/plain"


@dataclass(frozen=True)
class TextFormat:
    """A format of the metrics.

    Args:
        content_type: the value of the header ``content-type``.
        has_exemplars: whether exemplars are part of the format.
        generate: converts the metrics of a collector to text.
        end: the last line of the text.
    """

    content_type: bytes
    has_exemplars: bool
    generate: Callable[[Collector], bytes]
    end: bytes = b""

    def exposition(self, snapshot: Snapshot, families: Sequence[Family]) -> bytes:
        """Return the families of a snapshot as text."""
        return b"".join(self.parts(snapshot, families))

    def parts(self, snapshot: Snapshot, families: Sequence[Family]) -> Iterator[bytes]:
        """Yield the text in parts, each of which takes about a millisecond: meanwhile a worker can answer requests."""
        previous = None
        for metric in SnapshotCollector(snapshot, families, self.has_exemplars).collect():
            text = self.generate(_SingleMetric(metric)).removesuffix(self.end)
            # Further series of the same metric come without its head.
            yield b"".join(_without_comments(text)) if metric.name == previous else text
            previous = metric.name
        yield self.end


PLAIN_TEXT = TextFormat(b"text/plain; version=0.0.4; charset=utf-8", False, generate_latest)
OPENMETRICS_TEXT = TextFormat(
    b"application/openmetrics-text; version=1.0.0; charset=utf-8",
    True,
    generate_openmetrics,
    b"# EOF\n",
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


def _without_comments(text: bytes) -> Iterator[bytes]:
    return (line for line in text.splitlines(keepends=True) if not line.startswith(b"# "))


class _SingleMetric(Collector):
    """A collector of one metric."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterator[Metric]:
        """Yield the metric."""
        yield self._metric


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
        """Yield each family with its values; a family without labels has always one.

        A family with many series is yielded in parts, each of at most ``PART_SERIES`` series or ``PART_HISTOGRAMS`` histograms.
        """
        omitted: Series = {}
        for family in self._families:
            if family.kind == "histogram":
                yield from self._histograms(family, omitted)
                continue
            series = self._snapshot.values.get(family.name, {})
            for part in _divide(_first_series(family, series, SERIES_LIMIT, omitted), PART_SERIES):
                yield _plain_metric(family, part)
        yield _plain_metric(OMITTED, omitted)

    def _histograms(self, family: Family, omitted: Series) -> Iterator[Metric]:
        series = self._snapshot.histogram_series.get(family.name, {})
        if not family.labels:
            empty = Buckets([0] * (len(family.bounds) + 1), 0.0)
            series = {(): self._snapshot.histograms.get(family.name, empty)}
        for part in _divide(_first_series(family, series, HISTOGRAM_SERIES_LIMIT, omitted), PART_HISTOGRAMS):
            metric = HistogramMetricFamily(family.name, family.text, labels=family.labels)
            for labels, buckets in part.items():
                self._add_buckets(metric, family, labels, buckets)
            yield metric

    def _add_buckets(self, metric: HistogramMetricFamily, family: Family, labels: Labels, buckets: Buckets) -> None:
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
        metric.add_metric(labels, cumulative_counts, buckets.total)


def _divide(series: dict[Labels, T], size: int) -> Iterator[dict[Labels, T]]:
    """Yield a series in parts of at most this size; one empty part if it is empty."""
    items = list(series.items())
    for start in range(0, max(len(items), 1), size):
        yield dict(items[start : start + size])


def _first_series(family: Family, series: dict[Labels, T], limit: int, omitted: Series) -> dict[Labels, T]:
    """Return at most this number of series, and count the others. They are chosen by name: every scrape shows the same ones."""
    if len(series) <= limit:
        return series
    omitted[(family.name,)] = len(series) - limit
    return {labels: series[labels] for labels in heapq.nsmallest(limit, series)}


def _plain_metric(family: Family, series: Series) -> Metric:
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(family.name, family.text, labels=family.labels)
    for labels, value in (series or ({} if family.labels else {(): 0})).items():
        metric.add_metric(labels, value)
    return metric


def _client_exemplar(exemplar: Exemplar) -> ClientExemplar:
    return ClientExemplar({"trace_id": exemplar.trace_id}, exemplar.value, round(exemplar.time_s, 3))
