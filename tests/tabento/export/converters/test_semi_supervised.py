"""Self-training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.semi_supervised import SelfTrainingClassifier

from tests.tabento.export.estimator_graphs import check, labels, table

RAW = table()
ROWS = (RAW - RAW.mean(axis=0)) / RAW.std(axis=0)


@pytest.mark.parametrize("inner", [LogisticRegression(), make_pipeline(FunctionTransformer(), GaussianNB())], ids=str)
def test_self_training(inner: Any) -> None:
    """The last fitted classifier answers; the mark -1 of rows without a label is not a class."""
    partial = np.where(np.arange(300) % 3, -1, labels(RAW, [0, 1, 2])[:300])
    check(SelfTrainingClassifier(inner, max_iter=2).fit(ROWS[:300], partial), ROWS)
