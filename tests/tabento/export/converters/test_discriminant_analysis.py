"""Discriminant analysis: labels, decisions and probabilities, and the projections of the linear one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabento.export import ExportError
from tabento.tables.frames import to_frame
from tests.tabento.export.estimator_graphs import check, labels, table
from tests.tabento.export.tables import assert_same, contract_of, number, write_transformer

GENERATOR = np.random.default_rng(101)
CONTRACT = contract_of(*(number(f"x{index}") for index in range(8)))
ROWS = GENERATOR.normal(size=(300, 8)) @ GENERATOR.normal(size=(8, 8)) + GENERATOR.normal(size=8)
FRAME = to_frame(ROWS, CONTRACT)
CLASSES = np.digitize(ROWS[:, 0] + ROWS[:, 3], [-2.0, 2.0])
NUMBERS = table()
NAMES = [["no", "yes"], [False, True], [3, 1, 2, 9]]


@pytest.mark.parametrize(
    "model",
    [
        LinearDiscriminantAnalysis(),
        LinearDiscriminantAnalysis(n_components=1),
        LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto"),
    ],
    ids=repr,
)
def test_projections_on_directions_between_classes(model: Any) -> None:
    """The projections agree with the graph to rounding, on raw and on scaled columns."""
    assert_same(model.fit(FRAME, CLASSES), CONTRACT, ROWS, relative=1e-10)
    assert_same(make_pipeline(StandardScaler(), model).fit(FRAME, CLASSES), CONTRACT, ROWS, relative=1e-10)


def test_solver_without_a_transform_is_refused() -> None:
    """With the solver "lsqr" the analysis has no transform, so it is refused before another step."""
    with pytest.raises(ExportError, match=r"solver='lsqr' has no transform.*solver='svd'"):
        write_transformer(LinearDiscriminantAnalysis(solver="lsqr").fit(FRAME, CLASSES), CONTRACT)


@pytest.mark.parametrize("names", NAMES, ids=str)
@pytest.mark.parametrize(
    "model",
    [
        LinearDiscriminantAnalysis(),
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
        QuadraticDiscriminantAnalysis(),
        QuadraticDiscriminantAnalysis(reg_param=0.1),
        QuadraticDiscriminantAnalysis(solver="eigen", shrinkage="auto"),
    ],
    ids=str,
)
def test_classifiers(model: Any, names: list[Any]) -> None:
    """Label, decision and probabilities are equal to scikit-learn's, also for rows far from the training rows."""
    model.fit(NUMBERS[:300], labels(NUMBERS, names)[:300])
    check(model, np.vstack([NUMBERS, 1e3 * NUMBERS[:20]]))
