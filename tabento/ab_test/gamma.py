"""Logarithms of the gamma and beta functions of arrays, because the service does not import SciPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

SHIFT = 8
"""Stirling's series is used above this argument: its error is below 1e-12 there."""
_COEFFICIENTS = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)
_HALF_LOG_TAU = 0.9189385332046727


def log_gamma(values: ArrayLike) -> Floats:
    """Return ln Γ(x) for positive values, of the same shape.

    Stirling's series (NIST Digital Library of Mathematical Functions, 5.11.1) at x + 8 if x is below 8, and the recurrence
    Γ(x + 1) = x Γ(x) back from there.
    """
    x = np.asarray(values, np.float64)
    is_small = x < SHIFT
    has_small = bool(is_small.any())
    shifted = np.where(is_small, x + SHIFT, x) if has_small else x
    inverse = 1.0 / shifted
    square = inverse * inverse
    series = np.polynomial.polynomial.polyval(square, _COEFFICIENTS, tensor=False)
    result: Floats = (shifted - 0.5) * np.log(shifted) - shifted + _HALF_LOG_TAU + series * inverse
    if has_small:
        small = np.where(is_small, x, 1.0)
        product = small.copy()
        for step in range(1, SHIFT):
            product *= small + step
        result = np.where(is_small, result - np.log(product), result)
    return result


def log_beta(a: ArrayLike, b: ArrayLike) -> Floats:
    """Return ln B(a, b) = ln Γ(a) + ln Γ(b) - ln Γ(a + b) for positive arguments."""
    first, second = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(b, np.float64))
    logs = log_gamma(np.stack([first, second, first + second]))
    return np.asarray(logs[0] + logs[1] - logs[2], np.float64)
