"""A config's gate: the limits that a model must meet to be registered."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tabento.bundle.contract import Number, Strict
from training.config.study import Metric, MetricName
from training.config.types import Positive, PositiveInt, Share


class Limit(Strict):
    """The lower and the upper limit of a metric."""

    at_least: Number | None = None
    at_most: Number | None = None

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a limit needs `at_least` or `at_most`")
        return self


class ChampionComparison(Strict):
    """The comparison of a model with the champion on the same test rows, by a paired bootstrap (B. Efron, 1979)."""

    metric: Metric | None = None
    """The compared metric; by default the metric of the selection."""
    confidence: Share = 0.95
    """The confidence level of the interval of the difference."""
    resamples: Annotated[int, Field(ge=100)] = 2000
    worse_max: Annotated[float, Field(ge=0)] = 0.0
    """The allowed loss, as a share of the champion's metric. A model fails if even the better end of the interval is worse
    by more than this."""


class Calibration(Strict):
    """The limits of the difference between probabilities and observed frequencies."""

    brier_max: Positive | None = None
    """The Brier score (G. W. Brier, 1950): the mean squared difference between probability and outcome."""
    ece_max: Positive | None = None
    """The expected calibration error: mean distance between probability and frequency over ``bins``, weighted by rows."""
    bins: Annotated[int, Field(ge=2, le=100)] = 10


class Slices(Strict):
    """The limit of the loss of a slice of the test rows, relative to the loss of all test rows."""

    columns: tuple[str, ...] | None = None
    """The columns that define slices: each category, each quantile bin of a number; by default all columns."""
    quantiles: Annotated[int, Field(ge=2, le=20)] = 4
    rows_min: PositiveInt = 50
    """Smaller slices are reported, but not checked."""
    worse_max: Annotated[float, Field(gt=1)] | None = 2.0
    """The largest ratio of a slice's loss (mean absolute error, or log loss) to the loss of all rows. A slice fails if the
    lower end of the ratio's 95% bootstrap interval is above it, so that chance alone does not explain it."""


class CoverageLimits(Strict):
    """The limits of the coverage of prediction intervals or sets on the test part. A limit applies to the end of a binomial
    interval, so that chance alone does not fail a model."""

    below_max: Annotated[float, Field(ge=0, lt=1)] | None = 0.02
    """The largest difference by which the coverage of all test rows may be below the promised coverage."""
    above_max: Annotated[float, Field(ge=0, lt=1)] | None = None
    """The largest difference by which it may be above."""
    slice_below_max: Annotated[float, Field(ge=0, lt=1)] | None = 0.05
    """The largest difference by which the coverage of a slice may be below. The slices are those of ``gate.slices``, the ranges of
    ``intervals.by`` and the classes."""
    width_max: Positive | None = None
    """The largest mean width of an interval in the target's unit, or the largest mean number of labels in a set."""
    confidence: Share = 0.95
    """The confidence of the binomial intervals."""


class Leakage(Strict):
    """Checks whether the target leaks into the features."""

    single_feature_max: Share | None = 0.95
    """The best score that one feature alone may reach in cross-validation: R², or area under the ROC curve."""
    permuted_target_max: Share | None = 0.1
    """The largest score above chance (R² 0, area 0.5) that the model may reach when it learns permuted targets."""


class Invariance(Strict):
    """A field whose value must not change the answer, or only slightly."""

    feature: str
    changes: Annotated[tuple[Number | str | bool, ...], Field(min_length=1)]
    """The values that replace it, one at a time."""
    relative_max: Annotated[float, Field(ge=0)] = 0.0
    """The largest change of an answer: relative for a number, absolute for a probability."""
    share_max: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of rows whose answers may change by more."""


class Direction(Strict):
    """A field that must change the answer in one direction."""

    feature: str
    add: Number | None = None
    """The number that is added to its value. Either this or ``factor`` is set."""
    factor: Positive | None = None
    """The factor of its value."""
    answer: Literal["rises", "falls"]
    """The direction of the mean answer (a number, or the probability of the positive class)."""
    share_min: Share = 0.5
    """The share of rows whose answer must change in that direction or stay equal."""

    @model_validator(mode="after")
    def _has_one_change(self) -> Self:
        if (self.add is None) == (self.factor is None):
            raise ValueError(f"gate.directions: {self.feature!r} needs `add` or `factor`, and only one of them")
        return self


class Seeds(Strict):
    """A check whether the quality of the model depends on its random seed."""

    seeds: tuple[int, ...] = (1, 2, 3)
    """The model is fitted again with each seed."""
    spread_max: Positive | None = 0.05
    """The largest standard deviation of the metric over the seeds, as a share of its mean."""


class Gate(Strict):
    """The limits that a model must meet before it is saved; null switches a limit off."""

    metrics: dict[MetricName, Limit] = {}
    """Limits of metrics on the test part, of every metric that is reported."""
    champion: ChampionComparison | None = ChampionComparison()
    """The comparison with the champion, if there is one."""
    calibration: Calibration | None = None
    slices: Slices | None = Slices()
    coverage: CoverageLimits | None = CoverageLimits()
    """The limits of the coverage, if the config asks for ``intervals`` or ``sets``."""
    leakage: Leakage | None = Leakage()
    invariances: tuple[Invariance, ...] = ()
    directions: tuple[Direction, ...] = ()
    seeds: Seeds | None = None
    parity_relative_max: Annotated[float, Field(gt=0)] = 1e-9
    """Worst relative difference between the ONNX graph and the pipeline, over every row of the parity check."""
    parity_probability_max: Annotated[float, Field(gt=0)] = 1e-9
    """Worst difference of a probability between the two."""
    parity_other_branches_max: Annotated[int, Field(ge=0)] | None = 0
    """The number of rows that may take another branch in a tree of the graph."""
    parity_label_flips_max: Annotated[int, Field(ge=0)] | None = 0
    """The number of rows that may get another label from the graph."""
    parity_undecided_share_max: Annotated[float, Field(ge=0, le=1)] | None = 0.001
    """The share of the test rows that may be undecided: scikit-learn itself gives them more than one answer."""
    parity_undecided_hostile_share_max: Annotated[float, Field(ge=0, le=1)] | None = 0.01
    """The share of the hostile rows, which are placed on thresholds, that may be undecided."""
    parity_cancelled_share_max: Annotated[float, Field(ge=0, le=1)] | None = 0.05
    """The share of the test rows that may differ by more, because large terms cancel in scikit-learn's own sums."""
    parity_knife_edges_max: Annotated[int, Field(ge=0)] | None = 0
    """The number of test rows that may be so close to a decision boundary that rounding changes their label."""
    parity_rows: Annotated[int, Field(ge=1000)] = 20_000
    """The approximate number of rows of the parity check; more rows reach more thresholds of a large forest."""
    single_row_p99_us_max: Annotated[float, Field(gt=0)] | None = 300.0
    """99% quantile of one row's time in ONNX Runtime, in microseconds."""
    ten_rows_p95_us_max: Annotated[float, Field(gt=0)] | None = None
    """95% quantile of a batch of 10 rows, in microseconds."""
    batch_p99_us_max: Annotated[float, Field(gt=0)] | None = None
    """99% quantile of a batch of 32 rows, in microseconds."""
    model_mib_max: Annotated[float, Field(gt=0)] | None = 64.0
    """Size of the ONNX file in MiB."""
