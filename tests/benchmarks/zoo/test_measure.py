"""A short zoo: ten pipelines on 500 rows from fitting to figures, and what becomes of those that go wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline

from benchmarks.zoo.data import PLAIN, Table
from benchmarks.zoo.measure import ERROR_LENGTH, fit, measure, short, time_graphs
from benchmarks.zoo.member import Member
from benchmarks.zoo.pipelines import zoo
from training.export.pen import Pen
from training.export.registry import REGRESSORS
from training.export.values import Columns

SHORT = (
    "StandardScaler → Ridge [outputs]",
    "StandardScaler → LogisticRegression [classes]",
    "DecisionTreeRegressor [outputs]",
    "StandardScaler → DecisionTreeClassifier [binary]",
    "StandardScaler → SVC [classes]",
    "KNeighborsRegressor [regression]",
    "MinMaxScaler → HistGradientBoostingRegressor [regression]",
    "PowerTransformer Yeo-Johnson → HistGradientBoostingRegressor [regression]",
    "OneHotEncoder ignore → Ridge [regression]",
    "CalibratedClassifierCV sigmoid [binary]",
)
ROWS = 150
"""Rows that a member is fitted on."""


class Odd(LinearRegression):  # type: ignore[misc] # scikit-learn has no types
    """A regressor that the export knows nothing of until a test tells it something: it might compute something else."""

    def predict(self, X: Any) -> Any:
        """Answer as its parent does."""
        return super().predict(X)


def _odd() -> Member:
    return Member("odd", "linear", "regression", lambda: Pipeline([("odd", Odd())]), PLAIN, ROWS)


@pytest.mark.parametrize("key", SHORT)
def test_short_zoo(key: str, table: Table) -> None:
    """Each is exported and proven; what is found is complete."""
    specimen = fit(replace(zoo()[key], fit_rows=ROWS), table)
    measured = measure(specimen)
    found = measured.result
    assert (found.name, found.family, found.task) == (specimen.name, specimen.family, specimen.task)
    assert (found.refused, found.broken) == (None, None)
    assert found.exact is not None
    assert found.exact.failed is None
    assert found.exact.rows > len(specimen.test)
    assert found.exact.worst_relative <= 1e-9
    assert found.exact.other_branch_share == 0
    assert found.exact.label_flips == 0
    assert measured.exact is not None
    assert found.exact.size == len(measured.exact)
    assert found.naive is not None
    assert found.naive.failed is not None or found.naive.rows == found.exact.rows


def test_both_graphs_are_timed(table: Table) -> None:
    """At one row and at a hundred."""
    speed = time_graphs(measure(fit(replace(zoo()[SHORT[2]], fit_rows=ROWS), table)))
    assert speed is not None
    assert min(value for value in speed.model_dump().values()) > 0


def test_refusal_is_kept(table: Table) -> None:
    """A pipeline without an exact conversion has the refusal's text, the naive figures and no speed."""
    measured = measure(fit(_odd(), table))
    assert measured.result.refused is not None
    assert "step 'odd'" in measured.result.refused
    assert measured.result.exact is None
    assert measured.result.naive is not None
    assert time_graphs(measured) is None


def _wrong(pen: Pen, model: Any, columns: Columns) -> str:
    weights = pen.constant(np.asarray(model.coef_, dtype=np.float64)[:, np.newaxis] * 1.001, "weights")
    return pen.node("MatMul", [columns.name, weights])


def _raising(pen: Pen, model: Any, columns: Columns) -> str:
    raise KeyError("a fault of the converter")


def test_failed_proof_is_kept(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """A converter that writes something else than the estimator computes is found out."""
    monkeypatch.setitem(REGRESSORS, Odd, _wrong)
    found = measure(fit(_odd(), table)).result
    assert found.exact is not None
    assert found.exact.failed is not None
    assert found.exact.failed.startswith("at step 'odd': expected differences within 1e-09 relative")
    assert found.exact.worst_relative > 1e-9


def test_fault_of_a_converter_is_kept(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is no refusal is a line of the table and does not end the run."""
    monkeypatch.setitem(REGRESSORS, Odd, _raising)
    found = measure(fit(_odd(), table)).result
    assert found.broken == "KeyError: 'a fault of the converter'"
    assert found.refused is None


def test_errors_are_cut() -> None:
    """One line, no longer than a cell may be."""
    assert short("a\n  b") == "a b"
    assert len(short("long " * 100)) == ERROR_LENGTH
