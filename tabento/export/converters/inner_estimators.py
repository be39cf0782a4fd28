"""Estimators inside an ensemble or a wrapper, written one after the other below the step ``estimators_[i]``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import classify, regress


def regress_each(writer: GraphWriter, estimators: Iterable[Any], columns: Columns) -> list[str]:
    """Write fitted regressors on the same columns and return their values, each of shape (N, targets)."""
    values = []
    for index, estimator in enumerate(estimators):
        with writer.step_scope(f"estimators_[{index}]"):
            values.append(regress(writer, estimator, columns))
    return values


def classify_each(writer: GraphWriter, estimators: Iterable[Any], columns: Columns) -> list[Scores]:
    """Write fitted classifiers on the same columns and return their scores."""
    scores = []
    for index, estimator in enumerate(estimators):
        with writer.step_scope(f"estimators_[{index}]"):
            scores.append(classify(writer, estimator, columns))
    return scores
