"""The types and the one error that all parts of a config share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
PositiveInt = Annotated[int, Field(gt=0)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Expression = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Param = int | float | str | bool | None
"""A value of an estimator's own parameter."""

Imputer = Literal["median", "mean", "most_frequent", "knn", "iterative"]
"""What stands in for a missing number: a statistic of the column, the mean of the nearest rows (k = 5, scaled), or what a
random forest predicts from the other columns."""

Task = Literal["regression", "classification"]
"""What a model answers: a number, or one of some classes."""

Kind = Literal[
    "dummy",
    "ridge",
    "lasso",
    "elastic_net",
    "logistic_regression",
    "decision_tree",
    "random_forest",
    "extra_trees",
    "gradient_boosting",
    "hist_gradient_boosting",
    "knn",
    "mlp",
    "xgboost",
    "lightgbm",
    "voting",
    "stack",
]
"""The estimators that a config can ask for; ``training.estimators`` builds them."""


class ConfigError(Exception):
    """A config file is missing, is not valid YAML, has an unknown key or an impossible value."""

    usable: Any = None
    """What can be said of the data all the same: a ``ModelConfig`` of the sections that describe it, or None."""
