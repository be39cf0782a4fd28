"""Parts of dates: year, weekday, hour and others of timestamps, by floor arithmetic on seconds alone.

The arithmetic is written once, for any kind of number that adds, subtracts, multiplies and divides: the transformer runs
it on NumPy's float64, and ``tabento.export.converters.own_transformers.date_parts`` on the values of a graph. So both run the same operations in the
same order. Every intermediate result except those of ``elapsed_days`` and ``timestamp`` is an integer below 2^53, so none is
rounded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from tabento.transformers.date_part_names import DatePart

DATE_PARTS: tuple[DatePart, ...] = get_args(DatePart)
_DAYS_TO_EPOCH = 719_162.0
"""Days from 0001-01-01 to 1970-01-01."""
Value = TypeVar("Value", bound=Any)


def date_parts(seconds: Value, parts: Sequence[DatePart], floor: Callable[[Value], Value]) -> dict[DatePart, Value]:
    """Return some parts of timestamps.

    The civil date is computed by ``civil_from_days`` of H. Hinnant, "chrono-Compatible Low-Level Date Algorithms",
    https://howardhinnant.github.io/date_algorithms.html: years that begin in March, in eras of 400 years.

    Args:
        seconds: since 1970-01-01T00:00:00Z, of a type with ``+``, ``-``, ``*`` and ``/`` by a float. NaN gives NaN.
        parts: which parts.
        floor: the largest integer that is not greater.

    Returns:
        By part, in the order of ``DATE_PARTS``.
    """
    requested_parts = set(parts)
    computed_parts: dict[DatePart, Value] = {}
    full_seconds = floor(seconds)
    days = floor(full_seconds / 86_400.0)
    if requested_parts & {"year", "month", "day", "day_of_year"}:
        shifted = days + 719_468.0  # days since 0000-03-01
        era = floor(shifted / 146_097.0)
        day_of_era = shifted - era * 146_097.0
        leap_days = floor(day_of_era / 1_460.0) - floor(day_of_era / 36_524.0) + floor(day_of_era / 146_096.0)
        year_of_era = floor((day_of_era - leap_days) / 365.0)
        # From here on a year begins in March.
        days_before = year_of_era * 365.0 + floor(year_of_era / 4.0) - floor(year_of_era / 100.0)
        day_of_year = day_of_era - days_before
        month = floor((day_of_year * 5.0 + 2.0) / 153.0)  # 0 is March
        next_year = floor(month / 10.0)  # 1 in January and February
        year = era * 400.0 + year_of_era + next_year
        computed_parts["year"] = year
        computed_parts["month"] = month + 3.0 - next_year * 12.0
        computed_parts["day"] = day_of_year - floor((month * 153.0 + 2.0) / 5.0) + 1.0
        if "day_of_year" in requested_parts:
            before = year - 1.0
            leaps = floor(before / 4.0) - floor(before / 100.0) + floor(before / 400.0)
            computed_parts["day_of_year"] = days + (_DAYS_TO_EPOCH + 1.0) - before * 365.0 - leaps
    if "weekday" in requested_parts:
        since_monday = days + 3.0  # 1970-01-01 was a Thursday
        computed_parts["weekday"] = since_monday - floor(since_monday / 7.0) * 7.0
    if requested_parts & {"hour", "minute"}:
        second_of_day = full_seconds - days * 86_400.0
        hour = floor(second_of_day / 3_600.0)
        computed_parts["hour"] = hour
        computed_parts["minute"] = floor((second_of_day - hour * 3_600.0) / 60.0)
    if "elapsed_days" in requested_parts:
        computed_parts["elapsed_days"] = seconds / 86_400.0
    if "timestamp" in requested_parts:
        computed_parts["timestamp"] = seconds
    return {part: computed_parts[part] for part in DATE_PARTS if part in requested_parts}


class DateParts(TransformerMixin, BaseEstimator):
    """Compute parts of columns of timestamps, in double; NaN stays NaN.

    Args:
        parts: the parts of each column, in the order of the output; by default every part of each column.
    """

    def __init__(self, parts: Sequence[Sequence[DatePart]] | None = None) -> None:
        self.parts = parts

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Check the parts against the columns; no values are learned.

        Args:
            X: seconds since 1970-01-01T00:00:00Z, of shape (N, F); NaN is allowed.
            y: ignored.

        Raises:
            ValueError: there is not one list of parts per column, or a part is not known or listed twice.
        """
        values: NDArray[np.float64] = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        lists = [DATE_PARTS] * values.shape[1] if self.parts is None else self.parts
        if len(lists) != values.shape[1]:
            raise ValueError(f"parts: expected one list per column, got {len(lists)} for {values.shape[1]} columns")
        for parts in lists:
            unknown = [part for part in parts if part not in DATE_PARTS]
            if unknown or not parts or len(set(parts)) != len(parts):
                raise ValueError(f"parts: expected some of {list(DATE_PARTS)}, each once, got {list(parts)}")
        self.computed_: tuple[DatePart, ...] = tuple(
            part for part in DATE_PARTS if any(part in parts for parts in lists)
        )
        self.parts_ = tuple(tuple(parts) for parts in lists)
        self.places_: NDArray[np.intp] = np.array(
            [
                self.computed_.index(part) * values.shape[1] + column
                for column, parts in enumerate(lists)
                for part in parts
            ],
            dtype=np.intp,
        )
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the parts column by column, float64 of shape (N, all parts)."""
        check_is_fitted(self)
        values: NDArray[np.float64] = validate_data(
            self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False
        )
        computed = date_parts(values, self.computed_, np.floor)
        return np.concatenate([*computed.values()], axis=1)[:, self.places_]

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[np.object_]:
        """Return ``<column>_<part>``, object of shape (all parts,)."""
        check_is_fitted(self)
        input_names = input_features if input_features is not None else getattr(self, "feature_names_in_", None)
        columns = (
            list(input_names)
            if input_names is not None
            else [f"x{position}" for position in range(self.n_features_in_)]
        )
        names = [f"{column}_{part}" for column, parts in zip(columns, self.parts_, strict=True) for part in parts]
        return np.array(names, dtype=object)

    def __sklearn_tags__(self):  # type: ignore[no-untyped-def]  # noqa: ANN204 - scikit-learn has no types
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
