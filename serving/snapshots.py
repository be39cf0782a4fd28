"""The numbers of one worker at one moment, and how those of several workers become one.

A worker counts in plain numbers and sends them as a whole to the supervisor (`serving.supervisor`), which adds them up.
Nothing is kept in files: a full disk cannot stop a worker, and two services cannot touch each other's numbers.
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
        kind: `counter` and `histogram` add up over all workers that have ever lived. A `sum` and a `max` are gauges: the
            sum and the maximum over the workers that live now.
        text: its description.
        labels: the names of its labels.
        bounds: of a histogram, the upper bounds of its buckets, in ascending order, without infinity.
    """

    name: str
    kind: Literal["counter", "histogram", "sum", "max"]
    text: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


class Buckets(msgspec.Struct):
    """The observations of a histogram."""

    counts: list[int]
    """How many lie in each bucket alone; one more than the family has bounds, the last one for those above all."""
    total: float
    """Their sum."""


class Snapshot(msgspec.Struct):
    """All numbers at one moment, by the name of the family."""

    values: dict[str, Series] = {}
    histograms: dict[str, Buckets] = {}


def merge(families: Iterable[Family], living: Iterable[Snapshot], ended: Snapshot) -> Snapshot:
    """Return one snapshot of several workers.

    Args:
        families: what there is; anything else in a snapshot is left out.
        living: one snapshot for each worker that lives.
        ended: what `retire` has kept of workers that have ended.
    """
    living = list(living)
    merged = Snapshot()
    for family in families:
        name = family.name
        sources = [*living, ended] if family.kind in ("counter", "histogram") else living
        if family.kind == "histogram":
            found = [source.histograms[name] for source in sources if name in source.histograms]
            if found:
                counts = [sum(column) for column in zip(*(each.counts for each in found), strict=True)]
                merged.histograms[name] = Buckets(counts, sum(each.total for each in found))
            continue
        series: Series = {}
        for source in sources:
            for labels, value in source.values.get(name, {}).items():
                before = series.get(labels)
                if before is None:
                    series[labels] = value
                else:
                    series[labels] = max(before, value) if family.kind == "max" else before + value
        merged.values[name] = series
    return merged


def retire(families: Iterable[Family], worker: Snapshot, ended: Snapshot) -> Snapshot:
    """Return `ended` with the counters and histograms of one more worker that has ended; its gauges are forgotten."""
    lasting = [family for family in families if family.kind in ("counter", "histogram")]
    return merge(lasting, [worker], ended)
