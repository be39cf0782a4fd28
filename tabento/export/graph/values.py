"""What flows between the steps of an export: columns on the way through preprocessing, answers at its end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Codes = Mapping[Any, float]
"""For a column of categories: the number by which each value travels.

Missing travels as NaN. In the pipeline it is None, as ``tabento.tables.frames.to_frame`` says it, unless NaN itself is among
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
    """Return the largest code of a column's categories, -1 if it has no code."""
    return max((number for number in code.values() if not math.isnan(number)), default=-1.0)


@dataclass(frozen=True)
class Columns:
    """A value of the graph: float64 of shape (N, width)."""

    name: str
    """The value's name in the graph."""
    codes: tuple[Codes | None, ...]
    """For each column the codes of its categories, or None if it holds numbers."""
    names: tuple[str, ...] | None = None
    """The names of the columns, if steps can still select columns by name."""
    sparse: bool = False
    """Whether scikit-learn holds them as a sparse matrix here. Some steps add the numbers of a sparse matrix in another order."""
    stored: str | None = None
    """For a sparse matrix: a value of the same shape that is 0 exactly where the matrix stores no entry, or None if that is
    not known. A stored entry can be 0, and XGBoost treats only positions without an entry as missing."""
    by_column: bool = False
    """For a sparse matrix: whether it is stored by column (CSC), which LightGBM reads differently."""
    is_float32: bool = False
    """Whether scikit-learn holds them as float32 here, so that the next step would compute in float32."""
    series: bool = False
    """Whether it is one column that scikit-learn passes on as a series, without a second dimension."""

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.codes)

    @property
    def numeric(self) -> bool:
        """Whether every column holds numbers."""
        return not any(code is not None for code in self.codes)

    @property
    def has_text(self) -> bool:
        """Whether a column holds texts."""
        return any(isinstance(code, TextCodes) for code in self.codes)


@dataclass(frozen=True)
class Scores:
    """The output of a classifier with C classes, in the order of its ``classes_``."""

    label: str
    """A float64 value of shape (N, 1): the index of the predicted class. Shape (N, ``count``) if a row has several labels."""
    probabilities: str | None = None
    """A float64 value of shape (N, C): ``predict_proba``, or None if the classifier has no such method."""
    decision: str | None = None
    """A float64 value of shape (N, 1) for two classes, else (N, C): ``decision_function``, or None if it has no such method."""
    count: int = 1
    """The number of labels per row. With several labels there are neither probabilities nor a decision."""


def numbers(name: str, width: int) -> Columns:
    """Return columns of numbers without names."""
    return Columns(name, (None,) * width)
