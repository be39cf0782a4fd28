"""Distances: sums over columns in their order, whichever way they are written."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from tabento.export.formulas import distances
from tabento.export.formulas.distances import Term, column_sums, magnitude, power, square
from tests.tabento.export.estimator_graphs import run_value, table

ROWS = table(500)


@pytest.mark.parametrize("limit", [0, 10**6], ids=["column by column", "one tensor"])
@pytest.mark.parametrize(
    ("term", "largest", "metric"),
    [(square, False, "sqeuclidean"), (magnitude, False, "cityblock"), (magnitude, True, "chebyshev")],
    ids=["squares", "magnitudes", "largest"],
)
def test_bit_for_bit(term: Term, largest: bool, metric: str, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As scipy adds them up, alone and in batches."""
    monkeypatch.setattr(distances, "TENSOR_LIMIT", limit)
    points = table(90, seed=5)
    for count in (1, 2, 50, 500):
        got = run_value(lambda writer, value: column_sums(writer, value, points, term, largest=largest), ROWS[:count])
        np.testing.assert_array_equal(got, _loop(ROWS[:count], points, metric))


def _loop(rows: NDArray[np.float64], points: NDArray[np.float64], metric: str) -> NDArray[np.float64]:
    return np.asarray(cdist(rows, points, metric))


def test_power() -> None:
    """Any power of the difference."""
    points = table(90, seed=5)
    got = run_value(lambda writer, value: column_sums(writer, value, points, power(3.0, 90)), ROWS)
    np.testing.assert_allclose(got, cdist(ROWS, points, "minkowski", p=3) ** 3, rtol=1e-14)
