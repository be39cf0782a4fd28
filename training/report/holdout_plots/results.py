"""The picture of a model's answers, by task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from numpy.typing import ArrayLike

from training.config import ModelConfig
from training.report.holdout_plots.classification import plot_classification
from training.report.holdout_plots.regression import plot_regression


def plot_results(
    config: ModelConfig, test: pd.DataFrame, answers: ArrayLike, metrics: Mapping[str, float], path: Path
) -> None:
    """Write a PNG of a model's answers to the test part.

    Args:
        config: the model's config.
        test: N rows with the target, as ``training.data.validation.validate`` types them.
        answers: the result of ``tabento.parity.pipeline_answers``, of shape (N,) or (N, 1 + C).
        metrics: the result of ``training.model.metrics.measure``.
        path: the file of the picture; its folder exists.

    Raises:
        ValueError: rows and answers differ in number, or a classification has no probabilities.
    """
    y_true = test[config.target.name].to_numpy(dtype=float)
    if config.target.classes is None:
        plot_regression(y_true, answers, test, config, metrics, path)
    else:
        plot_classification(y_true, answers, config, metrics, path)
