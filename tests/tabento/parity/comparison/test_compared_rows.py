"""The scale on which answers are compared."""

from __future__ import annotations

import numpy as np

from tabento.parity.comparison.compared_rows import Scale
from tabento.parity.report import Limits


def test_scale_is_the_typical_magnitude_of_the_numbers() -> None:
    """Labels are not numbers, and infinities do not change the typical magnitude."""
    scale = Scale.from_answers(np.array([[2.0, -1.0, 4.0], [0.0, 3.0, np.inf]]), 1, Limits())
    np.testing.assert_array_equal(scale.typical, [2.0, 2.0])
    absolute, relative, flips = scale.differences(np.array([[1.0, 0.0, 8.0]]), np.array([[2.0, 1.0, 8.0]]))
    np.testing.assert_array_equal(absolute, [[1.0, 0.0]])
    np.testing.assert_array_equal(relative, [[0.5, 0.0]])
    assert flips.tolist() == [True]
