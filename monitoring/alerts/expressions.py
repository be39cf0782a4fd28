"""Conditions over metrics. Each has two forms: PromQL text, and a value from the monitor's own history.

Both forms have the semantics of PromQL: a vector has one number for each set of labels, a comparison keeps the numbers that
fulfil it, and an operation joins the numbers with equal labels. In PromQL all sums are by the label ``job`` too: a service's replicas
count together, two services apart.
"""

from __future__ import annotations

import math
import operator
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from monitoring.alerts.history import History
from monitoring.snapshots import Snapshot
from tabento.bundle.numbers import number_text

Labels = tuple[tuple[str, str], ...]
Vector = dict[Labels, float]
DAY_S = 86_400.0

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
}
_FUNCTIONS: dict[str, Callable[[Iterable[float]], float]] = {"max": max, "min": min, "sum": math.fsum}
_SUFFIX = re.compile(r"_total$|_count$")


@dataclass(frozen=True)
class Readings:
    """All that an evaluation reads."""

    now_s: float
    history: History
    latest: Snapshot
    """The metrics as they are now."""


class Expression(ABC):
    """A condition, or a part of one."""

    @abstractmethod
    def promql(self) -> str:
        """Return the expression as PromQL."""

    @abstractmethod
    def value(self, readings: Readings) -> Vector:
        """Return the expression's value."""

    def children(self) -> tuple[Expression, ...]:
        """Return the expressions of which it consists."""
        return ()

    def walk(self) -> Iterator[Expression]:
        """Yield the expression and all its parts."""
        yield self
        for child in self.children():
            yield from child.walk()


@dataclass(frozen=True)
class Number(Expression):
    """A constant; it fits every set of labels."""

    number: float

    def promql(self) -> str:
        """Return the number in its shortest form."""
        return number_text(self.number)

    def value(self, readings: Readings) -> Vector:
        """Return the number without labels."""
        return {(): self.number}


@dataclass(frozen=True)
class Counter:
    """The sum of the matching series of a counter.

    Args:
        metric: its name in Prometheus: with ``_total``, or ``_count`` of a histogram.
        labels: the names of all its labels, in the order of its ``Family``.
        match: regular expressions of labels.
    """

    metric: str
    labels: tuple[str, ...] = ()
    match: tuple[tuple[str, str], ...] = ()

    @property
    def family(self) -> str:
        """The name of the family."""
        return _SUFFIX.sub("", self.metric)

    @property
    def selector(self) -> str:
        """The series as a selector of PromQL, which is also the counter's name in the history."""
        matchers = ",".join(f'{label}=~"{pattern}"' for label, pattern in self.match)
        return f"{self.metric}{{{matchers}}}" if matchers else self.metric

    def read(self, snapshot: Snapshot) -> float | None:
        """Return the sum; None if no series matches."""
        buckets = snapshot.histograms.get(self.family)
        if buckets is not None:
            return float(sum(buckets.counts))
        patterns = [(self.labels.index(label), re.compile(pattern)) for label, pattern in self.match]
        values = [
            value
            for labels, value in snapshot.values.get(self.family, {}).items()
            if len(labels) == len(self.labels) and all(pattern.fullmatch(labels[index]) for index, pattern in patterns)
        ]
        return float(sum(values)) if values else None


@dataclass(frozen=True)
class Increase(Expression):
    """The increase of a counter in a window."""

    counter: Counter
    window_s: float
    offset_s: float = 0.0

    def promql(self) -> str:
        """Return the increase, summed over all instances of a job."""
        offset = f" offset {duration(self.offset_s)}" if self.offset_s else ""
        return f"sum by (job) (increase({self.counter.selector}[{duration(self.window_s)}]{offset}))"

    def value(self, readings: Readings) -> Vector:
        """Return the increase; empty if it is not known."""
        increase = readings.history.increase(self.counter.selector, readings.now_s, self.window_s, self.offset_s)
        return {} if increase is None else {(): increase}


