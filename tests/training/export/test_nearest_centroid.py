"""Nearest centroids: the same class, the same scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid

from tests.training.export.test_neighbours import KINDS, TENTHS, tenths
from tests.training.export.written import check, write
from training.export import ExportError

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
    """Label, and probabilities and decision where the metric has them."""
    check(model.fit(TENTHS, np.asarray(names)[KINDS]), ROWS)


def test_two_classes() -> None:
    """The decision is one number then."""
    model = NearestCentroid(priors="empirical").fit(TENTHS[:120], KINDS[:120] > 0)
    assert check(model, ROWS)["decision"].shape == (len(ROWS), 1)


def test_column_without_deviation() -> None:
    """A column that is constant inside each class is not divided."""
    rows = np.column_stack([TENTHS[:, 0], KINDS.astype(float)])
    with pytest.warns(UserWarning, match="zero standard deviation"):
        model = NearestCentroid().fit(rows, KINDS)
    check(model, rows)


def test_what_is_refused() -> None:
    """A prior of 0 has no logarithm, and a metric that is not known no rule."""
    with pytest.raises(ExportError, match="prior 0"):
        write(NearestCentroid(priors=[0.0, 0.5, 0.5]).fit(TENTHS, KINDS), 4)
    strange = NearestCentroid().fit(TENTHS, KINDS)
    strange.metric = "cosine"
    with pytest.raises(ExportError, match="the metric 'cosine'"):
        write(strange, 4)
