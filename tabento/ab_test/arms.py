"""The counts of one arm of a rollout. The counts of several workers are added; the tests read nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from tabento.ab_test.latency import LATENCY_BINS, quantile_s

UNIT_BUCKETS = 64
"""The number of buckets into which the units of a split are hashed."""


@dataclass(slots=True)
class LossSums:
    """The losses of answers whose true value is known: absolute errors, 0/1 losses or Brier scores."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    """The sum of the squared losses."""

    def add(self, loss: float) -> None:
        """Add one loss."""
        self.count += 1
        self.total += loss
        self.squares += loss * loss

    def since(self, earlier: Self) -> Self:
        """Return the losses since an earlier state; none if there are fewer than then, because the oldest truths were deleted."""
        if self.count < earlier.count:
            return type(self)()
        return type(self)(
            self.count - earlier.count, self.total - earlier.total, max(self.squares - earlier.squares, 0.0)
        )

    @property
    def mean(self) -> float | None:
        """The mean loss; None without losses."""
        return self.total / self.count if self.count else None

    @property
    def variance(self) -> float | None:
        """The unbiased variance of a loss; None for fewer than two losses."""
        if self.count < 2:
            return None
        return max(self.squares - self.total * self.total / self.count, 0.0) / (self.count - 1)


@dataclass(slots=True)
class ArmCounts:
    """The requests of one arm, as plain integers, so that the observer of a worker adds to them without a call.

    Only requests that the version itself answered or failed are counted. A request that admission control refused says nothing
    about the version.
    """

    requests: int = 0
    """The answered and the failed requests."""
    errors: int = 0
    """The failed requests among them."""
    rows: int = 0
    """The rows of the answered requests."""
    latencies: list[int] = field(default_factory=lambda: [0] * LATENCY_BINS)
    """The histogram of the latencies of the answered requests, on ``LATENCY_BOUNDS_S``."""
    latency_us: int = 0
    """The sum of these latencies in microseconds."""
    answers: dict[str, list[int]] = field(default_factory=dict)
    """The histogram of the answers by column, such as the name of a target: counts of labels, or of the bins of a number. The bins
    of both arms are equal."""
    losses: LossSums = field(default_factory=LossSums)
    """The losses of the answers whose true value is known."""
    units: list[int] = field(default_factory=lambda: [0] * UNIT_BUCKETS)
    """The requests by a hash of the unit that decides the arm, such as a client. All are 0 if each request is a unit. The units of
    both arms may be counted together in one of them."""

    @property
    def error_rate(self) -> float | None:
        """The share of failed requests; None without requests."""
        return self.errors / self.requests if self.requests else None

    @property
    def n_latencies(self) -> int:
        """The number of latencies."""
        return sum(self.latencies)

    @property
    def mean_s(self) -> float | None:
        """The mean latency in seconds; None without latencies."""
        count = self.n_latencies
        return self.latency_us / 1e6 / count if count else None

    def quantile_s(self, level: float) -> float | None:
        """Return a quantile of latency in seconds; None without latencies."""
        return quantile_s(self.latencies, level)

    def add(self, other: Self) -> None:
        """Add the counts of another worker.

        Raises:
            ValueError: the answers of a column have other bins; the message names the column and both numbers.
        """
        for name, counts in other.answers.items():
            own_counts = self.answers.get(name)
            if own_counts is not None and len(own_counts) != len(counts):
                raise ValueError(
                    f"Expected {len(own_counts)} bins of the answers '{name}', got {len(counts)}. Counts of one model can be added only."
                )
        self.requests += other.requests
        self.errors += other.errors
        self.rows += other.rows
        self.latencies = _sum(self.latencies, other.latencies)
        self.latency_us += other.latency_us
        for name, counts in other.answers.items():
            self.answers[name] = _sum(self.answers[name], counts) if name in self.answers else list(counts)
        self.units = _sum(self.units, other.units)
        self.losses.count += other.losses.count
        self.losses.total += other.losses.total
        self.losses.squares += other.losses.squares

    def since(self, earlier: Self) -> Self | None:
        """Return the counts since an earlier state; None if a count is smaller than then, because a worker has restarted."""
        answers = {name: _difference(counts, earlier.answers.get(name)) for name, counts in self.answers.items()}
        losses = self.losses.since(earlier.losses)
        rest = type(self)(
            requests=self.requests - earlier.requests,
            errors=self.errors - earlier.errors,
            rows=self.rows - earlier.rows,
            latencies=_difference(self.latencies, earlier.latencies),
            latency_us=self.latency_us - earlier.latency_us,
            answers=answers,
            losses=losses,
            units=_difference(self.units, earlier.units),
        )
        smallest = min(rest.requests, rest.errors, rest.rows, rest.latency_us, *rest.latencies, *rest.units)
        if smallest < 0 or any(count < 0 for counts in answers.values() for count in counts):
            return None
        return rest

    def copy(self) -> Self:
        """Return an independent copy."""
        copy = type(self)()
        copy.add(self)
        return copy

    def to_json(self) -> dict[str, Any]:
        """Return the counts as JSON; of the latencies, only the bins with counts."""
        return {
            "requests": self.requests,
            "errors": self.errors,
            "rows": self.rows,
            "latencies": _sparse(self.latencies),
            "latency_us": self.latency_us,
            "answers": {name: list(counts) for name, counts in self.answers.items()},
            "units": _sparse(self.units),
            "losses": [self.losses.count, self.losses.total, self.losses.squares],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return the counts of ``to_json``.

        Raises:
            ValueError: the value has a missing key, a number that is not a count, or a bin that does not exist.
        """
        try:
            count, total, squares = value["losses"]
            return cls(
                requests=_count(value["requests"]),
                errors=_count(value["errors"]),
                rows=_count(value["rows"]),
                latencies=_dense(value["latencies"], LATENCY_BINS),
                latency_us=_count(value["latency_us"]),
                answers={str(name): [_count(item) for item in items] for name, items in value["answers"].items()},
                units=_dense(value["units"], UNIT_BUCKETS),
                losses=LossSums(_count(count), _number(total), _number(squares)),
            )
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise ValueError(f"Expected the counts of an arm, got {type(error).__name__}: {error}.") from None


