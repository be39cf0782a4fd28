"""Suspects of leakage: columns that alone predict the target nearly perfectly, because they contain the answer."""

from __future__ import annotations

import warnings

import pandas as pd

from training.commands.init.decision import Decision
from training.config import Leakage, ModelConfig
from training.gate.leakage import single_feature_scores


def limit() -> float:
    """Return the score above which a column is a suspect: the limit of the gate."""
    return Leakage().single_feature_max or 1.0


def leakage_suspects(config: ModelConfig, train: pd.DataFrame) -> dict[str, float]:
    """Return the features that alone score above the limit of the gate, best first: R², or area under the ROC curve.

    Args:
        config: complete, with every category known.
        train: the training part, validated.
    """
    with warnings.catch_warnings():
        # A warning of classes with very few rows, which are reported elsewhere.
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
