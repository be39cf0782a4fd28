"""Nearest centroids: the same class, the same scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid

from tabento.export import ExportError
from tests.tabento.export.converters.neighbors.test_k_neighbors import KINDS, TENTHS, tenths
from tests.tabento.export.estimator_graphs import check, write

ROWS = tenths(400)


@pytest.mark.parametrize(
    "model",
    [
        NearestCentroid(),
        NearestCentroid(metric="manhattan"),
        NearestCentroid(shrink_threshold=0.3),
        NearestCentroid(priors=[0.2, 0.3, 0.5]),
        NearestCentroid(metric="manhattan", priors=[0.2, 0.3, 0.5]),
    ],
    ids=str,
)
@pytest.mark.parametrize("names", [["a", "b", "c"], [3, 1, 2]], ids=str)
def test_classes(model: NearestCentroid, names: list[Any]) -> None:
    """Label is exported, and probabilities and decision if the metric has them."""
    check(model.fit(TENTHS, np.asarray(names)[KINDS]), ROWS)


def test_two_classes() -> None:
    """For two classes the decision is one number."""
    model = NearestCentroid(priors="empirical").fit(TENTHS[:120], KINDS[:120] > 0)
    assert check(model, ROWS)["decision"].shape == (len(ROWS), 1)


def test_column_without_deviation() -> None:
    """A column that is constant inside each class is not divided."""
    rows = np.column_stack([TENTHS[:, 0], KINDS.astype(float)])
    with pytest.warns(UserWarning, match="zero standard deviation"):
        model = NearestCentroid().fit(rows, KINDS)
    check(model, rows)


def test_what_is_refused() -> None:
    """A prior of 0 and an unknown metric are refused."""
    with pytest.raises(ExportError, match="prior 0"):
        write(NearestCentroid(priors=[0.0, 0.5, 0.5]).fit(TENTHS, KINDS), 4)
    strange = NearestCentroid().fit(TENTHS, KINDS)
    strange.metric = "cosine"
    with pytest.raises(ExportError, match="the metric 'cosine'"):
        write(strange, 4)
