"""The binarizer: one threshold for each column."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import Binarizer

from tests.tabento.export.converters.preprocessing.test_discretization import CONTRACT, FRAME, TRAIN
from tests.tabento.export.tables import assert_same


@pytest.mark.parametrize("threshold", [0.0, -0.0, 0.7, -3.0])
def test_binarizer(threshold: float) -> None:
    """A value above the threshold is 1, a value equal to it is 0."""
    rows = np.concatenate(
        [TRAIN, np.full((1, 3), threshold), np.full((1, 3), np.nextafter(threshold, 9)), -np.zeros((1, 3))]
    )
    assert_same(Binarizer(threshold=threshold).fit(FRAME), CONTRACT, rows)