@dataclass(frozen=True)
class MeanOfDays(Expression):
    """The mean increase of a counter in the same window of the days before; days without data do not count."""

    counter: Counter
    window_s: float
    days: int = 7

    def _past(self) -> list[Increase]:
        return [Increase(self.counter, self.window_s, day * DAY_S) for day in range(1, self.days + 1)]

    def promql(self) -> str:
        """Return the mean over one series a day, which a label tells apart."""
        days = " or ".join(
            f'label_replace({past.promql()}, "day", "{day}", "", "")' for day, past in enumerate(self._past(), start=1)
        )
        return f"avg by (job) ({days})"

    def value(self, readings: Readings) -> Vector:
        """Return the mean; empty without any day."""
        numbers = [number for past in self._past() for number in past.value(readings).values()]
        return {(): math.fsum(numbers) / len(numbers)} if numbers else {}


@dataclass(frozen=True)
class RecordedExpression(Expression):
    """An expression with a name, which Prometheus computes first, by a recording rule.

    Args:
        name: the name of the recording rule.
        expression: the expression.
    """

    name: str
    expression: Expression

    def promql(self) -> str:
        """Return the name."""
        return self.name

    def value(self, readings: Readings) -> Vector:
        """Return the expression's value."""
        return self.expression.value(readings)

    def children(self) -> tuple[Expression, ...]:
        """Return the expression."""
        return (self.expression,)


@dataclass(frozen=True)
class Histogram:
    """A histogram without labels.

    Args:
        name: the name of its family.
        bounds: the upper bounds of its buckets, without infinity.
    """

    name: str
    bounds: tuple[float, ...]

    def columns(self) -> list[str]:
        """Return the names of its buckets in the history."""
        return [f"{self.name}[{index}]" for index in range(len(self.bounds) + 1)]

    def read(self, snapshot: Snapshot) -> list[float] | None:
        """Return the counts of its buckets."""
        buckets = snapshot.histograms.get(self.name)
        if buckets is None or len(buckets.counts) != len(self.bounds) + 1:
            return None
        return [float(count) for count in buckets.counts]


@dataclass(frozen=True)
class Quantile(Expression):
    """A quantile of a histogram's observations in a window, as PromQL's ``histogram_quantile`` interpolates it."""

    share: float
    histogram: Histogram
    window_s: float

    def promql(self) -> str:
        """Return the quantile over all instances of a job."""
        window = duration(self.window_s)
        return f"histogram_quantile({number_text(self.share)}, sum by (job, le) (increase({self.histogram.name}_bucket[{window}])))"

    def value(self, readings: Readings) -> Vector:
        """Return the quantile; empty without observations."""
        increases = [
            readings.history.increase(column, readings.now_s, self.window_s) or 0.0
            for column in self.histogram.columns()
        ]
        total = math.fsum(increases)
        if total <= 0:
            return {}
        rank, below, lower = self.share * total, 0.0, 0.0
        for bound, increase in zip(self.histogram.bounds, increases, strict=False):
            if below + increase >= rank and increase > 0:
                return {(): lower + (bound - lower) * (rank - below) / increase}
            below, lower = below + increase, bound
        return {(): self.histogram.bounds[-1]}


@dataclass(frozen=True)
class Gauge(Expression):
    """A gauge as it is now: the maximum, or another function, over all series with equal labels.

    Args:
        metric: its name.
        labels: the names of all its labels, in the order of its ``Family``.
        by: the labels that are kept.
        match: regular expressions of labels.
        function: the function that joins the series.
    """

    metric: str
    labels: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    match: tuple[tuple[str, str], ...] = ()
    function: Literal["max", "min", "sum"] = "max"

    def promql(self) -> str:
        """Return the aggregation."""
        selector = Counter(self.metric, self.labels, self.match).selector
        return f"{self.function} by ({', '.join(('job', *self.by))}) ({selector})"

    def value(self, readings: Readings) -> Vector:
        """Return the aggregation; a series that is not a number is left out."""
        patterns = [(self.labels.index(label), re.compile(pattern)) for label, pattern in self.match]
        kept_labels = [(label, self.labels.index(label)) for label in self.by]
        numbers: dict[Labels, list[float]] = {}
        for labels, number in readings.latest.values.get(self.metric, {}).items():
            if len(labels) != len(self.labels) or math.isnan(number):
                continue
            if all(pattern.fullmatch(labels[index]) for index, pattern in patterns):
                numbers.setdefault(tuple((label, labels[index]) for label, index in kept_labels), []).append(number)
        function = _FUNCTIONS[self.function]
        return {labels: function(series) for labels, series in numbers.items()}


