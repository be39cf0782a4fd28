"""The numbers of one worker at one moment, and the sum of several workers' numbers.

A worker counts in plain numbers and sends them as a whole to the supervisor (`serving.operations.supervisor`), which adds them up.
No file is involved: a full disk cannot stop a worker, and two services cannot change each other's numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec

Labels = tuple[str, ...]
Series = dict[Labels, float]
"""Values by the values of their labels, in the order of the family's label names."""


@dataclass(frozen=True)
class Family:
    """A metric as Prometheus shows it.

    Args:
        name: without the suffix that Prometheus adds for its kind.
        kind: `counter` and `histogram` add up over all workers, including ended ones. A `sum` and a `max` are gauges: the
            sum and the maximum over the running workers.
        text: its description.
        labels: the names of its labels.
        bounds: of a histogram, the upper bounds of its buckets, in ascending order, without infinity.
    """

    name: str
    kind: Literal["counter", "histogram", "sum", "max"]
    text: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


class Exemplar(msgspec.Struct, frozen=True):
    """One observation of a histogram, with the trace of its request."""

    trace_id: str
    """32 hexadecimal digits."""
    value: float
    time_s: float
    """The Unix time of the observation in seconds."""


class Buckets(msgspec.Struct):
    """The observations of a histogram."""

    counts: list[int]
    """The number of observations in each bucket by itself: one bucket for each bound, and a last one above all bounds."""
    total: float
    """Their sum."""
    exemplars: dict[int, Exemplar] = {}
    """The newest traced observation by the index of its bucket; empty if tracing is off."""


class Snapshot(msgspec.Struct):
    """All numbers at one moment, by the name of the family."""

    values: dict[str, Series] = {}
    histograms: dict[str, Buckets] = {}
    histogram_series: dict[str, dict[Labels, Buckets]] = {}
    """The histograms of families with labels, by the values of their labels."""


def merge(families: Iterable[Family], living: Iterable[Snapshot], retired: Snapshot) -> Snapshot:
    """Return one snapshot of several workers.

    Args:
        families: all metrics; anything else in a snapshot is omitted.
        living: one snapshot for each running worker.
        retired: the sum over ended workers, from `retire`.
    """
    living = list(living)
    merged = Snapshot()
    for family in families:
        name = family.name
        sources = [*living, retired] if family.kind in ("counter", "histogram") else living
        if family.kind == "histogram" and family.labels:
            by_labels: dict[Labels, list[Buckets]] = {}
            for source in sources:
                for labels, buckets in source.histogram_series.get(name, {}).items():
                    by_labels.setdefault(labels, []).append(buckets)
            merged.histogram_series[name] = {labels: _add_buckets(parts) for labels, parts in by_labels.items()}
            continue
        if family.kind == "histogram":
            histograms = [source.histograms[name] for source in sources if name in source.histograms]
            if histograms:
                merged.histograms[name] = _add_buckets(histograms)
            continue
        series: Series = {}
        for source in sources:
            for labels, value in source.values.get(name, {}).items():
                value_so_far = series.get(labels)
                if value_so_far is None:
                    series[labels] = value
                else:
                    series[labels] = max(value_so_far, value) if family.kind == "max" else value_so_far + value
        merged.values[name] = series
    return merged


def _add_buckets(histograms: list[Buckets]) -> Buckets:
    """Return the sum of histograms with the same bounds; at least one."""
    counts = [sum(column) for column in zip(*(buckets.counts for buckets in histograms), strict=True)]
    return Buckets(counts, sum(buckets.total for buckets in histograms), _newest_exemplars(histograms))


def _newest_exemplars(histograms: Iterable[Buckets]) -> dict[int, Exemplar]:
    """Return the newest exemplar of each bucket."""
    newest: dict[int, Exemplar] = {}
    for buckets in histograms:
        for index, exemplar in buckets.exemplars.items():
            if index not in newest or exemplar.time_s > newest[index].time_s:
                newest[index] = exemplar
    return newest


def retire(families: Iterable[Family], worker: Snapshot, retired: Snapshot) -> Snapshot:
    """Return `retired` with the counters and histograms of one more worker that has ended; its gauges are dropped."""
    lasting = [family for family in families if family.kind in ("counter", "histogram")]
    return merge(lasting, [worker], retired)
