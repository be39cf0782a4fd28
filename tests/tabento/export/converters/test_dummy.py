"""Baselines: the same answer for every row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor

from tabento.export import ExportError
from tests.tabento.export.estimator_graphs import check, labels, table, target, write

ROWS = table(200)
NUMBERS = target(ROWS)


@pytest.mark.parametrize("change", [{}, {"strategy": "median"}, {"strategy": "constant", "constant": 3}], ids=str)
def test_regressor(change: dict[str, Any]) -> None:
    """A regressor of one target answers its constant."""
    check(DummyRegressor(**change).fit(ROWS, NUMBERS), ROWS, rtol=0, atol=0)


def test_regressor_of_several_targets() -> None:
    """A regressor of several targets answers its constants."""
    check(DummyRegressor().fit(ROWS, np.column_stack([NUMBERS, NUMBERS**2])), ROWS, rtol=0, atol=0)


@pytest.mark.parametrize("strategy", ["prior", "most_frequent", "constant"])
def test_classifier(strategy: str) -> None:
    """The classifier answers the most frequent class, or the configured one."""
    model = DummyClassifier(strategy=strategy, constant="c" if strategy == "constant" else None)
    check(model.fit(ROWS, labels(ROWS, ["a", "b", "c"])), ROWS, rtol=0, atol=0)


def test_answers_by_chance_are_refused() -> None:
    """A random label is refused, because it does not depend on the row."""
    for strategy in ("stratified", "uniform"):
        with pytest.raises(ExportError, match="answers by chance"):
            write(DummyClassifier(strategy=strategy).fit(ROWS, labels(ROWS, [0, 1])), 6)


def test_several_labels_are_refused() -> None:
    """A baseline with several labels for a row is refused."""
    with pytest.raises(ExportError, match="several labels"):
        write(DummyClassifier().fit(ROWS, np.column_stack([NUMBERS > 0, NUMBERS > 1])), 6)
