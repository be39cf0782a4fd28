"""The picture that fits the task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from numpy.typing import ArrayLike

from training.config import ModelConfig
from training.plots.classification import plot_classification
from training.plots.regression import plot_regression


def plot_results(
    config: ModelConfig, test: pd.DataFrame, answers: ArrayLike, metrics: Mapping[str, float], path: Path
) -> None:
    """Write a PNG of a model's answers to the test part.

    Args:
        config: the model's config.
        test: N rows with the target, as ``training.data.validation.validate`` types them.
        answers: as ``training.parity.pipeline_answers`` gives them: shape (N,), or (N, 1 + C).
        metrics: what ``training.metrics.measure`` says of them.
        path: where the picture goes; its folder must be there.

    Raises:
        ValueError: rows and answers differ in number, or a classification has no probabilities.
    """
    truth = test[config.target.name].to_numpy(dtype=float)
    if config.target.classes is None:
        plot_regression(truth, answers, test, config, metrics, path)
    else:
        plot_classification(truth, answers, config, metrics, path)
