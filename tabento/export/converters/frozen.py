"""Writes FrozenEstimator of sklearn.frozen: the estimator inside, with its digits."""

from __future__ import annotations

from sklearn.frozen import FrozenEstimator

from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import (
    classifier,
    classify,
    regress,
    regressor,
    same_in_float32,
    takes_text,
    transform,
    transformer,
)

same_in_float32(FrozenEstimator)
takes_text(FrozenEstimator)


@transformer(FrozenEstimator)
def frozen_transform(writer: GraphWriter, model: FrozenEstimator, columns: Columns) -> Columns:
    """Write the inner transformer."""
    with writer.step_scope("estimator"):
        return transform(writer, model.estimator, columns)


@regressor(FrozenEstimator)
def frozen_regress(writer: GraphWriter, model: FrozenEstimator, columns: Columns) -> str:
    """Write the inner regressor."""
    with writer.step_scope("estimator"):
        return regress(writer, model.estimator, columns)


@classifier(FrozenEstimator)
def frozen_classify(writer: GraphWriter, model: FrozenEstimator, columns: Columns) -> Scores:
    """Write the inner classifier."""
    with writer.step_scope("estimator"):
        return classify(writer, model.estimator, columns, several=True)
