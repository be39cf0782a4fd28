"""The types and the one error that all parts of a config share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from training.errors import ConfigError as ConfigError

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

DatePart = Literal["year", "month", "day", "weekday", "hour", "minute", "day_of_year", "elapsed_days", "timestamp"]
"""What a model can see of a timestamp, in UTC: ``month`` 1 to 12, ``day`` 1 to 31, ``weekday`` 0 (Monday) to 6 (Sunday),
``hour`` 0 to 23, ``minute`` 0 to 59, ``day_of_year`` 1 to 366; ``elapsed_days`` are the days since 1970-01-01 with the time
of day as a fraction, ``timestamp`` are the seconds since then."""

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
