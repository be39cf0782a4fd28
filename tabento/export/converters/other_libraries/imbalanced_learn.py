"""Writes the pipeline and the ensembles of imbalanced-learn.

``Pipeline`` skips every step with ``fit_resample`` when it transforms or predicts. The ensembles inherit their predictions
from scikit-learn's classes; only the rows on which their members are fitted differ.

Digits: those of the steps and members. The package is optional: nothing is registered if it is not installed.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from tabento.export.converters.ensemble.bagging import bagging_classifier
from tabento.export.converters.ensemble.forest import forest_classifier, leaves_of_forest
from tabento.export.converters.ensemble.weight_boosting import adaboost_classifier
from tabento.export.converters.pipeline import pipeline_classify, pipeline_regress, pipeline_transform
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.leaves import reads_leaves
from tabento.export.registry import classifier, regressor, same_in_float32, transformer


class WithoutSamplers:
    """The steps of an imbalanced-learn pipeline that run when it predicts.

    Args:
        writer: the writer of the graph.
        model: a fitted ``imblearn.pipeline.Pipeline``.

    Raises:
        ExportError: its last step is a sampler, so it has no predictions.
    """

    def __init__(self, writer: GraphWriter, model: Any) -> None:
        *first, last = model.steps
        if hasattr(last[1], "fit_resample"):
            raise writer.refusal(
                f"its last step {last[0]!r} only draws rows for `fit`, so it gives no answer",
                "a model behind the sampler",
            )
        self.steps = [step for step in first if not hasattr(step[1], "fit_resample")] + [last]
        """Name and fitted object of each step."""


def pipeline_as_transformer(writer: GraphWriter, model: Any, columns: Columns) -> Columns:
    """Write all steps except samplers, in order."""
    return pipeline_transform(writer, WithoutSamplers(writer, model), columns)


def pipeline_as_regressor(writer: GraphWriter, model: Any, columns: Columns) -> str:
    """Write all steps except samplers: the last one predicts, the others transform."""
    return pipeline_regress(writer, WithoutSamplers(writer, model), columns)


def pipeline_as_classifier(writer: GraphWriter, model: Any, columns: Columns) -> Scores:
    """Write all steps except samplers: the last one classifies, the others transform."""
    return pipeline_classify(writer, WithoutSamplers(writer, model), columns)


if find_spec("imblearn") is not None:
    from imblearn.ensemble import (
        BalancedBaggingClassifier,
        BalancedRandomForestClassifier,
        EasyEnsembleClassifier,
        RUSBoostClassifier,
    )
    from imblearn.pipeline import Pipeline

    transformer(Pipeline)(pipeline_as_transformer)
    regressor(Pipeline)(pipeline_as_regressor)
    classifier(Pipeline)(pipeline_as_classifier)
    classifier(BalancedRandomForestClassifier)(forest_classifier)
    classifier(BalancedBaggingClassifier, EasyEnsembleClassifier)(bagging_classifier)
    classifier(RUSBoostClassifier)(adaboost_classifier)
    reads_leaves(BalancedRandomForestClassifier)(leaves_of_forest)
    same_in_float32(
        Pipeline,
        BalancedRandomForestClassifier,
        BalancedBaggingClassifier,
        EasyEnsembleClassifier,
        RUSBoostClassifier,
    )
