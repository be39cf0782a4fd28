"""The types and the one error that all parts of a config share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from tabento.transformers.date_part_names import DatePart as DatePart
from training.errors import ConfigError as ConfigError

Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
PositiveInt = Annotated[int, Field(gt=0)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Expression = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Param = int | float | str | bool | None
"""A value of an estimator's own parameter."""

Imputer = Literal["median", "mean", "most_frequent", "knn", "iterative"]
"""The method that replaces a missing number: a statistic of the column, the mean of the nearest rows (k = 5, scaled), or
the prediction of a random forest from the other columns."""

Task = Literal["regression", "classification"]
"""The kind of a model's answer: a number, or one of several classes."""

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
"""The estimators that a config can name; ``training.model.estimators`` builds them."""