def merge_arms(arms: Iterable[ArmCounts]) -> ArmCounts:
    """Return the sum of the counts of several workers.

    Raises:
        ValueError: the answers of a column have different bins.
    """
    total = ArmCounts()
    for arm in arms:
        total.add(arm)
    return total


def requests_of_a_unit(*arms: ArmCounts) -> float:
    """Return the number of requests of a unit, weighted by the requests; 1 if each request is a unit.

    That is Σ n² / Σ n over the units: the design effect of clusters without any variation inside (L. Kish, Survey Sampling, 1965).
    Units fall into buckets at random, so that it is about the variance of the buckets divided by their mean.
    """
    buckets: list[int] = [sum(counts) for counts in zip(*(arm.units for arm in arms), strict=True)]
    mean = sum(buckets) / len(buckets)
    if not mean:
        return 1.0
    variance = math.fsum((count - mean) ** 2 for count in buckets) / (len(buckets) - 1)
    return max(variance / mean, 1.0)


def _sum(first: Sequence[int], second: Sequence[int]) -> list[int]:
    return [a + b for a, b in zip(first, second, strict=True)]


def _difference(counts: Sequence[int], earlier: Sequence[int] | None) -> list[int]:
    return list(counts) if earlier is None else [a - b for a, b in zip(counts, earlier, strict=True)]


def _sparse(counts: Sequence[int]) -> list[list[int]]:
    return [[index, count] for index, count in enumerate(counts) if count]


def _dense(pairs: Iterable[Sequence[Any]], size: int) -> list[int]:
    counts = [0] * size
    for index, count in pairs:
        if not 0 <= index < size:
            raise IndexError(f"bin {index} of {size}")
        counts[index] = _count(count)
    return counts


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"Expected a count, got {value!r}.")
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"Expected a finite number, got {value!r}.")
    return float(value)
