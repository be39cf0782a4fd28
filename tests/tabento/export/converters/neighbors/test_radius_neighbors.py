"""Neighbours inside a radius: the same rows on the border, the same votes, the same means."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import RadiusNeighborsClassifier, RadiusNeighborsRegressor

from tabento.export import ExportError
from tests.tabento.export.converters.neighbors.test_k_neighbors import KINDS, TENTHS, tenths
from tests.tabento.export.estimator_graphs import answers, check, write

ROWS = np.vstack([tenths(400), TENTHS[:3] + 30])
METRICS: list[dict[str, Any]] = [{}, {"metric": "manhattan"}, {"metric": "chebyshev"}, {"metric": "minkowski", "p": 3}]


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree"])
@pytest.mark.parametrize("metric", METRICS, ids=str)
@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_rows_on_the_border(weights: str, metric: dict[str, Any], algorithm: str) -> None:
    """Training rows exactly on the radius are included as in scikit-learn; distant rows have no neighbour."""
    for radius in (0.5, 1.0):
        common = {"weights": weights, "algorithm": algorithm, "leaf_size": 7, **metric}
        check(RadiusNeighborsClassifier(radius, outlier_label="most_frequent", **common).fit(TENTHS, KINDS), ROWS)
        model = RadiusNeighborsRegressor(radius, **common).fit(TENTHS, TENTHS[:, 0] + KINDS)
        values = answers(write(model, 4), ROWS)["values"].ravel()
        np.testing.assert_allclose(values, _predict(model), rtol=1e-12, equal_nan=True)
        assert np.isnan(values[-1])


def _predict(model: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a row has no neighbour is meant
        return model.predict(ROWS)


def test_several_targets() -> None:
    """Each target has its own average."""
    targets = np.column_stack([TENTHS[:, 0], TENTHS[:, 1] ** 2])
    check(RadiusNeighborsRegressor(2.0).fit(TENTHS, targets), TENTHS)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (RadiusNeighborsClassifier(), "raises on a row without a training row inside the radius"),
        (RadiusNeighborsClassifier(outlier_label=9), "outlier_label=9 is not one of its classes"),
        (RadiusNeighborsClassifier(outlier_label=0, algorithm="brute"), "algorithm='brute' depends on rounding"),
        (RadiusNeighborsClassifier(outlier_label=0, weights=np.reciprocal), "function of one's own"),
        (RadiusNeighborsClassifier(outlier_label=0, metric="canberra", algorithm="ball_tree"), "metric 'canberra'"),
    ],
    ids=["raises", "label", "brute", "weights", "metric"],
)
def test_what_is_refused(model: Any, reason: str) -> None:
    """Searches without a rule for the border, and models that raise, are refused."""
    with pytest.raises(ExportError, match=reason):
        write(model.fit(TENTHS, KINDS), 4)


def test_several_labels_are_refused() -> None:
    """A model with several labels for a row is refused."""
    with pytest.raises(ExportError, match="several labels"):
        write(RadiusNeighborsClassifier(outlier_label=0).fit(TENTHS, np.column_stack([KINDS, KINDS])), 4)
