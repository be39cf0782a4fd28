"""The scale on which answers are compared."""

from __future__ import annotations

import numpy as np

from training.parity.report import Limits
from training.parity.tried import Scale


def test_scale_is_that_of_the_numbers() -> None:
    """Labels are no numbers, and infinities do not count as typical."""
    scale = Scale.of(np.array([[2.0, -1.0, 4.0], [0.0, 3.0, np.inf]]), 1, Limits())
    np.testing.assert_array_equal(scale.typical, [2.0, 2.0])
    absolute, relative, flips = scale.apart(np.array([[1.0, 0.0, 8.0]]), np.array([[2.0, 1.0, 8.0]]))
    np.testing.assert_array_equal(absolute, [[1.0, 0.0]])
    np.testing.assert_array_equal(relative, [[0.5, 0.0]])
    assert flips.tolist() == [True]
