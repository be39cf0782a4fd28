"""Writes SelfTrainingClassifier of sklearn.semi_supervised: the classifier that was fitted last, with its digits."""

from __future__ import annotations

import dataclasses

from sklearn.semi_supervised import SelfTrainingClassifier

from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import classifier, classify, same_in_float32

same_in_float32(SelfTrainingClassifier)


@classifier(SelfTrainingClassifier)
def self_training(writer: GraphWriter, model: SelfTrainingClassifier, columns: Columns) -> Scores:
    """Write the classifier that was fitted last; it receives an array without names."""
    writer.require_numbers(columns)
    with writer.step_scope("estimator_"):
        return classify(writer, model.estimator_, dataclasses.replace(columns, names=None))
