"""What flows between the steps of an export: columns on the way through preprocessing, answers at its end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Codes = Mapping[Any, float]
"""For a column of categories: the number by which each value travels.

Missing travels as NaN. In the pipeline it is None, as ``training.frames.to_frame`` says it, unless NaN itself is among
the keys: then a step has put NaN in its place, which scikit-learn tells apart.
"""


class NanCodes(dict[object, float]):
    """Codes of a column in which missing is NaN rather than None in the pipeline; NaN is among the keys."""

    def __init__(self, codes: Codes) -> None:
        super().__init__({**codes, math.nan: math.nan})


class TextCodes(dict[object, float]):
    """Stands for the codes of a column of texts, which has none: any text is a value.

    Args:
        feature: which feature of the contract it is, counted from 0.
    """

    def __init__(self, feature: int) -> None:
        super().__init__()
        self.feature = feature


def missing_is_nan(code: Codes | None) -> bool:
    """Say whether the pipeline has NaN, rather than None, where a column is missing."""
    return code is None or any(isinstance(value, float) and math.isnan(value) for value in code)


def largest_code(code: Codes) -> float:
    """Return the largest number by which a column's categories travel, -1 where there is none."""
    return max((number for number in code.values() if not math.isnan(number)), default=-1.0)


@dataclass(frozen=True)
class Columns:
    """A value of the graph: float64 of shape (N, width)."""

    name: str
    """The value's name in the graph."""
    codes: tuple[Codes | None, ...]
    """Per column: how its categories are coded, or None where it holds numbers."""
    names: tuple[str, ...] | None = None
    """Per column its name, where steps may still ask for columns by name."""
    sparse: bool = False
    """Whether scikit-learn keeps them as a sparse matrix here, which some steps compute with in another order."""
    stored: str | None = None
    """Of a sparse matrix: a value of the same shape that is 0 exactly where the matrix has no entry. An entry may be 0
    itself, and XGBoost takes only what has no entry for missing. None if that is not known."""
    by_column: bool = False
    """Of a sparse matrix: whether it is kept column by column (CSC), which LightGBM reads in another way."""
    single: bool = False
    """Whether scikit-learn keeps them as float32 here, so that the next step would compute in float32."""
    series: bool = False
    """Whether it is one column that scikit-learn hands on as a series, without its second dimension."""

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.codes)

    @property
    def numeric(self) -> bool:
        """Whether every column holds numbers."""
        return not any(code is not None for code in self.codes)

    @property
    def has_text(self) -> bool:
        """Whether a column holds texts that are to be split."""
        return any(isinstance(code, TextCodes) for code in self.codes)


@dataclass(frozen=True)
class Scores:
    """What a classifier answers; C classes in the order of its ``classes_``."""

    label: str
    """Value of shape (N, 1), float64: the index of the predicted class; of several labels a row (N, ``count``)."""
    probabilities: str | None = None
    """Value of shape (N, C), float64: ``predict_proba``; None where the classifier has none."""
    decision: str | None = None
    """Value of shape (N, 1) for two classes, else (N, C), float64: ``decision_function``; None where it has none."""
    count: int = 1
    """How many labels a row gets. Several have neither probabilities nor decision here."""


def numbers(name: str, width: int) -> Columns:
    """Return columns of numbers without names."""
    return Columns(name, (None,) * width)
