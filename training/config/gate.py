"""A config's gate: the limits that a model keeps, or is not registered."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bundle.contract import Number, Strict
from training.config.study import Metric, MetricName
from training.config.types import Positive, PositiveInt, Share


class Limit(Strict):
    """The ends between which a metric must lie."""

    at_least: Number | None = None
    at_most: Number | None = None

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a limit needs `at_least` or `at_most`")
        return self


class AgainstChampion(Strict):
    """How a model is compared with the champion on the same test rows: by a paired bootstrap (B. Efron, 1979)."""

    metric: Metric | None = None
    """What is compared; by default what the selection decides by."""
    confidence: Share = 0.95
    """Of the interval of the difference."""
    resamples: Annotated[int, Field(ge=100)] = 2000
    worse_max: Annotated[float, Field(ge=0)] = 0.0
    """How much worse, as a share of the champion's figure, the interval's better end may be: a model fails that is worse
    beyond chance and beyond this."""


class Calibration(Strict):
    """How far probabilities may stray from what happens."""

    brier_max: Positive | None = None
    """The Brier score (G. W. Brier, 1950): the mean squared difference between probability and outcome."""
    ece_max: Positive | None = None
    """The expected calibration error: mean distance between probability and frequency over ``bins``, weighted by rows."""
    bins: Annotated[int, Field(ge=2, le=100)] = 10


class Slices(Strict):
    """How much worse than the whole a part of the test rows may be."""

    columns: tuple[str, ...] | None = None
    """By which columns rows are sliced: each category, each quantile bin of a number; by default by all."""
    quantiles: Annotated[int, Field(ge=2, le=20)] = 4
    rows_min: PositiveInt = 50
    """Smaller slices are shown, not judged."""
    worse_max: Annotated[float, Field(gt=1)] | None = 2.0
    """The largest ratio of a slice's loss to that of all rows: mean absolute error, or log loss. A slice fails where it is
    exceeded beyond chance: where the lower end of the ratio's 95% bootstrap interval is above it."""


class Leakage(Strict):
    """Probes for an answer that leaks into the features."""

    single_feature_max: Share | None = 0.95
    """The best score that one feature alone may reach in cross-validation: R², or area under the ROC curve."""
    permuted_target_max: Share | None = 0.1
    """How far above chance (R² 0, area 0.5) the model may score when it learns permuted targets."""


class Invariance(Strict):
    """A field whose value must not matter, or only little."""

    feature: str
    changes: Annotated[tuple[Number | str | bool, ...], Field(min_length=1)]
    """The values that are put in its place, one after the other."""
    relative_max: Annotated[float, Field(ge=0)] = 0.0
    """How far an answer may move: relative for a number, absolute for a probability."""
    share_max: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of rows that may move further."""


class Direction(Strict):
    """A field that must push the answer one way."""

    feature: str
    add: Number | None = None
    """What is added to its value; or else"""
    factor: Positive | None = None
    """what its value is multiplied by."""
    answer: Literal["rises", "falls"]
    """What the mean answer (a number, or the probability of the positive class) must do."""
    share_min: Share = 0.5
    """The share of rows that must move that way or not at all."""

    @model_validator(mode="after")
    def _has_one_change(self) -> Self:
        if (self.add is None) == (self.factor is None):
            raise ValueError(f"gate.directions: {self.feature!r} needs `add` or `factor`, and only one of them")
        return self


class Seeds(Strict):
    """Whether chance decides how good the model is."""

    seeds: tuple[int, ...] = (1, 2, 3)
    """The model is fitted once more with each."""
    spread_max: Positive | None = 0.05
    """The largest standard deviation of the metric over the seeds, as a share of its mean."""


class Gate(Strict):
    """The limits that a model has to keep before it is saved; null switches one off."""

    metrics: dict[MetricName, Limit] = {}
    """Limits of metrics on the test part, of every metric that is reported."""
    champion: AgainstChampion | None = AgainstChampion()
    """How it is compared with the champion, where there is one."""
    calibration: Calibration | None = None
    slices: Slices | None = Slices()
    leakage: Leakage | None = Leakage()
    invariances: tuple[Invariance, ...] = ()
    directions: tuple[Direction, ...] = ()
    seeds: Seeds | None = None
    parity_relative_max: Annotated[float, Field(gt=0)] = 1e-9
    """Worst relative difference between the ONNX graph and the pipeline, over every row that parity tries."""
    parity_probability_max: Annotated[float, Field(gt=0)] = 1e-9
    """Worst difference of a probability between the two."""
    parity_other_branches_max: Annotated[int, Field(ge=0)] | None = 0
    """How many rows may take another branch in some tree of the graph."""
    parity_label_flips_max: Annotated[int, Field(ge=0)] | None = 0
    """How many rows may get another label from the graph."""
    parity_undecided_share_max: Annotated[float, Field(ge=0, le=1)] | None = 0.001
    """Which share of the test rows scikit-learn itself may answer in more than one way."""
    parity_undecided_hostile_share_max: Annotated[float, Field(ge=0, le=1)] | None = 0.01
    """The same of the hostile rows, which are made to lie on edges."""
    parity_cancelled_share_max: Annotated[float, Field(ge=0, le=1)] | None = 0.05
    """Which share of the test rows may differ by more, because large terms cancel in scikit-learn's own sums."""
    parity_knife_edges_max: Annotated[int, Field(ge=0)] | None = 0
    """How many test rows may lie so near to the boundary of a decision that rounding changes their label."""
    parity_rows: Annotated[int, Field(ge=1000)] = 20_000
    """About how many rows parity tries; with more, more thresholds of a large forest are met."""
    single_row_p99_us_max: Annotated[float, Field(gt=0)] | None = 300.0
    """99% quantile of one row's time in ONNX Runtime, in microseconds."""
    ten_rows_p95_us_max: Annotated[float, Field(gt=0)] | None = None
    """95% quantile of a batch of 10 rows, in microseconds."""
    batch_p99_us_max: Annotated[float, Field(gt=0)] | None = None
    """99% quantile of a batch of 32 rows, in microseconds."""
    model_mib_max: Annotated[float, Field(gt=0)] | None = 64.0
    """Size of the ONNX file in MiB."""
