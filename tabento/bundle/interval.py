"""The prediction interval of a regression: the table in the contract, and the function that reads an interval from it.

Training calibrates the table (``training.model.conformal``). Training, the proof and the service compute an interval with the same
function, so that equal answers have equal intervals, digit for digit. Each lookup is two binary searches.

The table divides rows twice, as a Mondrian taxonomy does (V. Vovk, D. Lindsay, I. Nouretdinov and A. Gammerman, Mondrian
confidence machine, 2003): first into groups by the value of one feature, then into bins by the answer. Each bin has its own two
offsets, which are quantiles of signed residuals.
"""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from tabento.bundle.strict import Name, Number, Strict

CELLS_LIMIT = 10_000
"""The largest number of bins of all groups together."""

Coverage = Annotated[float, Field(gt=0, lt=1)]
"""The share of rows whose truth is expected to be inside the interval or the set."""


class IntervalGroup(Strict):
    """The offsets of one group of rows, by bins of the answer."""

    edges: tuple[Number, ...] = ()
    """The ascending edges between the bins, in the target's unit. An answer that equals an edge is in the lower bin."""
    lower: tuple[Number, ...]
    """The number that is added to the answer for the lower end, at most 0, for each of ``len(edges) + 1`` bins."""
    upper: tuple[Number, ...]
    """The number that is added to the answer for the upper end, at least 0, for each bin."""

    @model_validator(mode="after")
    def _is_a_table(self) -> Self:
        bins = len(self.edges) + 1
        if len(self.lower) != bins or len(self.upper) != bins:
            raise ValueError(
                f"output.interval: expected {bins} offsets for {len(self.edges)} edges, got {len(self.lower)} lower and"
                f" {len(self.upper)} upper"
            )
        _require_ascending(self.edges, "edges")
        if max(self.lower) > 0 or min(self.upper) < 0:
            raise ValueError("output.interval: expected lower offsets of at most 0 and upper offsets of at least 0")
        return self


class Interval(Strict):
    """The prediction intervals of a regression."""

    coverage: Coverage
    """The share of rows whose true value is expected to be inside the interval."""
    by: Name | None = None
    """The feature whose value determines the group of a row; None for one group."""
    by_edges: tuple[Number, ...] = ()
    """The ascending edges between the groups, in the feature's unit. A value that equals an edge is in the lower group."""
    groups: Annotated[tuple[IntervalGroup, ...], Field(min_length=1, max_length=CELLS_LIMIT)]
    """One group; with ``by`` one group for each of ``len(by_edges) + 1`` ranges, and a last group for a missing value."""
    minimum: Number | None = None
    """The smallest possible value of the target: no interval begins below it, unless the answer itself does."""
    maximum: Number | None = None
    """The largest possible value of the target: no interval ends above it, unless the answer itself does."""

    @model_validator(mode="after")
    def _is_a_table(self) -> Self:
        expected = 1 if self.by is None else len(self.by_edges) + 2
        if len(self.groups) != expected:
            raise ValueError(f"output.interval: expected {expected} groups, got {len(self.groups)}")
        if self.by is None and self.by_edges:
            raise ValueError("output.interval: `by_edges` needs `by`")
        _require_ascending(self.by_edges, "by_edges")
        if sum(len(group.lower) for group in self.groups) > CELLS_LIMIT:
            raise ValueError(f"output.interval: expected at most {CELLS_LIMIT:,} bins in all groups")
        return self


def _require_ascending(edges: Sequence[float], name: str) -> None:
    if any(second <= first for first, second in pairwise(edges)):
        raise ValueError(f"output.interval: expected ascending `{name}`, got {list(edges)}")


class IntervalTable:
    """The function from an answer to its interval.

    Args:
        interval: the table of the contract.
    """

    __slots__ = ("_by_edges", "_groups", "_maximum", "_minimum")

    def __init__(self, interval: Interval) -> None:
        self._by_edges = interval.by_edges
        self._groups = [(group.edges, group.lower, group.upper) for group in interval.groups]
        # The largest double instead of infinity: JSON cannot say infinity.
        self._minimum = -sys.float_info.max if interval.minimum is None else interval.minimum
        self._maximum = sys.float_info.max if interval.maximum is None else interval.maximum

    def ends(self, answer: float, by: float = math.nan) -> tuple[float, float]:
        """Return the lower and the upper end of an answer's interval. The interval contains the answer.

        Args:
            answer: a finite answer of the model.
            by: the value of the feature that determines the group, as it is in a packed row; NaN for a missing value, or if the
                table has one group.
        """
        # NaN differs from itself. The last group is the only one, or that of a missing value.
        edges, lowers, uppers = self._groups[bisect_left(self._by_edges, by) if by == by else -1]
        index = bisect_left(edges, answer)
        lower, upper = answer + lowers[index], answer + uppers[index]
        if lower < self._minimum:
            lower = self._minimum if self._minimum < answer else answer
        if upper > self._maximum:
            upper = self._maximum if self._maximum > answer else answer
        return lower, upper

    def all_ends(self, answers: Sequence[float], by: Iterable[float] | None = None) -> list[tuple[float, float]]:
        """Return the ends of many answers; see ``ends``.

        Args:
            answers: N finite answers.
            by: N values of the feature that determines the groups; None if the table has one group.

        Raises:
            ValueError: the numbers of answers and values differ.
        """
        if by is None:
            return [self.ends(answer) for answer in answers]
        return [self.ends(answer, value) for answer, value in zip(answers, by, strict=True)]
