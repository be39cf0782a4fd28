"""The kinds under which missing, unusual and refused values are counted."""

from __future__ import annotations

import math

from serving.codec.values import NumberText, Value
from tabento.bundle.contract import Feature, timestamp_seconds

NULL = "null"
"""A missing value: null, a field that is not sent, or a value that the contract treats as missing."""
OUT_OF_RANGE = "out_of_range"
"""A number or a timestamp outside the contract's range."""
UNKNOWN_CATEGORY = "unknown_category"
"""A text that is not one of the contract's categories."""
OTHER = "other"
"""A value of another type, a number that an integer feature does not accept, or a repeated field."""


def kind_of_refused(feature: Feature, value: Value) -> str:
    """Return the kind of a value that a feature does not accept."""
    if value is None:
        return NULL
    if feature.type == "category":
        return UNKNOWN_CATEGORY if isinstance(value, str) and not isinstance(value, NumberText) else OTHER
    if feature.type == "timestamp":
        is_time = isinstance(value, str) and not isinstance(value, NumberText) and timestamp_seconds(value) is not None
        return OUT_OF_RANGE if is_time else OTHER
    if feature.numeric and isinstance(value, int | float | NumberText) and not isinstance(value, bool):
        return OTHER if _is_within(feature, value) else OUT_OF_RANGE
    return OTHER


def _is_within(feature: Feature, value: float | NumberText) -> bool:
    """Return whether a number is within the range of a feature; NaN counts as if it were."""
    try:
        number = float(value)
    except OverflowError:
        return False
    return math.isnan(number) or feature.lower <= number <= feature.upper
