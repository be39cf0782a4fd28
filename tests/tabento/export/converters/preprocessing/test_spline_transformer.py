"""Splines: SciPy's bits inside the knots and outside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from tabento.export import ExportError, export_pipeline, serialise
from tabento.parity import check_parity
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import assert_same, contract_of, number

GENERATOR = np.random.default_rng(3)
CONTRACT = contract_of(*(number(name, minimum=-300, maximum=300) for name in "abc"))
TRAIN = np.round(GENERATOR.normal(size=(80, 3)) * [1, 10, 3] + [0, 5, 40], 1)


def _rows(model: Any) -> NDArray[np.float64]:
    """Return rows inside, far outside, on each knot and one double next to it."""
    knots = np.stack([spline.t for spline in model.bsplines_], axis=1)
    adjacent = [knots, np.nextafter(knots, -np.inf), np.nextafter(knots, np.inf)]
    return np.vstack([TRAIN, *adjacent, TRAIN * 5, -TRAIN, [[0.0, -0.0, 1e-300]]])


@pytest.mark.parametrize("extrapolation", ["constant", "linear", "continue", "periodic"])
@pytest.mark.parametrize("degree", [1, 2, 3, 5])
@pytest.mark.parametrize("knots", ["uniform", "quantile"])
def test_every_degree_and_extrapolation(extrapolation: Any, degree: int, knots: Any) -> None:
    """Every degree and extrapolation agrees bit for bit, also with repeated quantiles."""
    model = SplineTransformer(n_knots=7, degree=degree, knots=knots, extrapolation=extrapolation)
    model.fit(to_frame(TRAIN, CONTRACT))
    assert_same(model, CONTRACT, _rows(model))


@pytest.mark.parametrize(
    "model",
    [
        SplineTransformer(include_bias=False),
        SplineTransformer(sparse_output=True, extrapolation="linear"),
        SplineTransformer(sparse_output=True, extrapolation="periodic"),
        SplineTransformer(degree=0, extrapolation="continue"),
        SplineTransformer(degree=0, extrapolation="linear"),
        SplineTransformer(degree=0, extrapolation="periodic"),
        SplineTransformer(n_knots=2, degree=4),
        SplineTransformer(n_knots=4, degree=3, extrapolation="periodic"),
        SplineTransformer(knots=np.array([[-1.0, 0.0, 30.0], [0.0, 1.0, 40.0], [5.0, 20.0, 41.0]])),
    ],
    ids=str,
)
def test_other_settings(model: SplineTransformer) -> None:
    """Splines without the last one, sparse output, periods, few knots and custom knots agree."""
    model.fit(to_frame(TRAIN, CONTRACT))
    assert_same(model, CONTRACT, _rows(model))


@pytest.mark.parametrize("extrapolation", ["constant", "continue", "periodic"])
def test_missing_values_become_zeros(extrapolation: Any) -> None:
    """All splines of a missing value are 0."""
    contract = contract_of(*(number(name, nullable=True) for name in "abc"))
    holes = np.where(GENERATOR.random(TRAIN.shape) < 0.2, np.nan, TRAIN)
    model = SplineTransformer(handle_missing="zeros", extrapolation=extrapolation).fit(to_frame(holes, contract))
    assert_same(model, contract, np.vstack([holes, 3 * holes]))


def test_repeated_quantiles() -> None:
    """Equal knots agree, as the quantiles of a column with few values are."""
    rounded_rows = np.where(np.median(TRAIN, axis=0) < TRAIN, 3.0, np.round(TRAIN / 10))
    model = SplineTransformer(n_knots=6, knots="quantile").fit(to_frame(rounded_rows, CONTRACT))
    assert_same(model, CONTRACT, np.vstack([rounded_rows, TRAIN]))


def test_trees_and_lines_behind_splines_are_proven() -> None:
    """The splines have the same bits, so trees and linear models after them are proven."""
    frame, target = to_frame(TRAIN, CONTRACT), TRAIN.sum(axis=1)
    for last in (DecisionTreeRegressor(max_depth=5, random_state=0), LinearRegression()):
        model = make_pipeline(StandardScaler(), SplineTransformer(), last).fit(frame, target)
        graph = serialise(export_pipeline(model, CONTRACT))
        report = check_parity(model, graph, CONTRACT, frame, max_rows=1000)
        assert (report.other_branches, report.undecided) == (0, 0)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (SplineTransformer(extrapolation="error"), r"nothing keeps 'a' between them.*extrapolation='constant'"),
        (SplineTransformer(degree=0), r"degree=0 raises.*degree=1"),
    ],
)
def test_what_raises_is_refused(model: Any, message: str) -> None:
    """Settings on which scikit-learn raises for rows of the contract are refused."""
    with pytest.raises(ExportError, match=message):
        export_pipeline(make_pipeline(model, LinearRegression()).fit(to_frame(TRAIN, CONTRACT), TRAIN[:, 0]), CONTRACT)


def test_error_is_no_matter_within_the_knots() -> None:
    """`extrapolation='error'` is accepted if the contract keeps rows between the outer knots."""
    contract = contract_of(*(number(name, minimum=-1, maximum=1) for name in "abc"))
    rows = np.vstack([np.full(3, -1.0), np.ones(3), np.clip(TRAIN, -1, 1)])
    assert_same(SplineTransformer(extrapolation="error").fit(to_frame(rows, contract)), contract, rows)


def test_constant_and_missing_columns_are_refused() -> None:
    """A constant column is refused, and a missing value, on which scikit-learn raises by default."""
    same = np.ones((20, 3))
    nullable = contract_of(*(number(name, nullable=True) for name in "abc"))
    for contract, rows, message in ((CONTRACT, same, "no two different knots"), (nullable, TRAIN, "missing value")):
        model = make_pipeline(SplineTransformer(), LinearRegression()).fit(to_frame(rows, contract), rows[:, 0])
        with pytest.raises(ExportError, match=message):
            export_pipeline(model, contract)
