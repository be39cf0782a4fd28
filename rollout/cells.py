"""The counts of a rollout as series of numbers, which the supervisor adds up over all workers like any counter.

A cell is one number with its names: the group, such as ``champion`` or ``pairs``, the field, and the bin. A sum over workers of every
cell is the sum of their counts.
"""

from __future__ import annotations

from collections.abc import Mapping

from tabento.ab_test.arms import ArmCounts
from tabento.ab_test.pairs import PairCounts

Cells = dict[tuple[str, ...], float]
"""Numbers by group, field and bin."""

_ARM_FIELDS = ("requests", "errors", "rows", "latency_us")
_PAIR_FIELDS = ("compared", "differing", "flips", "difference_sum", "difference_squares")
_ANSWERS = "answers/"


def arm_cells(group: str, counts: ArmCounts) -> Cells:
    """Return the cells of an arm that are not 0; of the answers all bins, so that their number is known."""
    cells: Cells = {(group, name, ""): float(getattr(counts, name)) for name in _ARM_FIELDS}
    cells |= {(group, "latencies", str(index)): count for index, count in enumerate(counts.latencies) if count}
    cells |= {(group, "units", str(index)): count for index, count in enumerate(counts.units) if count}
    for column, bins in counts.answers.items():
        cells |= {(group, _ANSWERS + column, str(index)): count for index, count in enumerate(bins)}
    return cells


def pair_cells(group: str, pairs: PairCounts) -> Cells:
    """Return the cells of compared rows."""
    cells: Cells = {(group, name, ""): float(getattr(pairs, name)) for name in _PAIR_FIELDS}
    cells |= {(group, "differences", str(index)): count for index, count in enumerate(pairs.differences) if count}
    return cells


def arm_counts(group: str, cells: Mapping[tuple[str, ...], float]) -> ArmCounts:
    """Return the counts of an arm's cells."""
    counts = ArmCounts()
    answers: dict[str, dict[int, int]] = {}
    for (own, name, index), number in cells.items():
        if own != group:
            continue
        if name == "latencies":
            counts.latencies[int(index)] = int(number)
        elif name == "units":
            counts.units[int(index)] = int(number)
        elif name.startswith(_ANSWERS):
            answers.setdefault(name.removeprefix(_ANSWERS), {})[int(index)] = int(number)
        elif name in _ARM_FIELDS:
            setattr(counts, name, int(number))
    counts.answers = {
        column: [bins.get(index, 0) for index in range(max(bins) + 1)] for column, bins in answers.items()
    }
    return counts


def pair_counts(group: str, cells: Mapping[tuple[str, ...], float]) -> PairCounts:
    """Return the counts of compared rows of their cells."""
    pairs = PairCounts()
    for (own, name, index), number in cells.items():
        if own != group:
            continue
        if name == "differences":
            pairs.differences[int(index)] = int(number)
        elif name in _PAIR_FIELDS:
            setattr(pairs, name, type(getattr(pairs, name))(number))
    return pairs
