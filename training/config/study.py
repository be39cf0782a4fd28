"""A config's studies: the alternatives that are compared before a decision, and the time limits of the comparison."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from tabento.bundle.contract import Number, Strict
from tabento.bundle.numbers import number_text
from training.config.estimator import Estimator
from training.config.grid import Grid
from training.config.types import Imputer, Kind, Param, Positive, PositiveInt, Share, Task

RegressionMetric = Literal["rmse", "mae", "r2", "mape", "wmape"]
ClassificationMetric = Literal[
    "accuracy", "balanced_accuracy", "f1", "f1_macro", "roc_auc", "average_precision", "log_loss", "brier"
]
Metric = Literal[RegressionMetric, ClassificationMetric]
"""The metrics by which something can be chosen; ``training.model.metrics`` computes them."""
METRICS: dict[Task, tuple[str, ...]] = {
    "regression": get_args(RegressionMetric),
    "classification": get_args(ClassificationMetric),
}
"""The metrics of each task by which something can be chosen."""
RegressionFigure = Literal["median_ape", "smape", "within_5", "within_10", "within_15", "zero_targets"]
ClassificationFigure = Literal["precision", "recall"]
MetricName = Literal[Metric, RegressionFigure, ClassificationFigure]
"""Every metric that is reported: the gate can limit each of them."""
REPORTED: dict[Task, tuple[str, ...]] = {
    "regression": (*METRICS["regression"], *get_args(RegressionFigure)),
    "classification": (*METRICS["classification"], *get_args(ClassificationFigure)),
}
"""The metrics of each task that are reported."""


class Studies(Strict):
    """The studies of the features."""

    pin: tuple[Literal["impute", "clusters", "columns"], ...] = ()
    """The parts that are compared and reported, but stay as the config has them."""
    imputers: tuple[Imputer, ...] = ("mean", "median", "knn", "iterative")
    """The imputations that are compared."""
    masked_share: Share = 0.1
    """The share of known values that is hidden to measure how well imputation restores them."""
    clusters: Annotated[tuple[PositiveInt, ...], Field(max_length=20)] = (5, 8, 10, 15, 20, 40, 80)
    """The numbers of clusters that are compared, if the config has clusters."""
    folds: Annotated[int, Field(ge=2, le=20)] = 5
    """The number of folds of the cross-validation that evaluates the alternatives."""
    rows_max: PositiveInt = 20_000
    """The largest number of training rows in the studies; of more rows, a random sample of this size is used."""


class Candidate(Strict):
    """An estimator that takes part in the selection, under its own name."""

    name: str
    """The row's name in the table."""
    estimator: Estimator
    """The estimator that is fitted."""


class Selection(Strict):
    """The comparison of estimators and the limits of their cost."""

    metric: Metric | None = None
    """The deciding metric; by default ``rmse`` for a regression, ``roc_auc`` for a classification."""
    kinds: tuple[Kind, ...] | None = None
    """The estimators that are compared with their default parameters; by default all that are installed."""
    candidates: tuple[Candidate, ...] = ()
    """Additional estimators, with parameters. The config's own ``estimator`` always takes part."""
    grids: tuple[Grid, ...] = ()
    """Grids of parameters whose combinations are compared as well, after the other candidates."""
    built_in_grids: bool = False
    """Whether the grids of ``training.studies.selection.grids`` are compared, too."""
    folds: Annotated[int, Field(ge=2, le=20)] | None = None
    """The number of folds of the cross-validation; by default 10 below 1,000 training rows, else 5."""
    repeats: Annotated[int, Field(ge=1, le=20)] | None = None
    """The number of repetitions with other folds; by default 3 below 1,000 training rows, else 1."""
    single_row_us_max: Positive | None = 300.0
    """The longest time of one row in ONNX Runtime, p50, in microseconds."""
    batch_us_max: Positive | None = None
    """The longest time of 32 rows, p50, in microseconds."""
    model_mib_max: Positive | None = 64.0
    """The largest ONNX file, in MiB."""
    minutes: Positive = 6.0
    """The time after which no further candidate starts."""

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Self:
        names = [candidate.name for candidate in self.candidates]
        if len(set(names)) != len(names):
            raise ValueError(f"selection.candidates: the names {names} must be distinct")
        return self


class Range(Strict):
    """The values that a sweep tries for one parameter: a range, or a list of choices."""

    low: Number | None = None
    high: Number | None = None
    log: bool = False
    """Whether the range is spread by ratios instead of by differences."""
    integer: bool = False
    """Whether only integers are tried."""
    choices: Annotated[tuple[Param, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _is_a_range_or_a_list(self) -> Self:
        ends = self.low is not None, self.high is not None
        if ends not in ((True, True), (False, False)) or ends[0] == (self.choices is not None):
            raise ValueError("a range needs `low` and `high`, or else `choices`")
        if self.low is not None and self.high is not None:
            if not self.low < self.high:
                raise ValueError(
                    f"`low` must be below `high`, got {number_text(self.low)} and {number_text(self.high)}"
                )
            if self.log and self.low <= 0:
                raise ValueError(f"with `log: true` a range begins above 0, got low {number_text(self.low)}")
        return self


class Sweep(Strict):
    """The search for the chosen estimator's parameters."""

    trials: Annotated[int, Field(ge=0)] = 30
    """The number of sets of parameters that are tried; 0 leaves the parameters as they are."""
    minutes: Positive = 6.0
    """The time after which no further trial starts."""
    folds: Annotated[int, Field(ge=2, le=20)] = 5
    """The number of folds of the cross-validation inside the training part."""
    pruner: Literal["hyperband", "successive_halving", "none"] = "hyperband"
    """The method that stops unpromising trials early, if the estimator can be grown."""
    space: dict[str, Range] = {}
    """Ranges by parameter; ``training.studies.sweep`` has default ranges for the estimator's other parameters."""


class Evaluation(Strict):
    """Repeated cross-validation over all rows, after all decisions: it reports metrics and decides nothing."""

    folds: Annotated[int, Field(ge=2, le=50)] = 5
    repeats: Annotated[int, Field(ge=1, le=50)] = 3
    also_with: tuple[str, ...] = ()
    """Dropped columns with which the metrics are computed a second time, to show the cost of dropping them."""
