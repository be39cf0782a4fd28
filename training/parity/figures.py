"""How far two sets of answers are apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray


def differences(
    expected: NDArray[np.float64], got: NDArray[np.float64], typical: float | NDArray[np.float64] = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return absolute and relative differences, in the answers' shape.

    Relative is to the largest of |expected|, |got| and ``typical``, so it is at most 2, and with a typical magnitude
    given, an answer near zero does not blow it up. Equal infinities and NaN beside NaN count as equal; NaN or infinity
    beside a number counts as infinitely far.

    Args:
        expected: shape (N,) or (N, W).
        got: the same shape.
        typical: a magnitude, or one per column, shape (W,).

    Raises:
        ValueError: the shapes are not the same, which a graph that mixes up rows would show.
    """
    if expected.shape != got.shape:
        raise ValueError(f"expected answers of shape {expected.shape}, got {got.shape}: the graph loses or makes rows")
    same = (expected == got) | (np.isnan(expected) & np.isnan(got))
    with np.errstate(invalid="ignore", over="ignore"):
        absolute = np.where(same, 0.0, np.abs(expected - got))
        scale = np.maximum(np.maximum(np.abs(expected), np.abs(got)), typical)
        relative = np.divide(absolute, scale, out=np.zeros_like(absolute), where=~same & (scale > 0))
    apart = ~same & ~(np.isfinite(expected) & np.isfinite(got))
    absolute[apart] = relative[apart] = np.inf
    return absolute, relative


def beyond_rounding(expected: NDArray[np.float64], got: NDArray[np.float64], kind: DTypeLike) -> NDArray[np.bool_]:
    """Say which answers differ by more than one unit in the last place of a type of floats, in the answers' shape.

    Args:
        expected: shape (N,) or (N, W).
        got: the same shape.
        kind: the type in which the pipeline answers, float32 or float64.
    """
    same = (expected == got) | (np.isnan(expected) & np.isnan(got))
    information = np.finfo(kind)
    with np.errstate(invalid="ignore", over="ignore"):
        # One unit at the larger of the two: half of it is the rounding of either.
        unit = np.maximum(np.abs(expected), np.abs(got)) * float(information.eps)
        unit = np.maximum(unit, float(information.smallest_subnormal))
        return np.asarray(~same & ~(np.abs(expected - got) <= unit))
