"""The results of an evaluation: the content of ``evaluation.json``."""

from __future__ import annotations

from typing import Literal, Self

from tabento.bundle.contract import Strict
from training.model.coverage import CoverageFigures
from training.studies.evaluation.intervals import corrected_interval

CONFIDENCE = 0.95
"""The confidence of every interval of an evaluation."""


class FoldMetric(Strict):
    """One metric over the folds of all repeats, in the metric's unit."""

    mean: float
    """The mean over the folds."""
    sd: float
    """The standard deviation over the folds. It measures the spread of the folds, not the uncertainty of the mean."""
    low: float
    """The lower end of the mean's interval, see ``training.studies.evaluation.intervals``."""
    high: float
    """The upper end."""
    folds: tuple[float, ...]
    """The metric of each fold, repeat by repeat."""

    @classmethod
    def over(cls, values: tuple[float, ...], folds: int) -> Self:
        """Return the metric of one value per fold, with ``folds`` values in each repeat.

        Raises:
            ValueError: there are fewer than two values, or one is not finite.
        """
        interval = corrected_interval(values, folds, CONFIDENCE)
        return cls(mean=interval.mean, sd=interval.sd, low=interval.low, high=interval.high, folds=values)


class Variant(Strict):
    """The metrics of one set of columns."""

    name: str
    """``as configured``, or ``with`` and the columns that the config drops."""
    columns: tuple[str, ...]
    """The columns that the model uses."""
    figures: dict[str, FoldMetric]
    """Each metric of ``training.model.metrics`` over the folds."""
    pooled: dict[str, float]
    """Each metric over all rows together, where each row is answered by the pipeline that was not fitted on it; the mean over the
    repeats. R² differs from its mean over folds, because it depends on the variance of the target in a fold."""
    difference: dict[str, FoldMetric]
    """This variant minus ``as configured``, fold by fold; empty for ``as configured``."""


class EvaluatedCoverage(Strict):
    """The coverage of prediction intervals or sets, calibrated again in each fold."""

    promised: float
    """The coverage that the config asks for."""
    figures: dict[str, FoldMetric]
    """The coverage and the mean width over the folds, by the keys of ``training.model.coverage.coverage_metrics``."""
    slices: tuple[CoverageFigures, ...]
    """The coverage of all rows and of each slice, lowest first. Each row counts once, with the share of repeats in which it is
    covered; the binomial intervals are of this number of rows."""


class EvaluationReport(Strict):
    """Repeated cross-validation of a config's procedure over all rows."""

    name: str
    """The config's name."""
    title: str
    task: Literal["regression", "classification"]
    data: str
    """The source of the rows."""
    rows: int
    folds: int
    repeats: int
    seed: int
    """The config's seed, from which the folds follow."""
    confidence: float
    """The confidence of the intervals."""
    variants: tuple[Variant, ...]
    """``as configured`` first."""
    coverage: EvaluatedCoverage | None = None
    """The coverage of ``as configured``; None if the config asks for no intervals or sets."""
