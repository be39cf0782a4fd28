"""A config's prediction intervals and prediction sets: how sure an answer is, calibrated on the training part."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tabento.bundle.contract import Name, Strict
from training.config.types import PositiveInt

Coverage = Annotated[float, Field(ge=0.5, lt=1)]
Folds = Annotated[int, Field(ge=2, le=100)]


class Intervals(Strict):
    """The prediction intervals of a regression; see docs/intervals.md."""

    coverage: Coverage = 0.9
    """The share of new rows whose true value is inside the interval."""
    by: Name | None = None
    """A number or timestamp among the features: the coverage then holds for each range of its values as well."""
    parts: Annotated[int, Field(ge=2, le=50)] = 4
    """The number of ranges of ``by``, which have equally many training rows."""
    bins: PositiveInt | None = None
    """The number of bins of the answer in each range, which have equally many training rows; by default one for 200 rows, and at
    most 5."""
    folds: Folds | None = None
    """The number of folds of the out-of-fold answers; by default 10 below 1,000 training rows, else 5."""


class Sets(Strict):
    """The prediction sets of a classification; see docs/intervals.md."""

    coverage: Coverage = 0.9
    """The share of new rows of each class whose true label is in the set."""
    folds: Folds | None = None
    """The number of folds of the out-of-fold answers; by default 10 below 1,000 training rows, else 5."""