@dataclass(frozen=True)
class Now(Expression):
    """The Unix time in seconds."""

    def promql(self) -> str:
        """Return the function of PromQL."""
        return "time()"

    def value(self, readings: Readings) -> Vector:
        """Return the time without labels."""
        return {(): readings.now_s}


@dataclass(frozen=True)
class Raw(Expression):
    """An expression that only Prometheus can evaluate."""

    text: str

    def promql(self) -> str:
        """Return the text."""
        return self.text

    def value(self, readings: Readings) -> Vector:
        """Return nothing: the monitor cannot evaluate it."""
        return {}


def _join(left: Expression, right: Expression, readings: Readings) -> Iterator[tuple[Labels, float, float]]:
    """Yield the numbers of both sides that have equal labels; a constant fits all."""
    lefts, rights = left.value(readings), right.value(readings)
    for labels, number in (rights if _is_scalar(left) else lefts).items():
        other = rights.get(() if _is_scalar(right) else labels)
        if _is_scalar(left):
            yield labels, lefts[()], number
        elif other is not None:
            yield labels, number, other


def _is_scalar(expression: Expression) -> bool:
    return isinstance(expression, Number | Now)


@dataclass(frozen=True)
class Calculation(Expression):
    """A sum, difference, product or quotient."""

    left: Expression
    sign: Literal["+", "-", "*", "/"]
    right: Expression

    def promql(self) -> str:
        """Return the calculation in parentheses."""
        return f"({self.left.promql()} {self.sign} {self.right.promql()})"

    def value(self, readings: Readings) -> Vector:
        """Return the results; a quotient by 0 is left out, no comparison of the rules holds for it."""
        results: Vector = {}
        for labels, left, right in _join(self.left, self.right, readings):
            if self.sign == "/":
                if right:
                    results[labels] = left / right
            else:
                results[labels] = {"+": left + right, "-": left - right, "*": left * right}[self.sign]
        return results

    def children(self) -> tuple[Expression, ...]:
        """Return both sides."""
        return (self.left, self.right)


@dataclass(frozen=True)
class Comparison(Expression):
    """The numbers of the left side that fulfil a comparison."""

    left: Expression
    sign: Literal[">", ">=", "<", "<=", "=="]
    right: Expression

    def promql(self) -> str:
        """Return the comparison."""
        return f"{self.left.promql()} {self.sign} {self.right.promql()}"

    def value(self, readings: Readings) -> Vector:
        """Return the numbers that fulfil it."""
        compare = _COMPARISONS[self.sign]
        return {labels: left for labels, left, right in _join(self.left, self.right, readings) if compare(left, right)}

    def children(self) -> tuple[Expression, ...]:
        """Return both sides."""
        return (self.left, self.right)


@dataclass(frozen=True)
class Combination(Expression):
    """The numbers of the left side with (``and``) or without (``unless``) a number of equal labels on the right; or of both (``or``).

    Args:
        left: the left side.
        word: the operator.
        right: the right side.
        on: the labels that must be equal; empty for all. Not for ``or``.
    """

    left: Expression
    word: Literal["and", "or", "unless"]
    right: Expression
    on: tuple[str, ...] = ()

    def promql(self) -> str:
        """Return both sides in parentheses."""
        on = f" on ({', '.join(('job', *self.on))})" if self.on else ""
        return f"(({self.left.promql()}) {self.word}{on} ({self.right.promql()}))"

    def value(self, readings: Readings) -> Vector:
        """Return the combination."""
        left, right = self.left.value(readings), self.right.value(readings)
        if self.word == "or":
            return {**right, **left}
        present_keys = {self._key(labels) for labels in right}
        is_kept = self.word == "and"
        return {labels: number for labels, number in left.items() if (self._key(labels) in present_keys) == is_kept}

    def _key(self, labels: Labels) -> Labels:
        return tuple((name, value) for name, value in labels if name in self.on) if self.on else labels

    def children(self) -> tuple[Expression, ...]:
        """Return both sides."""
        return (self.left, self.right)


def all_of(first: Expression, *further: Expression) -> Expression:
    """Return the first expression where all further ones have a number too."""
    for expression in further:
        first = Combination(first, "and", expression)
    return first


def any_of(first: Expression, *further: Expression) -> Expression:
    """Return the numbers of all expressions."""
    for expression in further:
        first = Combination(first, "or", expression)
    return first


def duration(seconds: float) -> str:
    """Return a duration in the largest unit of Prometheus that has no fraction."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:.0f}s"
