"""imbalanced-learn: its pipeline, whose samplers work in ``fit`` only, and its ensembles.

``Pipeline`` leaves out every step that has ``fit_resample`` when it transforms or predicts. The ensembles inherit all
that they answer from scikit-learn's classes: what differs is the rows on which their members are fitted.

The package is optional: nothing is registered where it is not installed.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from training.export.composites import pipeline_classify, pipeline_regress, pipeline_transform
from training.export.ensembles import adaboost_classifier, bagging_classifier
from training.export.forests import forest_classifier, leaves_of_forest
from training.export.leaves import reached_by
from training.export.pen import Pen
from training.export.registry import classifier, regressor, safe_in_single, transformer
from training.export.values import Columns, Scores


class WithoutSamplers:
    """The steps of an imbalanced-learn pipeline that work when it predicts.

    Args:
        pen: what writes.
        model: a fitted ``imblearn.pipeline.Pipeline``.

    Raises:
        ExportError: its last step is a sampler, so it answers nothing.
    """

    def __init__(self, pen: Pen, model: Any) -> None:
        *first, last = model.steps
        if hasattr(last[1], "fit_resample"):
            raise pen.refusal(
                f"its last step {last[0]!r} only draws rows for `fit`, so it gives no answer",
                "a model behind the sampler",
            )
        self.steps = [step for step in first if not hasattr(step[1], "fit_resample")] + [last]
        """Name and fitted object of each."""


def pipeline_as_transformer(pen: Pen, model: Any, columns: Columns) -> Columns:
    """All steps but samplers, one after the other."""
    return pipeline_transform(pen, WithoutSamplers(pen, model), columns)


def pipeline_as_regressor(pen: Pen, model: Any, columns: Columns) -> str:
    """All steps but samplers and the last transform; the last predicts."""
    return pipeline_regress(pen, WithoutSamplers(pen, model), columns)


def pipeline_as_classifier(pen: Pen, model: Any, columns: Columns) -> Scores:
    """All steps but samplers and the last transform; the last classifies."""
    return pipeline_classify(pen, WithoutSamplers(pen, model), columns)


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
    reached_by(BalancedRandomForestClassifier)(leaves_of_forest)
    safe_in_single(
        Pipeline,
        BalancedRandomForestClassifier,
        BalancedBaggingClassifier,
        EasyEnsembleClassifier,
        RUSBoostClassifier,
    )
