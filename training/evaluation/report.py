"""What an evaluation found: the content of ``evaluation.json``."""

from __future__ import annotations

from typing import Literal, Self

from bundle.contract import Strict
from training.evaluation.intervals import corrected_interval

CONFIDENCE = 0.95
"""Of every interval of an evaluation."""


class Figure(Strict):
    """One metric over the folds of all repeats, in the metric's unit."""

    mean: float
    """The mean over the folds."""
    sd: float
    """The standard deviation over the folds: how far one fold is from another, not how sure the mean is."""
    low: float
    """The lower end of the mean's interval, see ``training.evaluation.intervals``."""
    high: float
    """The upper end."""
    folds: tuple[float, ...]
    """The metric of each fold, repeat by repeat."""

    @classmethod
    def over(cls, values: tuple[float, ...], folds: int) -> Self:
        """Return the figure of one value per fold, with ``folds`` of them in each repeat.

        Raises:
            ValueError: there are fewer than two values, or one is not finite.
        """
        interval = corrected_interval(values, folds, CONFIDENCE)
        return cls(mean=interval.mean, sd=interval.sd, low=interval.low, high=interval.high, folds=values)


class Variant(Strict):
    """The figures of one set of columns."""

    name: str
    """``as configured``, or ``with`` and the columns that the config drops otherwise."""
    columns: tuple[str, ...]
    """What the model uses."""
    figures: dict[str, Figure]
    """Each metric of ``training.metrics`` over the folds."""
    pooled: dict[str, float]
    """Each metric over all rows at once, each answered by the fold that did not see it; the mean over the repeats. For
    R² it differs from the mean over folds: a fold of a few rows has a spread of its own to be measured against."""
    difference: dict[str, Figure]
    """This variant minus ``as configured``, fold by fold; empty for that itself."""


class EvaluationReport(Strict):
    """Repeated cross-validation of a config's procedure over all rows."""

    name: str
    """The config's name."""
    title: str
    task: Literal["regression", "classification"]
    data: str
    """Where the rows came from."""
    rows: int
    folds: int
    repeats: int
    seed: int
    """The config's seed, from which the folds follow."""
    confidence: float
    """Of the intervals."""
    variants: tuple[Variant, ...]
    """``as configured`` first."""
