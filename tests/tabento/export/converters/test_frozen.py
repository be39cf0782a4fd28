"""Frozen estimators."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from tests.tabento.export.estimator_graphs import check, labels, table, target

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


RAW = table()
ROWS = (RAW - RAW.mean(axis=0)) / RAW.std(axis=0)
NUMBERS = target(RAW)


def test_frozen_estimators() -> None:
    """A frozen regressor, classifier and transformer answer as the inner estimator."""
    check(FrozenEstimator(Ridge().fit(ROWS, NUMBERS)), ROWS)
    check(FrozenEstimator(LogisticRegression().fit(ROWS, labels(RAW, ["a", "b"]))), ROWS)
    frozen = FrozenEstimator(FunctionTransformer(np.square).fit(ROWS))
    check(make_pipeline(frozen, Ridge()).fit(ROWS[:300], NUMBERS[:300]), ROWS)
