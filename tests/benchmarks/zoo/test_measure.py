"""A short zoo: ten pipelines on 500 rows from fit to results, and members with an error."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline

from benchmarks.zoo.data import PLAIN, Table
from benchmarks.zoo.measure import fit, measure, time_graphs
from benchmarks.zoo.member import Member
from benchmarks.zoo.pipelines import zoo
from tabento.export.graph.values import Columns
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import REGRESSORS

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
"""The number of rows of a fit."""


class Odd(LinearRegression):  # type: ignore[misc] # scikit-learn has no types
    """A regressor that the export does not know until a test registers a converter."""

    def predict(self, X: Any) -> Any:
        """Return the parent's answer."""
        return super().predict(X)


def _odd() -> Member:
    return Member("odd", "linear", "regression", lambda: Pipeline([("odd", Odd())]), PLAIN, ROWS)


@pytest.mark.slow
@pytest.mark.parametrize("key", SHORT)
def test_short_zoo(key: str, table: Table) -> None:
    """Each member is exported and proven, and its result is complete."""
    specimen = fit(replace(zoo()[key], fit_rows=ROWS), table)
    measured = measure(specimen)
    member = measured.result
    assert (member.name, member.family, member.task) == (specimen.name, specimen.family, specimen.task)
    assert (member.refused, member.broken) == (None, None)
    assert member.exact is not None
    assert member.exact.failed is None
    assert member.exact.rows > len(specimen.test)
    assert member.exact.worst_relative <= 1e-9
    assert member.exact.other_branch_share == 0
    assert member.exact.label_flips == 0
    assert measured.exact is not None
    assert member.exact.size == len(measured.exact)
    assert member.naive is not None
    assert member.naive.failed is not None or member.naive.rows == member.exact.rows


def test_both_graphs_are_timed(table: Table) -> None:
    """Both graphs have times for one row and for a hundred rows."""
    speed = time_graphs(measure(fit(replace(zoo()[SHORT[2]], fit_rows=ROWS), table)), rounds=2)
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


def _wrong_converter(writer: GraphWriter, model: Any, columns: Columns) -> str:
    weights = writer.constant(np.asarray(model.coef_, dtype=np.float64)[:, np.newaxis] * 1.001, "weights")
    return writer.node("MatMul", [columns.name, weights])


def _raising(writer: GraphWriter, model: Any, columns: Columns) -> str:
    raise KeyError("a fault of the converter")


def test_failed_proof_is_kept(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """A converter that writes another computation than the estimator's gives a failed proof."""
    monkeypatch.setitem(REGRESSORS, Odd, _wrong_converter)
    member = measure(fit(_odd(), table)).result
    assert member.exact is not None
    assert member.exact.failed is not None
    assert member.exact.failed.startswith("at step 'odd': expected differences within 1e-09 relative")
    assert member.exact.worst_relative > 1e-9


def test_fault_of_a_converter_is_kept(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is no refusal is a line of the table and does not end the run."""
    monkeypatch.setitem(REGRESSORS, Odd, _raising)
    member = measure(fit(_odd(), table)).result
    assert member.broken == "KeyError: 'a fault of the converter'"
    assert member.refused is None
