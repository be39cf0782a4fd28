"""Figures of an adopted pipeline on its sample. Whether it was fitted on those rows, nobody here can know."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bundle.contract import Contract
from training.adoption.errors import AdoptionError
from training.metrics import classification_metrics, regression_metrics

ROWS = "sample_rows"
"""Under which key the number of the sample's rows stands beside the metrics."""


def sample_metrics(contract: Contract, truth: NDArray[np.float64], answers: NDArray[np.float64]) -> dict[str, float]:
    """Measure answers against the truth.

    A regression gets ``training.metrics.regression_metrics``, a classification ``classification_metrics``.

    Args:
        contract: which of the two it is.
        truth: numbers or indices of classes, shape (N,).
        answers: the pipeline's, shape (N,) or (N, W).

    Raises:
        AdoptionError: the truth admits no metric, for instance because it is 0 throughout.
    """
    classes = contract.output.classes
    if classes is None:
        try:
            return regression_metrics(truth, answers)
        except ValueError as error:
            raise AdoptionError(f"--target {contract.output.name!r} cannot be measured against: {error}") from error
    return classification_metrics(truth, answers, len(classes))
