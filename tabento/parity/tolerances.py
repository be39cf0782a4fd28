"""The differences of two sets of answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray


def differences(
    expected: NDArray[np.float64], actual: NDArray[np.float64], typical: float | NDArray[np.float64] = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return absolute and relative differences, in the answers' shape.

    A relative difference is divided by the largest of |expected|, |actual| and ``typical``. It is at most 2, and with a
    typical magnitude it stays small for answers near zero. Equal infinities are equal, and NaN is equal to NaN. The
    difference of NaN or infinity from a number is infinite.

    Args:
        expected: shape (N,) or (N, W).
        actual: the same shape.
        typical: a magnitude, or one per column, shape (W,).

    Raises:
        ValueError: the shapes are not the same, which happens if a graph loses or makes rows.
    """
    if expected.shape != actual.shape:
        raise ValueError(
            f"expected answers of shape {expected.shape}, got {actual.shape}: the graph loses or makes rows"
        )
    same = (expected == actual) | (np.isnan(expected) & np.isnan(actual))
    with np.errstate(invalid="ignore", over="ignore"):
        absolute = np.where(same, 0.0, np.abs(expected - actual))
        scale = np.maximum(np.maximum(np.abs(expected), np.abs(actual)), typical)
        relative = np.divide(absolute, scale, out=np.zeros_like(absolute), where=~same & (scale > 0))
    infinite = ~same & ~(np.isfinite(expected) & np.isfinite(actual))
    absolute[infinite] = relative[infinite] = np.inf
    return absolute, relative


def beyond_rounding(expected: NDArray[np.float64], actual: NDArray[np.float64], kind: DTypeLike) -> NDArray[np.bool_]:
    """Return the mask of answers that differ by more than one unit in the last place of a type, in the answers' shape.

    Args:
        expected: shape (N,) or (N, W).
        actual: the same shape.
        kind: the type in which the pipeline answers, float32 or float64.
    """
    same = (expected == actual) | (np.isnan(expected) & np.isnan(actual))
    information = np.finfo(kind)
    with np.errstate(invalid="ignore", over="ignore"):
        # One unit at the larger of the two numbers: each number is rounded by half a unit.
        unit = np.maximum(np.abs(expected), np.abs(actual)) * float(information.eps)
        unit = np.maximum(unit, float(information.smallest_subnormal))
        return np.asarray(~same & ~(np.abs(expected - actual) <= unit))
