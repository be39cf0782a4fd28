"""Suspects of leakage: columns that alone predict the target as no honest column does, because they say the answer."""

from __future__ import annotations

import warnings

import pandas as pd

from training.config import Leakage, ModelConfig
from training.gate.leakage import single_feature_scores
from training.init.decision import Decision


def limit() -> float:
    """The score from which on a column is a suspect: that from which on the gate refuses the model."""
    return Leakage().single_feature_max or 1.0


def leakage_suspects(config: ModelConfig, train: pd.DataFrame) -> dict[str, float]:
    """Return the features that alone score above what the gate allows, best first: R², or area under the ROC curve.

    Args:
        config: complete, with every category known.
        train: the training part, validated.
    """
    with warnings.catch_warnings():
        # Classes with very few rows: said elsewhere.
        warnings.simplefilter("ignore", UserWarning)
        scores = single_feature_scores(config, train)
    return {name: score for name, score in scores.items() if score > limit()}


def dropped_suspect(name: str, score: float, target: str, *, is_number: bool) -> Decision:
    """Return the decision on a suspect."""
    measure = "R²" if is_number else "an area under the ROC curve"
    return Decision(
        name,
        None,
        f"Suspected of leakage: alone it predicts {target} with {measure} of {score:.3f}.",
        f"{name} is dropped: it nearly says the answer ({measure} of {score:.3f} alone). If its value is known before"
        f" {target} is, move it from `drop` to `features` and set `gate.leakage.single_feature_max: null`.",
    )
