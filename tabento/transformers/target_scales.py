"""Functions that undo the scale on which a target was learned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def square_of_positive(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Undo a square root: max(x, 0)².

    The estimator may answer a little below zero on the root's scale; squaring that would turn "less than nothing" into
    "more than nothing".
    """
    positive = np.maximum(values, 0.0)
    return positive * positive
