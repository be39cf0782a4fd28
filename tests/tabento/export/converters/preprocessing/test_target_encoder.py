"""Target encoders: means of the target for each category, as the fitted encoder has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.preprocessing import TargetEncoder

from tests.tabento.export.converters.preprocessing.test_encoders import CONTRACT, NAMES, ROWS, TARGET, fit_encoder
from tests.tabento.export.tables import assert_same


@pytest.mark.parametrize(
    "target",
    [TARGET, (TARGET > 0).astype(int), np.where(TARGET > 0, "up", "down"), np.digitize(TARGET, [0.5, 1.5])],
    ids=["continuous", "binary", "labels", "multiclass"],
)
def test_target_means(target: NDArray[Any]) -> None:
    """Unknown categories get the mean over all rows, of each class if there are several."""
    for names in (NAMES, ["kind", "sort"], ["count"]):
        assert_same(fit_encoder(TargetEncoder(cv=3), names, target), CONTRACT, ROWS)
