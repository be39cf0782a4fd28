"""Figures of an adopted pipeline on its sample. Whether it was fitted on those rows, nobody here can know."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bundle.contract import Contract, Label
from training.adoption.errors import AdoptionError
from training.metrics import HIGHER_IS_BETTER, classification_metrics, regression_metrics

ROWS = "sample_rows"
"""Under which key the number of the sample's rows stands beside the metrics."""


OF = " of "
"""Between a metric's key and the name of one of several targets."""


def sample_metrics(contract: Contract, truth: NDArray[np.float64], answers: NDArray[np.float64]) -> dict[str, float]:
    """Measure answers against the truth.

    A regression gets ``training.metrics.regression_metrics``, a classification ``classification_metrics``. Several targets
    are measured each by itself, as ``rmse of NAME``; the metric's own key is the worst of them, so that a limit on it
    holds for each.

    Args:
        contract: which of the two it is.
        truth: numbers or indices of classes, shape (N,), or (N, W) of several targets.
        answers: the pipeline's, shape (N,) or (N, W).

    Raises:
        AdoptionError: the truth admits no metric, for instance because it is 0 throughout.
    """
    targets = contract.output.targets
    if targets is None:
        return _metrics_of(contract.output.name, contract.output.classes, truth, answers)
    measured = {
        one.name: _metrics_of(
            one.name, one.classes, truth[:, at], answers[:, at] if one.classes is None else answers[:, at : at + 1]
        )
        for at, one in enumerate(targets)
    }
    shared = [key for key in next(iter(measured.values())) if all(key in figures for figures in measured.values())]
    worst = {
        key: (min if key in HIGHER_IS_BETTER else max)(figures[key] for figures in measured.values()) for key in shared
    }
    return worst | {f"{key}{OF}{name}": value for name, figures in measured.items() for key, value in figures.items()}


def _metrics_of(
    name: str, classes: Sequence[Label] | None, truth: NDArray[np.float64], answers: NDArray[np.float64]
) -> dict[str, float]:
    if classes is not None:
        return classification_metrics(truth, answers, len(classes))
    try:
        return regression_metrics(truth, answers)
    except ValueError as error:
        raise AdoptionError(f"--target {name!r} cannot be measured against: {error}") from error
