"""Calibration: whether an event with a probability of 70% happens in seven of ten cases.

With two classes the check uses the probability of the positive class, otherwise the probability of the most probable class.
The expected calibration error uses bins of equal width (M. P. Naeini et al., Obtaining well calibrated probabilities using Bayesian binning, 2015;
C. Guo et al., On calibration of modern neural networks, 2017). A decision threshold does not change probabilities.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabento.bundle.contract import label_key
from training.config import Calibration
from training.gate.figures import CalibrationFigures, ReliabilityBin
from training.gate.gate_input import GateInput
from training.gate.report import Check, disabled_check, limit_check, unlimited_check

GROUP = "Calibration"
BINS = 10
"""The number of bins if the config does not set it."""
_REMEDY = (
    "calibrate the estimator, drop class weights, use an estimator with smoother probabilities, or raise the limit"
)


def check_calibration(gate_input: GateInput) -> tuple[list[Check], CalibrationFigures | None]:
    """Check the probabilities of a classification against the limits. A regression has no probabilities."""
    classes = gate_input.config.target.classes
    if classes is None:
        return [disabled_check("calibration", group=GROUP, detail="a number has no probability")], None
    limits = gate_input.config.gate.calibration or Calibration()
    subject = label_key(classes[1].label) if len(classes) == 2 else "the most probable class"
    figures = calibration_figures(
        gate_input.truth, gate_input.answers, gate_input.metrics["brier"], limits.bins, subject
    )
    texts = {
        "brier_max": "mean squared distance between probability and outcome",
        "ece_max": f"mean distance between probability and frequency over {limits.bins} bins, weighted by rows",
    }
    checks = []
    for name, value in (("brier_max", figures.brier), ("ece_max", figures.ece)):
        limit = getattr(limits, name)
        full = f"calibration.{name}"
        if limit is None:
            checks.append(unlimited_check(full, value, group=GROUP, detail=texts[name]))
        else:
            checks.append(limit_check(full, value, limit, group=GROUP, detail=texts[name], remedy=_REMEDY))
    return checks, figures


def calibration_figures(
    truth: NDArray[np.float64], answers: NDArray[np.float64], brier: float, bins: int, subject: str
) -> CalibrationFigures:
    """Compare probabilities with the observed outcomes.

    Args:
        truth: indices of classes, shape (N,).
        answers: shape (N, 1 + C): the label's index and the probabilities.
        brier: the Brier score of the answers, as ``training.model.metrics`` defines it.
        bins: the number of bins of equal width.
        subject: a text that names the class of the probability.
    """
    if answers.shape[1] == 3:
        probability, outcome = answers[:, 2], truth == 1
    else:
        top = answers[:, 1:].argmax(axis=1)
        probability, outcome = answers[:, 1:].max(axis=1), top == truth
    edges = np.linspace(0, 1, bins + 1)
    bin_indices = np.clip(np.searchsorted(edges, probability, side="right") - 1, 0, bins - 1)
    reliability = []
    for index in range(bins):
        bin_mask = bin_indices == index
        count = int(bin_mask.sum())
        reliability.append(
            ReliabilityBin(
                low=float(edges[index]),
                high=float(edges[index + 1]),
                rows=count,
                probability=float(probability[bin_mask].mean()) if count else None,
                frequency=float(outcome[bin_mask].mean()) if count else None,
            )
        )
    gaps = [
        abs(item.probability - item.frequency) * item.rows
        for item in reliability
        if item.probability is not None and item.frequency is not None
    ]
    return CalibrationFigures(subject=subject, brier=brier, ece=sum(gaps) / len(truth), bins=tuple(reliability))
