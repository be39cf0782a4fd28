"""The metrics of an adopted pipeline on its sample. Only its author knows whether it was fitted on these rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tabento.adopt.errors import AdoptionError
from tabento.bundle.contract import Contract, Label
from training.model.metrics import HIGHER_IS_BETTER, classification_metrics, regression_metrics

ROWS = "sample_rows"
"""The key of the sample's number of rows among the metrics."""


METRIC_SEPARATOR = " of "
"""The text between a metric's key and the name of one of several targets."""


def sample_metrics(contract: Contract, truth: NDArray[np.float64], answers: NDArray[np.float64]) -> dict[str, float]:
    """Return the metrics of the answers.

    A regression gets ``training.model.metrics.regression_metrics``, a classification ``classification_metrics``. Several targets
    are measured separately, as ``rmse of NAME``; the metric's own key has the worst value, so that a limit on it
    holds for each target.

    Args:
        contract: the task and the output.
        truth: numbers or indices of classes, shape (N,), or (N, W) of several targets.
        answers: the pipeline's answers, shape (N,) or (N, W).

    Raises:
        AdoptionError: no metric exists for these true answers, for instance because all are 0.
    """
    targets = contract.output.targets
    if targets is None:
        return _metrics_of(contract.output.name, contract.output.classes, truth, answers)
    measured = {
        target.name: _metrics_of(
            target.name,
            target.classes,
            truth[:, index],
            answers[:, index] if target.classes is None else answers[:, index : index + 1],
        )
        for index, target in enumerate(targets)
    }
    shared = [key for key in next(iter(measured.values())) if all(key in metrics for metrics in measured.values())]
    worst = {
        key: (min if key in HIGHER_IS_BETTER else max)(metrics[key] for metrics in measured.values()) for key in shared
    }
    return worst | {
        f"{key}{METRIC_SEPARATOR}{name}": value for name, metrics in measured.items() for key, value in metrics.items()
    }


def _metrics_of(
    name: str, classes: Sequence[Label] | None, truth: NDArray[np.float64], answers: NDArray[np.float64]
) -> dict[str, float]:
    if classes is not None:
        return classification_metrics(truth, answers, len(classes))
    try:
        return regression_metrics(truth, answers)
    except ValueError as error:
        raise AdoptionError(f"--target {name!r} cannot be measured against: {error}") from error
